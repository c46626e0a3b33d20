// Gradient of `Abs`.
import type { GradientRule } from "./gradientRule.ts";

/** dX = dY sign(X), 0 at 0. */
export const absGradient: GradientRule = (context) => [
  context.emit.node("Mul", [context.gradient, context.emit.node("Sign", [context.input(0)])]),
];
