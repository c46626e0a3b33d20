// Gradient of `Log`.
import type { GradientRule } from "./gradientRule.ts";

/** dX = dY / X. */
export const logGradient: GradientRule = (context) => [
  context.emit.node("Div", [context.gradient, context.input(0)]),
];
