// Gradient of `ReduceMean` and `ReduceSum`.
import { multiplyDims } from "../graph/dim.ts";
import { integerAttribute, integersAttribute, knownDim, resolveAxis } from "../graph/modelGraph.ts";
import { tensorIntegers } from "../onnx/tensorMessage.ts";
import type { GradientContext, GradientRule } from "./gradientRule.ts";
import { expandLike, reshapeTo } from "./likeShape.ts";

function axesOf(context: GradientContext): number[] {
  const { node } = context;
  const rank = context.shapeOf(context.input(0)).length;
  const constant = context.constant(1);
  const named =
    constant === undefined ? (integersAttribute(node, "axes") ?? []) : tensorIntegers(constant);
  if (named.length > 0) return named.map((axis) => resolveAxis(node, axis, rank));
  return integerAttribute(node, "noop_with_empty_axes", 0) !== 0
    ? []
    : Array.from({ length: rank }, (_, axis) => axis);
}

/** dY repeated along the reduced axes. */
const repeated = (context: GradientContext, gradient: string, axes: readonly number[]): string => {
  const data = context.input(0);
  const kept = context.shapeOf(data).map((dim, axis) => (axes.includes(axis) ? 1 : dim));
  const isKept = integerAttribute(context.node, "keepdims", 1) !== 0;
  const open = isKept
    ? gradient
    : kept.filter((dim) => typeof dim !== "number").length <= 1
      ? reshapeTo(context, gradient, kept, data)
      : context.emit.node("Unsqueeze", [gradient, context.emit.integers(axes)]);
  return expandLike(context, open, data, axes);
};

/** `ReduceSum`: every summed element gets dY. */
export const reduceSumGradient: GradientRule = (context) => {
  const axes = axesOf(context);
  return [axes.length === 0 ? context.gradient : repeated(context, context.gradient, axes)];
};

/** `ReduceMean`: every averaged element gets dY / n; divided before it is repeated, where there is less of it. */
export const reduceMeanGradient: GradientRule = (context) => {
  const { emit, node } = context;
  const axes = axesOf(context);
  if (axes.length === 0) return [context.gradient];
  const shape = context.shapeOf(context.input(0));
  const count = knownDim(
    node,
    multiplyDims(axes.map((axis) => shape[axis] ?? 1)),
    "the number of averaged elements",
  );
  return [repeated(context, emit.node("Mul", [context.gradient, emit.scalar(1 / count)]), axes)];
};
