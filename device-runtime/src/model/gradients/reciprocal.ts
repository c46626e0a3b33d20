// Gradient of `Reciprocal`.
import type { GradientRule } from "./gradientRule.ts";

/** dX = -dY Y². */
export const reciprocalGradient: GradientRule = ({ emit, gradient, output }) => {
  const square = emit.node("Mul", [output, output]);
  return [emit.node("Neg", [emit.node("Mul", [gradient, square])])];
};
