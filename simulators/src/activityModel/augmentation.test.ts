// Augmented copies are the same movement, read by a sensor that sits otherwise.
import { createSeededRandom } from "@attune/device-runtime/testing";
import { expect, it } from "vitest";
import { WINDOW_SAMPLES } from "../people/inertialWindow.ts";
import { createPerson } from "../people/person.ts";
import { augmentInto } from "./augmentation.ts";

const [window] = createPerson({ seed: 1, id: "anna" }).record(1, 0);
const samples = window?.samples ?? new Float32Array();

function copies(rotationDegrees: number, scaleDeviation: number, count: number): Float32Array[] {
  const random = createSeededRandom(3);
  return Array.from({ length: count }, () => {
    const into = new Float32Array(768);
    augmentInto(random, { rotationDegrees, scaleDeviation }, samples, into);
    return into;
  });
}

/** The vector of a sensor (0 acc, 1 gyro) at one moment. */
const vectorAt = (values: Float32Array, sensor: number, sample: number): number[] =>
  [0, 1, 2].map((axis) => values[(3 * sensor + axis) * WINDOW_SAMPLES + sample] ?? Number.NaN);
const dot = (a: number[], b: number[]): number =>
  a.reduce((sum, value, axis) => sum + value * (b[axis] ?? Number.NaN), 0);

it("turns acc and gyro together: all angles between them stay", () => {
  for (const copy of copies(40, 0, 5)) {
    expect(copy).not.toEqual(samples);
    for (const [first, second] of [
      [0, 0],
      [0, 1],
      [1, 1],
    ] as const) {
      expect(dot(vectorAt(copy, first, 10), vectorAt(copy, second, 90))).toBeCloseTo(
        dot(vectorAt(samples, first, 10), vectorAt(samples, second, 90)),
        4,
      );
    }
  }
});

it("scales each sensor by one factor of about the asked deviation", () => {
  const logs = copies(0, 0.2, 400).map((copy) => {
    const factors = [10, 90].map((sample) =>
      Math.sqrt(
        dot(vectorAt(copy, 0, sample), vectorAt(copy, 0, sample)) /
          dot(vectorAt(samples, 0, sample), vectorAt(samples, 0, sample)),
      ),
    );
    expect(factors[0]).toBeCloseTo(factors[1] ?? 0, 5);
    return Math.log(factors[0] ?? 0);
  });
  const deviation = Math.sqrt(logs.reduce((sum, log) => sum + log * log, 0) / logs.length);
  expect(deviation).toBeGreaterThan(0.17);
  expect(deviation).toBeLessThan(0.23);
});

it("leaves a window as it is when nothing is asked for", () => {
  for (const copy of copies(0, 0, 3)) expect(copy).toEqual(samples);
});
