// Gradient of `Cast` between floating-point types.
import type { GradientRule } from "./gradientRule.ts";

/** dX = dY: training computes in float32, so a differentiable cast changes nothing. */
export const castGradient: GradientRule = ({ gradient }) => [gradient];
