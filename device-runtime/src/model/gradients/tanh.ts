// Gradient of `Tanh`.
import type { GradientRule } from "./gradientRule.ts";

/** dX = dY (1 - Y²). */
export const tanhGradient: GradientRule = ({ emit, gradient, output }) => {
  const slope = emit.node("Sub", [emit.scalar(1), emit.node("Mul", [output, output])]);
  return [emit.node("Mul", [gradient, slope])];
};
