// Gradient of `Add` with broadcasting.
import type { GradientRule } from "./gradientRule.ts";
import { operandGradient } from "./operandGradient.ts";

/** dA = dB = dY. */
export const addGradient: GradientRule = (context) => [
  operandGradient(context, 0, () => context.gradient),
  operandGradient(context, 1, () => context.gradient),
];
