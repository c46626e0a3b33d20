// Gradient of `MaxPool` over any number of spatial axes.
import { integer } from "../graph/graphEmitter.ts";
import { integerAttribute, nodeText } from "../graph/modelGraph.ts";
import { turnAway } from "../turnAway.ts";
import type { GradientContext, GradientRule } from "./gradientRule.ts";
import { reshapeLike } from "./likeShape.ts";

/**
 * The first greatest element of each window gets dY, as in PyTorch; windows that overlap add up.
 *
 * The pool reports where each maximum stood; dY is added there.
 */
export const maxPoolGradient: GradientRule = (context) => {
  if (integerAttribute(context.node, "storage_order", 0) !== 0) {
    turnAway(
      "model.operator_unsupported",
      `${nodeText(context.node)} counts in column-major order; export it with storage_order=0`,
    );
  }
  return [scatter(context)];
};

function scatter(context: GradientContext): string {
  const { emit } = context;
  const data = context.input(0);
  const flatten = (value: string): string => emit.node("Reshape", [value, emit.integers([-1])]);
  const size = emit.node("Size", [data]);
  const zeros = emit.node("ConstantOfShape", [emit.node("Reshape", [size, emit.integers([1])])]);
  const sum = emit.node(
    "ScatterElements",
    [zeros, flatten(context.requestOutput(1)), flatten(context.gradient)],
    { axis: integer(0), reduction: { kind: "text", value: "add" } },
  );
  return reshapeLike(context, sum, data);
}
