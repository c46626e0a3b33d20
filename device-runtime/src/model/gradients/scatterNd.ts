// Gradient of `ScatterND`, as which exporters write an assignment to a part of a tensor.
import { nodeText, textAttribute } from "../graph/modelGraph.ts";
import { turnAway } from "../turnAway.ts";
import type { GradientRule } from "./gradientRule.ts";
import { zerosLike } from "./likeShape.ts";

/** The data gets dY save where it was overwritten; what was written gets dY from there. */
export const scatterNdGradient: GradientRule = (context) => {
  const { node, emit, gradient } = context;
  if (textAttribute(node, "reduction", "none") !== "none") {
    turnAway("model.operator_unsupported", `${nodeText(node)}: no gradient with a reduction`);
  }
  const places = context.input(1);
  return [
    context.wants(0)
      ? emit.node("ScatterND", [gradient, places, zerosLike(context, context.input(2))])
      : undefined,
    undefined,
    context.wants(2) ? emit.node("GatherND", [gradient, places]) : undefined,
  ];
};
