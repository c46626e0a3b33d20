// Gradient of `Exp`.
import type { GradientRule } from "./gradientRule.ts";

/** dX = dY Y. */
export const expGradient: GradientRule = ({ emit, gradient, output }) => [
  emit.node("Mul", [gradient, output]),
];
