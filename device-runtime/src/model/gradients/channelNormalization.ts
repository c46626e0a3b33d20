// Gradient of normalizations with a scale and a shift a channel, whose mean and deviation are those of the data.
import { integer } from "../graph/graphEmitter.ts";
import { floatAttribute } from "../graph/modelGraph.ts";
import type { GradientContext, GradientRule } from "./gradientRule.ts";
import { momentsOf, normalizedData, throughNormalization } from "./normalized.ts";

/**
 * Gradients by data, scale and shift.
 *
 * The scale is the same over all axes of a mean, so it is multiplied in last, where it meets the inverse deviation.
 *
 * @param axes axes over which mean and deviation are taken
 */
export function channelNormalizationGradient(
  context: GradientContext,
  axes: readonly number[],
): readonly (string | undefined)[] {
  const { node, emit, gradient } = context;
  const rank = context.shapeOf(context.input(0)).length;
  const perChannel = [-1, ...Array.from({ length: rank - 2 }, () => 1)];
  const total = (value: string): string => {
    const others = Array.from({ length: rank }, (_, axis) => axis).filter((axis) => axis !== 1);
    return emit.node("ReduceSum", [value, emit.integers(others)], { keepdims: integer(0) });
  };
  const needsData = context.wants(0) || context.wants(1);
  const { normalization } = context;
  const moments = needsData
    ? (normalization ?? momentsOf(context, axes, floatAttribute(node, "epsilon", 1e-5)))
    : { mean: "", inverse: "" };
  const normalized = needsData
    ? (normalization?.normalized ?? normalizedData(context, moments))
    : "";
  const byData = (): string => {
    const scale = emit.node("Reshape", [context.input(1), emit.integers(perChannel)]);
    const scaled = { ...moments, inverse: emit.node("Mul", [moments.inverse, scale]) };
    return throughNormalization(context, axes, scaled, normalized, gradient);
  };
  return [
    context.wants(0) ? byData() : undefined,
    context.wants(1) ? total(emit.node("Mul", [gradient, normalized])) : undefined,
    context.wants(2) ? total(gradient) : undefined,
  ];
}

/** Mean and deviation of each channel of each sample. */
export const instanceNormalizationGradient: GradientRule = (context) => {
  const rank = context.shapeOf(context.input(0)).length;
  return channelNormalizationGradient(
    context,
    Array.from({ length: rank - 2 }, (_, axis) => axis + 2),
  );
};
