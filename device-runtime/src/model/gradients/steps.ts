// Gradient of operators that are flat between their steps: `Sign`, `Floor`, `Ceil`, `Round`.
import type { GradientRule } from "./gradientRule.ts";

/** dX = 0 everywhere, so nothing goes back and nothing is written. */
export const flatGradient: GradientRule = () => [];
