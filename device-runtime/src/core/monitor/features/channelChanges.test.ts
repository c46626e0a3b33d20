// What is looked for, and that a change is seen where it is and nowhere else.
import { expect, it } from "vitest";
import { channelChangesOf, createChangeDirections } from "./channelChanges.ts";
import type { FeatureLayout } from "./featureLayout.ts";
import type { FeatureReference } from "./featureReference.ts";

/** Two channels of a mean and a deviation each, axes of one sensor. */
const layout: FeatureLayout = {
  featureCount: 4,
  series: [0, 1].map((channel) => ({
    name: `channel ${channel}`,
    features: [channel, 2 + channel],
    isChannel: true,
  })),
  logFeatures: [2, 3],
  axes: [[0, 1]],
  logFloor: 1e-6,
};

/** Deviations of both channels rise and fall together: correlation .8 of features 2 and 3, which come first. */
const changeFactor = Float64Array.of(1, 0.8, 0.6, 0, 0, 1, 0, 0, 0, 1);
const reference: FeatureReference = {
  version: 2,
  layout,
  classCount: 1,
  baselineCount: 2,
  means: new Float64Array(4),
  withinVariances: new Float64Array(4).fill(1),
  betweenVariances: new Float64Array(4),
  factor: Float64Array.of(1, 0, 1, 0, 0, 1, 0, 0, 0, 1),
  scoreLimits: new Float64Array(3).fill(1),
  changeFactor,
  changeLimits: new Float64Array(5).fill(1),
};

const centres = Float32Array.of(1, 0, Math.log(0.1), Math.log(0.2));
const spread = 0.1;

function scoresOf(change: (values: Float64Array) => void): number[] {
  const directions = createChangeDirections(reference);
  directions.aim(0, centres, new Float32Array(4).fill(1 / spread));
  const values = Float64Array.from(centres);
  change(values);
  directions.measure(values, 0);
  return Array.from(directions.scores);
}

it("[LC90] gains and offsets of channels and swaps of axes are looked for, none in a layout that is too large", () => {
  expect(channelChangesOf(layout, 1).map(({ kind, series }) => [kind, ...series])).toEqual([
    ["gain", 0],
    ["gain", 1],
    ["offset", 0],
    ["offset", 1],
    ["swap", 0, 1],
  ]);
  expect(channelChangesOf(layout, 64)).toHaveLength(5);
  expect(channelChangesOf(layout, 4000)).toEqual([]);
});

it("[LC90] a gain of one channel is plainer than its own spread, and channels that grow together are no gain", () => {
  const grown = Math.log(1.5);
  const [alone = 0, other = 0] = scoresOf((values) => {
    values[2] = (values[2] as number) + grown;
  });
  // The other channel leaves .6 of the deviation open.
  expect(alone).toBeCloseTo(grown / spread / 0.6, 3);
  expect(other).toBeLessThan(0);
  const [together = 0] = scoresOf((values) => {
    values[2] = (values[2] as number) + grown;
    values[3] = (values[3] as number) + grown;
  });
  expect(together).toBeCloseTo((grown / spread / 0.6) * 0.2, 3);
});

it("[LC90] the usual window scores nothing, an offset and a swap score most as what they are", () => {
  for (const score of scoresOf(() => undefined)) expect(score).toBeCloseTo(0, 4);
  const offset = scoresOf((values) => {
    values[1] = 0.3;
  });
  expect(offset.indexOf(Math.max(...offset))).toBe(3);
  const swapped = scoresOf((values) => {
    values.set([0, 1, Math.log(0.2), Math.log(0.1)]);
  });
  expect(swapped.indexOf(Math.max(...swapped))).toBe(4);
});
