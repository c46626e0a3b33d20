// Gradient of `ThresholdedRelu`.
import { floatAttribute } from "../graph/modelGraph.ts";
import type { GradientRule } from "./gradientRule.ts";

/** dX = dY where X > alpha, else 0. */
export const thresholdedReluGradient: GradientRule = (context) => {
  const { emit, node } = context;
  const alpha = emit.scalar(floatAttribute(node, "alpha", 1));
  const isAbove = emit.node("Greater", [context.input(0), alpha]);
  return [emit.node("Where", [isAbove, context.gradient, emit.scalar(0)])];
};
