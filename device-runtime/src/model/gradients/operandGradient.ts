// The gradient by one operand of an operation with broadcasting.
import type { GradientContext } from "./gradientRule.ts";
import { sumLike } from "./likeShape.ts";

/**
 * Gradient by operand `index`, summed over the axes along which it was broadcast; undefined where it is not wanted.
 *
 * @param full writes the gradient in the output's shape; called only where it is wanted
 */
export function operandGradient(
  context: GradientContext,
  index: number,
  full: () => string,
): string | undefined {
  if (!context.wants(index)) return undefined;
  return sumLike(context, full(), context.shapeOf(context.output), context.input(index));
}
