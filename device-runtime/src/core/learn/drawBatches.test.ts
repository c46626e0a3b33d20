import { Defect } from "@attune/protocol";
import fc from "fast-check";
import { expect, it } from "vitest";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import type { ReplaySample } from "../replay/replayBuffer.ts";
import { drawBatches } from "./drawBatches.ts";

/** Samples of two numbers, the second of which is the label. */
const samplesOf = (labels: readonly number[]): ReplaySample[] =>
  labels.map((label, index) => ({ x: Float32Array.of(index, label), label, atMs: 0 }));

it("[LC43] every batch has each class equally often, or once more, and inputs go with their labels", () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(4), { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 1, max: 24 }),
      (labels, batchSize) => {
        const samples = samplesOf(labels);
        const draw = drawBatches(samples, { batchSize }, 0, 3, createSeededRandom(1));
        const classes = [...new Set(labels)];
        for (let step = 0; step < 3; step++) {
          const batch = [...draw.labels.subarray(step * batchSize, (step + 1) * batchSize)].map(
            Number,
          );
          for (const one of classes) {
            const count = batch.filter((label) => label === one).length;
            expect(count).toBeGreaterThanOrEqual(Math.floor(batchSize / classes.length));
            expect(count).toBeLessThanOrEqual(Math.ceil(batchSize / classes.length));
          }
        }
        draw.labels.forEach((label, at) => {
          const index = draw.inputs[at * 2] as number;
          expect(draw.inputs[at * 2 + 1]).toBe(Number(label));
          expect(samples[index]?.label).toBe(Number(label));
        });
      },
    ),
  );
});

it("[LC43] slices of any length see the same batches as one draw", () => {
  const samples = samplesOf([0, 0, 1, 2, 2, 2, 0]);
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 8 }),
      (slices) => {
        const total = slices.reduce((sum, length) => sum + length, 0);
        const random = createSeededRandom("job 3");
        const whole = drawBatches(samples, { batchSize: 4 }, 0, total, random);
        let firstStep = 0;
        for (const length of slices) {
          const slice = drawBatches(samples, { batchSize: 4 }, firstStep, length, random);
          const end = firstStep + length;
          expect(slice.inputs).toEqual(whole.inputs.subarray(firstStep * 8, end * 8));
          expect(slice.labels).toEqual(whole.labels.subarray(firstStep * 4, end * 4));
          firstStep = end;
        }
      },
    ),
  );
});

it("[LC43] another seed draws other batches, and in the end every sample is seen", () => {
  const samples = samplesOf(Array.from({ length: 30 }, (_, index) => index % 3));
  const one = drawBatches(samples, { batchSize: 12 }, 0, 40, createSeededRandom(1));
  const other = drawBatches(samples, { batchSize: 12 }, 0, 40, createSeededRandom(2));
  expect(one.inputs).not.toEqual(other.inputs);
  const seen = new Set<number>();
  for (let at = 0; at < one.inputs.length; at += 2) seen.add(one.inputs[at] as number);
  expect(seen.size).toBe(30);
});

it("[LC43] nothing to draw from, or a range that is none, is a defect", () => {
  const random = createSeededRandom(1);
  expect(() => drawBatches([], { batchSize: 4 }, 0, 1, random)).toThrow(Defect);
  for (const [batchSize, firstStep, stepCount] of [
    [0, 0, 1],
    [4, -1, 1],
    [4, 0, 0],
    [4, 0.5, 1],
  ] as const) {
    expect(() => drawBatches(samplesOf([0]), { batchSize }, firstStep, stepCount, random)).toThrow(
      Defect,
    );
  }
});
