import { Defect } from "@attune/protocol";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { Preprocessing } from "./preprocessing.ts";
import { createWindower } from "./windower.ts";

const preprocessing = (overrides: Partial<Preprocessing>): Preprocessing => ({
  labels: ["still", "walking"],
  channels: [
    { name: "x", offset: 0, scale: 1 },
    { name: "y", offset: 0, scale: 1 },
  ],
  windowSamples: 3,
  hopSamples: 2,
  sampleRateHz: 50,
  layout: "channelsFirst",
  ...overrides,
});

it("[DR4] windows start every hop and hold the samples in the package's layout", () => {
  const samples = Float32Array.of(1, -1, 2, -2, 3, -3, 4, -4, 5, -5);
  expect(createWindower(preprocessing({})).push(samples)).toEqual([
    Float32Array.of(1, 2, 3, -1, -2, -3),
    Float32Array.of(3, 4, 5, -3, -4, -5),
  ]);
  expect(createWindower(preprocessing({ layout: "samplesFirst" })).push(samples)).toEqual([
    Float32Array.of(1, -1, 2, -2, 3, -3),
    Float32Array.of(3, -3, 4, -4, 5, -5),
  ]);
});

it("[DR4] a hop longer than the window skips what lies between", () => {
  const windower = createWindower(preprocessing({ hopSamples: 5 }));
  const samples = Float32Array.from({ length: 2 * 8 }, (_, index) => Math.floor(index / 2));
  expect(windower.push(samples).map((window) => window[0])).toEqual([0, 5]);
});

it("[DR4] however a stream is cut into pushes, the windows are the same", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 7 }), { maxLength: 12 }),
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 6 }),
      (cuts, windowSamples, hopSamples) => {
        const total = cuts.reduce((sum, cut) => sum + cut, 0);
        const samples = Float32Array.from({ length: total * 2 }, (_, index) => index);
        const whole = createWindower(preprocessing({ windowSamples, hopSamples })).push(samples);
        const cut = createWindower(preprocessing({ windowSamples, hopSamples }));
        let at = 0;
        const pieces = cuts.flatMap((count) => {
          const piece = cut.push(samples.subarray(at * 2, (at + count) * 2));
          at += count;
          return [...piece];
        });
        expect(pieces).toEqual(whole);
      },
    ),
  );
});

it("[DR4] after clear a window holds new samples only", () => {
  const windower = createWindower(preprocessing({}));
  windower.push(Float32Array.of(1, 1, 2, 2));
  windower.clear();
  expect(windower.push(Float32Array.of(3, 3))).toEqual([]);
  expect(windower.push(Float32Array.of(4, 4, 5, 5))).toEqual([Float32Array.of(3, 4, 5, 3, 4, 5)]);
});

it("[DR4] a sample that lacks channels is a defect of the caller", () => {
  expect(() => createWindower(preprocessing({})).push(Float32Array.of(1, 2, 3))).toThrow(Defect);
});
