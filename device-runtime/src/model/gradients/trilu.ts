// Gradient of `Trilu`.
import { integer } from "../graph/graphEmitter.ts";
import { integerAttribute } from "../graph/modelGraph.ts";
import type { GradientRule } from "./gradientRule.ts";

/** The triangle that was kept gets dY. */
export const triluGradient: GradientRule = (context) => {
  const { node, emit } = context;
  const inputs = [context.gradient, ...node.inputs.slice(1)];
  return [emit.node("Trilu", inputs, { upper: integer(integerAttribute(node, "upper", 1)) })];
};
