// Whether the intervals hold the truth as often as they say, when neighbouring windows are alike.
import { uniform } from "@attune/device-runtime";
import { createSeededRandom } from "@attune/device-runtime/testing";
import { expect, it } from "vitest";
import type { HaptWindow } from "../data/loadHarHapt.ts";
import { blocksOf, pairedInterval } from "./pairedInterval.ts";

const windowOf = (startMs: number, label: number, experiment = 1): HaptWindow => ({
  startMs,
  endMs: startMs + 2560,
  experiment,
  classId: label + 1,
  label,
  samples: new Float32Array(0),
  features: new Float32Array(0),
});

it("[HA4] a block ends with a pause, another activity or another session", () => {
  const windows = [
    windowOf(0, 0),
    windowOf(1280, 0),
    windowOf(2560, 1),
    windowOf(3840, 1),
    windowOf(9000, 1),
    windowOf(10_280, 1, 2),
  ];
  expect([...blocksOf(windows)]).toEqual([0, 0, 1, 1, 2, 3]);
});

const TRUE_GAIN = 0.1;
const BLOCKS = 16;
const BLOCK_SIZE = 10;

/** Sixteen stretches of ten windows: a model is right or wrong on a whole stretch, except for a tenth of its windows. */
function world(seed: number): { challenger: boolean[]; champion: boolean[]; blocks: number[] } {
  const random = createSeededRandom(seed);
  const challenger: boolean[] = [];
  const champion: boolean[] = [];
  const blocks: number[] = [];
  for (let block = 0; block < BLOCKS; block++) {
    const stretch = uniform(random);
    for (let window = 0; window < BLOCK_SIZE; window++) {
      const own = (): number => (uniform(random) < 0.1 ? uniform(random) : stretch);
      challenger.push(own() < 0.85);
      champion.push(own() < 0.85 - TRUE_GAIN);
      blocks.push(block);
    }
  }
  return { challenger, champion, blocks };
}

function coverage(withBlocks: boolean): number {
  const runs = 60;
  let held = 0;
  for (let seed = 0; seed < runs; seed++) {
    const { challenger, champion, blocks } = world(seed);
    const { low, high } = pairedInterval(
      challenger,
      champion,
      withBlocks ? blocks : blocks.map((_, index) => index),
      createSeededRandom(`interval ${seed}`),
    );
    if (low <= TRUE_GAIN && TRUE_GAIN <= high) held += 1;
  }
  return held / runs;
}

it("[HA4] holds the truth about as often as it says, where single windows would hold it far less", () => {
  expect(coverage(true)).toBeGreaterThan(0.86);
  expect(coverage(false)).toBeLessThan(0.75);
});

it("holds 0 where the two models agree, narrower with more stretches", () => {
  const widthOf = (blockCount: number): number => {
    const flags = Array.from({ length: 10 * blockCount }, (_, index) => index % 3 > 0);
    const blocks = flags.map((_, index) => Math.floor(index / 10));
    const { difference, low, high } = pairedInterval(flags, flags, blocks, createSeededRandom(1));
    expect(difference).toBe(0);
    expect(low).toBeLessThan(0);
    expect(high).toBeGreaterThan(0);
    return high - low;
  };
  expect(widthOf(40)).toBeLessThan(0.5 * widthOf(10));
});

it("is the same for the same seed", () => {
  const { challenger, champion, blocks } = world(1);
  expect(pairedInterval(challenger, champion, blocks, createSeededRandom(1))).toEqual(
    pairedInterval(challenger, champion, blocks, createSeededRandom(1)),
  );
});

it("changes its sign when the two are swapped", () => {
  const { challenger, champion, blocks } = world(1);
  const one = pairedInterval(challenger, champion, blocks, createSeededRandom(1));
  const swapped = pairedInterval(champion, challenger, blocks, createSeededRandom(1));
  expect(swapped.difference).toBeCloseTo(-one.difference, 12);
  expect(swapped.low).toBeCloseTo(-one.high, 1);
});

it("refuses answers that do not belong to the windows", () => {
  expect(() => pairedInterval([true], [true, false], [0, 0], createSeededRandom(1))).toThrow(
    "interval.count_mismatch",
  );
});
