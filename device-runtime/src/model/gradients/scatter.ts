// Gradients of `ScatterND` and `ScatterElements`, as which exporters write an assignment to a part of a tensor.
import { integer } from "../graph/graphEmitter.ts";
import { integerAttribute, nodeText, textAttribute } from "../graph/modelGraph.ts";
import { turnAway } from "../turnAway.ts";
import type { GradientContext, GradientRule } from "./gradientRule.ts";
import { zerosLike } from "./likeShape.ts";

/** Where the data is overwritten its gradient ends, where something is added it goes on; what was written gets dY from its place. */
function scattered(
  context: GradientContext,
  write: (into: string, values: string) => string,
  take: (from: string) => string,
): readonly (string | undefined)[] {
  const { node, gradient } = context;
  const reduction = textAttribute(node, "reduction", "none");
  if (reduction !== "none" && reduction !== "add") {
    turnAway(
      "model.operator_unsupported",
      `${nodeText(node)}: no gradient with the reduction ${reduction}`,
    );
  }
  const kept = (): string =>
    reduction === "add" ? gradient : write(gradient, zerosLike(context, context.input(2)));
  return [
    context.wants(0) ? kept() : undefined,
    undefined,
    context.wants(2) ? take(gradient) : undefined,
  ];
}

/** `ScatterND`. */
export const scatterNdGradient: GradientRule = (context) => {
  const { emit } = context;
  const places = context.input(1);
  return scattered(
    context,
    (into, values) => emit.node("ScatterND", [into, places, values]),
    (from) => emit.node("GatherND", [from, places]),
  );
};

/** `ScatterElements`. */
export const scatterElementsGradient: GradientRule = (context) => {
  const { emit, node } = context;
  const places = context.input(1);
  const axis = { axis: integer(integerAttribute(node, "axis", 0)) };
  return scattered(
    context,
    (into, values) => emit.node("ScatterElements", [into, places, values], axis),
    (from) => emit.node("GatherElements", [from, places], axis),
  );
};
