// Gradient of `LayerNormalization`.
import { integerAttribute, resolveAxis } from "../graph/modelGraph.ts";
import type { GradientRule } from "./gradientRule.ts";
import { sumLike } from "./likeShape.ts";
import { normalizedData, throughNormalization } from "./normalized.ts";

/** Gradients by data, scale and shift, from the mean and the inverse deviation that the operator gives as further outputs. */
export const layerNormalizationGradient: GradientRule = (context) => {
  const { node, emit, gradient } = context;
  const shape = context.shapeOf(context.input(0));
  const first = resolveAxis(node, integerAttribute(node, "axis", -1), shape.length);
  const axes = Array.from({ length: shape.length - first }, (_, index) => first + index);
  const needsData = context.wants(0) || context.wants(1);
  const moments = needsData
    ? { mean: context.requestOutput(1), inverse: context.requestOutput(2) }
    : { mean: "", inverse: "" };
  const normalized = needsData ? normalizedData(context, moments) : "";
  return [
    context.wants(0)
      ? throughNormalization(
          context,
          axes,
          moments,
          normalized,
          emit.node("Mul", [gradient, context.input(1)]),
        )
      : undefined,
    context.wants(1)
      ? sumLike(context, emit.node("Mul", [gradient, normalized]), shape, context.input(1))
      : undefined,
    context.wants(2) ? sumLike(context, gradient, shape, context.input(2)) : undefined,
  ];
};
