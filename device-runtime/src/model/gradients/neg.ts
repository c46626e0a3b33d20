// Gradient of `Neg`.
import type { GradientRule } from "./gradientRule.ts";

/** dX = -dY. */
export const negGradient: GradientRule = ({ emit, gradient }) => [emit.node("Neg", [gradient])];
