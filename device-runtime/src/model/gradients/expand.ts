// Gradient of `Expand`.
import type { GradientRule } from "./gradientRule.ts";
import { operandGradient } from "./operandGradient.ts";

/** dY summed over the axes that were repeated. */
export const expandGradient: GradientRule = (context) => [
  operandGradient(context, 0, () => context.gradient),
];
