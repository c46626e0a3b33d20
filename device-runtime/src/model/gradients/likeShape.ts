// Brings a gradient to the shape of the value it belongs to: undoing a broadcast, or a mere change of axes.

import { fitsConstant } from "../graph/constantRoom.ts";
import {
  type Dim,
  isSameDim,
  isSameShape,
  isStatic,
  multiplyDims,
  type Shape,
} from "../graph/dim.ts";
import { integer } from "../graph/graphEmitter.ts";
import type { GradientContext } from "./gradientRule.ts";

/** Sums a gradient of shape `from` over the axes along which `value` was broadcast to it. */
export function sumLike(
  context: GradientContext,
  gradient: string,
  from: Shape,
  value: string,
): string {
  const to = context.shapeOf(value);
  if (isSameShape(from, to)) return gradient;
  const added = from.length - to.length;
  const axes = from
    .map((_, axis) => axis)
    .filter((axis) => {
      const own: Dim = axis < added ? 1 : (to[axis - added] ?? 1);
      return axis < added || (own === 1 && !isSameDim(from[axis] ?? 1, 1));
    });
  if (axes.length === 0) return gradient;
  const { emit } = context;
  const isLeading = axes.every((axis) => axis < added);
  const sum = emit.node("ReduceSum", [gradient, emit.integers(axes)], {
    keepdims: integer(isLeading ? 0 : 1),
  });
  return isLeading || added === 0 ? sum : reshapeLike(context, sum, value);
}

/** Reshapes a gradient to the shape of `value`, which has as many elements. */
export function reshapeLike(context: GradientContext, gradient: string, value: string): string {
  return reshapeTo(context, gradient, context.shapeOf(value), value);
}

/** Reshapes to `shape`; where it has several unknown sizes, it must be the shape of `value`, which is asked when the graph runs. */
export function reshapeTo(
  context: GradientContext,
  gradient: string,
  shape: Shape,
  value: string,
): string {
  const { emit } = context;
  const unknown = shape.filter((dim) => typeof dim !== "number").length;
  const target =
    unknown <= 1
      ? emit.integers(shape.map((dim) => (typeof dim === "number" ? dim : -1)))
      : emit.node("Shape", [value]);
  return emit.node("Reshape", [gradient, target]);
}

/** Repeats a gradient, whose reduced axes have size 1, up to the shape of `value`. */
export function expandLike(
  context: GradientContext,
  gradient: string,
  value: string,
  reducedAxes: readonly number[],
): string {
  const { emit } = context;
  const shape = context.shapeOf(value);
  const repeats = multiplyDims(shape.filter((_, axis) => reducedAxes.includes(axis)));
  const areLast = reducedAxes.every((axis) => axis >= shape.length - reducedAxes.length);
  if (areLast && typeof repeats === "number" && fitsConstant(repeats)) {
    // One product with a row of ones takes a fifth of the time of repeating.
    const column = emit.node("Reshape", [gradient, emit.integers([-1, 1])]);
    const ones = emit.floats([1, repeats], new Float32Array(repeats).fill(1));
    return reshapeTo(context, emit.node("MatMul", [column, ones]), shape, value);
  }
  // Axes that are not reduced have their size already; 1 leaves it.
  const target = shape.map((dim, axis) => (reducedAxes.includes(axis) ? dim : 1));
  const isKnown = target.every((dim) => typeof dim === "number");
  return emit.node("Expand", [
    gradient,
    isKnown ? emit.integers(target) : emit.node("Shape", [value]),
  ]);
}

/** Zeros in the shape of `value`. */
export function zerosLike(context: GradientContext, value: string): string {
  const { emit } = context;
  const shape = context.shapeOf(value);
  return emit.node("ConstantOfShape", [
    isStatic(shape) ? emit.integers(shape) : emit.node("Shape", [value]),
  ]);
}
