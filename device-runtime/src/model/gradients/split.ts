// Gradient of `Split`.
import { integer } from "../graph/graphEmitter.ts";
import { integerAttribute } from "../graph/modelGraph.ts";
import type { GradientRule } from "./gradientRule.ts";
import { zerosLike } from "./likeShape.ts";

/** The parts' gradients joined again; a part that the loss does not depend on gives zeros. */
export const splitGradient: GradientRule = (context) => {
  const { node, emit } = context;
  const parts = node.outputs.map(
    (output, index) => context.gradientOf(index) ?? zerosLike(context, output),
  );
  return [emit.node("Concat", parts, { axis: integer(integerAttribute(node, "axis", 0)) })];
};
