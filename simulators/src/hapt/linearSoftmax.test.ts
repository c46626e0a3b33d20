// The plain classifier learns what is linear and nothing by accident.
import { gaussian } from "@attune/device-runtime";
import { createSeededRandom } from "@attune/device-runtime/testing";
import { expect, it } from "vitest";
import {
  blankSoftmax,
  columnScaleOf,
  predictClasses,
  standardized,
  trainSoftmax,
} from "./linearSoftmax.ts";

/** Three clouds around three corners. */
function clouds(seed: number): { values: Float32Array; width: number; labels: Uint8Array } {
  const random = createSeededRandom(seed);
  const labels = Uint8Array.from({ length: 150 }, (_, index) => index % 3);
  const values = new Float32Array(300);
  labels.forEach((label, row) => {
    values[2 * row] = (label === 1 ? 4 : 0) + gaussian(random);
    values[2 * row + 1] = (label === 2 ? 4 : 0) + gaussian(random);
  });
  return { values, width: 2, labels };
}

it("separates what a line separates, on rows it has not seen", () => {
  const model = trainSoftmax(blankSoftmax(2, 3), clouds(1), { stepCount: 200, learningRate: 0.5 });
  const fresh = clouds(2);
  const answers = predictClasses(model, fresh.values);
  const right = fresh.labels.filter((label, row) => label === answers[row]).length;
  expect(right / 150).toBeGreaterThan(0.93);
});

it("one step is the gradient of the mean cross-entropy", () => {
  const rows = { values: Float32Array.of(2, -1), width: 2, labels: Uint8Array.of(1) };
  const { weights, bias } = trainSoftmax(blankSoftmax(2, 2), rows, {
    stepCount: 1,
    learningRate: 1,
  });
  // Both classes at 1/2: the true one gains half of each value, the other loses it.
  expect([...weights]).toEqual([-1, 1, 0.5, -0.5]);
  expect([...bias]).toEqual([-0.5, 0.5]);
});

it("leaves where it starts as it is", () => {
  const start = blankSoftmax(2, 3);
  trainSoftmax(start, clouds(1), { stepCount: 5, learningRate: 0.5 });
  expect(start).toEqual(blankSoftmax(2, 3));
});

it("standardises with the scale it is given; a constant column becomes 0", () => {
  const scale = columnScaleOf(Float32Array.of(1, 5, 3, 5), 2);
  expect([...scale.mean]).toEqual([2, 5]);
  expect([...standardized(Float32Array.of(1, 5, 4, 5), scale)]).toEqual([-1, 0, 2, 0]);
});

it("refuses rows of another width", () => {
  expect(() =>
    trainSoftmax(blankSoftmax(3, 3), clouds(1), { stepCount: 1, learningRate: 1 }),
  ).toThrow("softmax.rows_invalid");
});
