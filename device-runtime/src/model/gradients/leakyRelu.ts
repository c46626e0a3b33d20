// Gradient of `LeakyRelu`.
import { floatAttribute } from "../graph/modelGraph.ts";
import type { GradientRule } from "./gradientRule.ts";

/** dX = dY where X > 0, else alpha dY. */
export const leakyReluGradient: GradientRule = (context) => {
  const { emit, node, gradient } = context;
  const isPositive = emit.node("Greater", [context.input(0), emit.scalar(0)]);
  const scaled = emit.node("Mul", [gradient, emit.scalar(floatAttribute(node, "alpha", 0.01))]);
  return [emit.node("Where", [isPositive, gradient, scaled])];
};
