import { parameterSetOf } from "@attune/protocol";
import { expect, it } from "vitest";
import { rebaseLayer } from "./layers.ts";

const set = (values: readonly number[], name = "w") =>
  parameterSetOf([{ name, dims: [values.length], data: Float32Array.from(values) }]);

it("[DR42] keeping a difference puts it on the new base", () => {
  expect(rebaseLayer(set([1.5, 2]), set([1, 2]), set([3, 4]))).toEqual(set([3.5, 4]));
});

it("[DR42] a base of another shape, or a sum that is not finite, keeps nothing", () => {
  expect(rebaseLayer(set([1]), set([1]), set([1, 2]))).toBeNull();
  expect(rebaseLayer(set([1]), set([1]), set([1], "v"))).toBeNull();
  expect(rebaseLayer(set([3e38]), set([-3e38]), set([3e38]))).toBeNull();
});
