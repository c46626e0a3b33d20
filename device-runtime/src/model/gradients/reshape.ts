// Gradient of operators that keep the order of elements: `Reshape`, `Flatten`, `Squeeze`, `Unsqueeze`.
import type { GradientRule } from "./gradientRule.ts";
import { reshapeLike } from "./likeShape.ts";

/** dX is dY in the shape of X. */
export const reshapeGradient: GradientRule = (context) => [
  reshapeLike(context, context.gradient, context.input(0)),
];
