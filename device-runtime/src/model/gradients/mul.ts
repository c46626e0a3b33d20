// Gradient of `Mul` with broadcasting.
import type { GradientRule } from "./gradientRule.ts";
import { operandGradient } from "./operandGradient.ts";

/** dA = dY B, dB = dY A. */
export const mulGradient: GradientRule = (context) => {
  const times = (other: number) => () =>
    context.emit.node("Mul", [context.gradient, context.input(other)]);
  return [operandGradient(context, 0, times(1)), operandGradient(context, 1, times(0))];
};
