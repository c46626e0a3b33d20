// What is watched of raw windows, and when a package is made without it.
import { encodeCbor } from "@attune/protocol";
import { expect, it } from "vitest";
import { createSeededRandom } from "../adapters/seededRandom.ts";
import { gaussian } from "../ports/random.ts";
import type { LabelledWindows } from "./labelledWindows.ts";
import type { Preprocessing } from "./preprocessing.ts";
import { createWatchedFeatures, measureFeatures } from "./watchedFeatures.ts";
import { watchedLayout } from "./watchedLayout.ts";

const channels = ["acc-x", "acc-y", "acc-z", "heart"];
const signal: Preprocessing = {
  labels: ["still", "walking"],
  channels: channels.map((name) => ({ name, offset: 0, scale: 2 })),
  windowSamples: 16,
  hopSamples: 8,
  sampleRateHz: 50,
  layout: "channelsFirst",
};

function recorded(people: number, windowsEach: number): LabelledWindows {
  const random = createSeededRandom("recorded");
  const count = people * windowsEach;
  return {
    windows: Float32Array.from({ length: count * 64 }, () => gaussian(random)),
    labels: Int32Array.from({ length: count }, (_, index) => Math.floor(index / 6) % 2),
    persons: Int32Array.from({ length: count }, (_, index) => Math.floor(index / windowsEach)),
  };
}

it("[LC98] of a signal each channel's statistics are a series that can be named, a vector's length is one that cannot", () => {
  const layout = watchedLayout(signal);
  expect(layout?.featureCount).toBe(23);
  expect(layout?.series.map(({ name, isChannel }) => [name, isChannel])).toEqual([
    ["acc-x", true],
    ["acc-y", true],
    ["acc-z", true],
    ["heart", true],
    ["acc-x+acc-y+acc-z", false],
  ]);
  // The heart alone changes: only the features of its series do.
  const window = new Float32Array(64).fill(0.5);
  const watched = createWatchedFeatures(signal);
  const before = Array.from(watched.of(window));
  for (let sample = 48; sample < 64; sample++) window[sample] = sample % 3;
  const after = Array.from(watched.of(window));
  const changed = after.flatMap((value, index) => (value === before[index] ? [] : [index]));
  expect(changed).toEqual([...(layout?.series[3]?.features ?? [])].sort((a, b) => a - b));
});

it("[LC98] where windows are no signals, every value is a feature of its channel, in either layout", () => {
  for (const layout of ["channelsFirst", "samplesFirst"] as const) {
    const features = watchedLayout({ ...signal, windowSamples: 2, layout })?.series[1]?.features;
    expect(features).toEqual(layout === "channelsFirst" ? [2, 3] : [1, 5]);
  }
  const many = Array.from({ length: 561 }, (_, index) => ({
    name: `f${index}`,
    offset: 0,
    scale: 1,
  }));
  expect(watchedLayout({ ...signal, windowSamples: 1, channels: many })).toBeNull();
});

it("[LC98] too few windows or people, or people who are not told apart, measure nothing", () => {
  const enough = recorded(5, 100);
  const { labels } = enough;
  const reference = measureFeatures(signal, enough, labels);
  expect(reference?.layout.featureCount).toBe(23);
  expect(encodeCbor(reference).length).toBeLessThan(8192);
  const { persons: _, ...unnamed } = enough;
  expect(measureFeatures(signal, unnamed, labels)).toBeNull();
  const one = { ...enough, persons: new Int32Array(labels.length) };
  expect(measureFeatures(signal, one, labels)).toBeNull();
  const few = recorded(5, 60);
  expect(measureFeatures(signal, few, few.labels)).toBeNull();
});
