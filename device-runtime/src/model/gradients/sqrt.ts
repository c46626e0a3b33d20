// Gradient of `Sqrt`.
import type { GradientRule } from "./gradientRule.ts";

/** dX = dY / (2 Y); infinite at 0, as in PyTorch. */
export const sqrtGradient: GradientRule = ({ emit, gradient, output }) => [
  emit.node("Div", [emit.node("Mul", [gradient, emit.scalar(0.5)]), output]),
];
