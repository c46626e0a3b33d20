// A delta as numbers: difference, norm, clip, application. It must not know how a delta is written.
import { assertDefect } from "../errors.ts";
import type { ParameterSet, ParameterTensor } from "../parameters/parameterSet.ts";

/** Change of one tensor. */
export interface TensorDelta {
  /** Place of the tensor in the base's canonical order. */
  readonly index: number;
  readonly values: Float32Array;
}

/** Weight change relative to a BaseVersion: only tensors that were trained, by rising `index`. */
export type ParameterDelta = readonly TensorDelta[];

/**
 * What changed between a base and a set that was trained from it. Tensors of the base that `trained` lacks were frozen.
 *
 * @param base all parameters of the BaseVersion
 * @param trained the trained ones, same names and shapes
 * @throws Defect `delta.shape_mismatch` when `trained` has a tensor that the base has not
 * @example
 * const base = parameterSetOf([{ name: "w", dims: [2], data: Float32Array.of(1, 2) }]);
 * const trained = parameterSetOf([{ name: "w", dims: [2], data: Float32Array.of(1.5, 2) }]);
 * deltaBetween(base, trained)[0].values; // => Float32Array.of(0.5, 0)
 */
export function deltaBetween(base: ParameterSet, trained: ParameterSet): ParameterDelta {
  const indexes = new Map(base.map((tensor, index) => [tensor.name, index]));
  return trained.map((tensor) => {
    const index = indexes.get(tensor.name);
    const before = index === undefined ? undefined : base[index];
    assertDefect(
      index !== undefined && before !== undefined && before.data.length === tensor.data.length,
      "delta.shape_mismatch",
      `${tensor.name} is not a tensor of the base, or has another size there`,
    );
    const values = new Float32Array(tensor.data.length);
    for (let at = 0; at < values.length; at += 1) {
      values[at] = (tensor.data[at] ?? 0) - (before.data[at] ?? 0);
    }
    return { index, values };
  });
}

/**
 * Euclidean norm of a whole delta, summed in float64; NaN when any value is.
 *
 * @example
 * deltaNorm([{ index: 0, values: Float32Array.of(3) }, { index: 1, values: Float32Array.of(4) }]); // => 5
 */
export function deltaNorm(delta: ParameterDelta): number {
  let sum = 0;
  for (const { values } of delta) for (const value of values) sum += value * value;
  return Math.sqrt(sum);
}

/**
 * Scales a delta down to a norm, direction kept; a delta within the norm is returned as it is.
 *
 * @param normMax `> 0`
 * @example
 * clipDelta([{ index: 0, values: Float32Array.of(3, 4) }], 2.5)[0].values; // => Float32Array.of(1.5, 2)
 */
export function clipDelta(delta: ParameterDelta, normMax: number): ParameterDelta {
  const norm = deltaNorm(delta);
  if (!(norm > normMax)) return delta;
  const factor = normMax / norm;
  return delta.map(({ index, values }) => ({
    index,
    values: values.map((value) => value * factor),
  }));
}

/**
 * The parameters that a base and a delta make: `fround(base + value)` per element, never -0. The same on every engine,
 * because it is never computed by an inference runtime.
 *
 * @returns all parameters of the base, the changed ones new
 * @throws Defect `delta.shape_mismatch` or `delta.result_not_finite`
 * @example
 * const base = parameterSetOf([{ name: "w", dims: [1], data: Float32Array.of(1) }]);
 * applyDelta(base, [{ index: 0, values: Float32Array.of(0.5) }])[0].data; // => Float32Array.of(1.5)
 */
export function applyDelta(base: ParameterSet, delta: ParameterDelta): ParameterSet {
  const changed = new Map(delta.map((tensor) => [tensor.index, tensor.values]));
  assertDefect(
    delta.every(({ index }) => index in base),
    "delta.shape_mismatch",
    `delta names a tensor beyond the ${base.length} of its base`,
  );
  return base.map((tensor, index): ParameterTensor => {
    const values = changed.get(index);
    if (values === undefined) return tensor;
    assertDefect(
      values.length === tensor.data.length,
      "delta.shape_mismatch",
      `${tensor.name} has ${tensor.data.length} values, its delta ${values.length}`,
    );
    const data = new Float32Array(values.length);
    for (let at = 0; at < data.length; at += 1) {
      // A base has no -0, so no sum is one.
      data[at] = Math.fround((tensor.data[at] ?? 0) + (values[at] ?? 0));
    }
    assertDefect(
      data.every((value) => Number.isFinite(value)),
      "delta.result_not_finite",
      `${tensor.name} overflows float32`,
    );
    return { name: tensor.name, dims: tensor.dims, data };
  });
}
