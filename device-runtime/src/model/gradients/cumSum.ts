// Gradient of `CumSum`.
import { integer } from "../graph/graphEmitter.ts";
import { integerAttribute } from "../graph/modelGraph.ts";
import type { GradientRule } from "./gradientRule.ts";

/** What was summed from the front is summed from the back. */
export const cumSumGradient: GradientRule = (context) => {
  const { node, emit } = context;
  return [
    emit.node("CumSum", [context.gradient, context.input(1)], {
      exclusive: integer(integerAttribute(node, "exclusive", 0)),
      reverse: integer(1 - integerAttribute(node, "reverse", 0)),
    }),
  ];
};
