import { Defect } from "@attune/protocol";
import fc from "fast-check";
import { expect, it } from "vitest";
import { auroc } from "./auroc.ts";
import { createWindowStatistics, type WindowShape } from "./windowStatistics.ts";

const shape: WindowShape = {
  channelCount: 3,
  windowSamples: 5,
  layout: "channelsFirst",
  vectors: [[0, 1, 2]],
};
const numbers = fc.array(fc.float({ min: -100, max: 100, noNaN: true }), {
  minLength: 15,
  maxLength: 15,
});

/** The definition, written down. */
function expected(window: readonly number[]): number[] {
  const channels = [0, 1, 2].map((channel) => window.slice(channel * 5, channel * 5 + 5));
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = (values: readonly number[]): number =>
    Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)));
  const step = (values: readonly number[]): number =>
    mean(values.slice(1).map((value, at) => Math.abs(value - (values[at] as number))));
  const lengths = [0, 1, 2, 3, 4].map((at) =>
    Math.hypot(...channels.map((one) => one[at] as number)),
  );
  return [
    ...channels.map(mean),
    ...channels.map(deviation),
    ...channels.map((values) => Math.min(...values)),
    ...channels.map((values) => Math.max(...values)),
    ...channels.map(step),
    mean(lengths),
    deviation(lengths),
    step(lengths),
  ];
}

it("[LC39] a window is described by the statistics of its channels and vectors, in either layout", () => {
  fc.assert(
    fc.property(numbers, (window) => {
      const found = new Float64Array(19);
      createWindowStatistics(shape).describe([9, 9, ...window], 2, found, 1);
      const wanted = expected(window);
      wanted.forEach((value, at) => {
        expect(Math.abs((found[at + 1] as number) - value)).toBeLessThan(1e-4);
      });
      const turned = Array.from(
        { length: 15 },
        (_, at) => window[(at % 3) * 5 + Math.floor(at / 3)],
      );
      const other = new Float64Array(18);
      createWindowStatistics({ ...shape, layout: "samplesFirst" }).describe(
        turned as number[],
        0,
        other,
        0,
      );
      expect(other).toEqual(found.slice(1));
    }),
  );
});

it("[LC39] the deviation is never below 0 beside a large mean, and NaN comes out as NaN", () => {
  const found = new Float64Array(18);
  createWindowStatistics(shape).describe(new Float64Array(15).fill(1e9 + 0.1), 0, found, 0);
  expect([...found.subarray(3, 6)]).toEqual([0, 0, 0]);
  createWindowStatistics(shape).describe(
    [Number.NaN, ...Array.from({ length: 14 }, () => 1)],
    0,
    found,
    0,
  );
  expect(found[0]).toBeNaN();
  for (const at of [0, 2, 4]) {
    const window = Array.from({ length: 15 }, (_, place) => place % 4);
    window[at] = Number.NaN;
    createWindowStatistics(shape).describe(window, 0, found, 0);
    for (let statistic = 0; statistic < 5; statistic++) expect(found[3 * statistic]).toBeNaN();
    expect([...found.subarray(1, 3)].every(Number.isFinite)).toBe(true);
  }
});

it("[LC39] a single sample is described by itself; vectors of channels that are not there are a defect", () => {
  expect(createWindowStatistics({ ...shape, windowSamples: 1 }).length).toBe(0);
  expect(() => createWindowStatistics({ ...shape, vectors: [[0, 3]] })).toThrow(Defect);
  expect(() => createWindowStatistics({ ...shape, vectors: [[0]] })).toThrow(Defect);
});

it("[LC39] the area counts pairs in the right order, ties half", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 30 }),
      fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 30 }),
      (usual, unusual) => {
        let wins = 0;
        for (const low of usual) {
          for (const high of unusual) wins += high > low ? 1 : high === low ? 0.5 : 0;
        }
        expect(auroc(usual, unusual)).toBeCloseTo(wins / usual.length / unusual.length, 12);
        expect(auroc(usual, unusual) + auroc(unusual, usual)).toBeCloseTo(1, 12);
      },
    ),
  );
  expect(auroc([], [1])).toBeNaN();
  expect(auroc([1, Number.NaN], [1])).toBeNaN();
  expect(auroc([1], [Number.NaN, 2])).toBeNaN();
});
