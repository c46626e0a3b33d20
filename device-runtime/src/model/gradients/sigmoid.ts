// Gradient of `Sigmoid`.
import type { GradientRule } from "./gradientRule.ts";

/** dX = dY Y (1 - Y). */
export const sigmoidGradient: GradientRule = ({ emit, gradient, output }) => {
  const slope = emit.node("Mul", [output, emit.node("Sub", [emit.scalar(1), output])]);
  return [emit.node("Mul", [gradient, slope])];
};
