// Gradient of `Softplus`.
import type { GradientRule } from "./gradientRule.ts";

/** dX = dY sigmoid(X). */
export const softplusGradient: GradientRule = (context) => [
  context.emit.node("Mul", [context.gradient, context.emit.node("Sigmoid", [context.input(0)])]),
];
