// Gradient of `Relu`.
import type { GradientRule } from "./gradientRule.ts";

/** dX = dY where Y > 0. Y is never negative, so its sign is exactly that mask; at 0 the gradient is 0, as in PyTorch. */
export const reluGradient: GradientRule = ({ emit, gradient, output }) => [
  emit.node("Mul", [gradient, emit.node("Sign", [output])]),
];
