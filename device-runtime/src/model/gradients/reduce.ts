// Gradient of reductions over axes, but for those that choose or multiply.
import { multiplyDims } from "../graph/dim.ts";
import { integerAttribute, integersAttribute, knownDim, resolveAxis } from "../graph/modelGraph.ts";
import { tensorIntegers } from "../onnx/tensorMessage.ts";
import type { GradientContext, GradientRule } from "./gradientRule.ts";
import { expandLike, reshapeTo } from "./likeShape.ts";

/** Axes that a reduction takes together. */
export function reducedAxes(context: GradientContext): number[] {
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

/** A value of the output's shape with its reduced axes kept as 1, so that it broadcasts against the data. */
export function keptAxes(context: GradientContext, value: string, axes: readonly number[]): string {
  const data = context.input(0);
  const kept = context.shapeOf(data).map((dim, axis) => (axes.includes(axis) ? 1 : dim));
  const isKept = integerAttribute(context.node, "keepdims", 1) !== 0;
  if (isKept || axes.length === 0) return value;
  return kept.filter((dim) => typeof dim !== "number").length <= 1
    ? reshapeTo(context, value, kept, data)
    : context.emit.node("Unsqueeze", [value, context.emit.integers(axes)]);
}

/** dY repeated along the reduced axes. */
const repeated = (context: GradientContext, gradient: string, axes: readonly number[]): string =>
  expandLike(context, keptAxes(context, gradient, axes), context.input(0), axes);

/** `ReduceSum`: every summed element gets dY. */
export const reduceSumGradient: GradientRule = (context) => {
  const axes = reducedAxes(context);
  return [axes.length === 0 ? context.gradient : repeated(context, context.gradient, axes)];
};

/** `ReduceMean`: every averaged element gets dY / n; divided before it is repeated, where there is less of it. */
export const reduceMeanGradient: GradientRule = (context) => {
  const { emit, node } = context;
  const axes = reducedAxes(context);
  if (axes.length === 0) return [context.gradient];
  const shape = context.shapeOf(context.input(0));
  const count = knownDim(
    node,
    multiplyDims(axes.map((axis) => shape[axis] ?? 1)),
    "the number of averaged elements",
  );
  return [repeated(context, emit.node("Mul", [context.gradient, emit.scalar(1 / count)]), axes)];
};

/** dY broadcast against the data, and multiplied by the slope of each element. */
const sloped =
  (slope: (context: GradientContext, output: string) => string): GradientRule =>
  (context) => {
    const axes = reducedAxes(context);
    const gradient = keptAxes(context, context.gradient, axes);
    const output = keptAxes(context, context.output, axes);
    return [context.emit.node("Mul", [gradient, slope(context, output)])];
  };

/** `ReduceL1`: sign(X); 0 at 0, as in PyTorch. */
export const reduceL1Gradient: GradientRule = sloped(({ emit, input }) =>
  emit.node("Sign", [input(0)]),
);

/** `ReduceL2`: X / Y; 0 where Y is 0, as in PyTorch. */
export const reduceL2Gradient: GradientRule = sloped(({ emit, input }, output) => {
  const isZero = emit.node("Equal", [output, emit.scalar(0)]);
  return emit.node("Div", [input(0), emit.node("Where", [isZero, emit.scalar(1), output])]);
});

/** `ReduceSumSquare`: 2 X. */
export const reduceSumSquareGradient: GradientRule = sloped(({ emit, input }) =>
  emit.node("Mul", [input(0), emit.scalar(2)]),
);

/** `ReduceLogSum`: 1 / sum(X), which is exp(-Y). */
export const reduceLogSumGradient: GradientRule = (context) => {
  const { emit, gradient, output } = context;
  const axes = reducedAxes(context);
  const slope = emit.node("Exp", [emit.node("Neg", [output])]);
  return [repeated(context, emit.node("Mul", [gradient, slope]), axes)];
};

/** `ReduceLogSumExp`: exp(X - Y). */
export const reduceLogSumExpGradient: GradientRule = sloped(({ emit, input }, output) =>
  emit.node("Exp", [emit.node("Sub", [input(0), output])]),
);
