// Gradient of `Cast` between floating-point types. What is cast to integers or from them carries no gradient, so this rule never sees it.
import type { GradientRule } from "./gradientRule.ts";

/** dX = dY: training computes in float32, so a differentiable cast changes nothing. */
export const castGradient: GradientRule = ({ gradient }) => [gradient];
