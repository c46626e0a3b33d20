// Gradient of `Sub` with broadcasting.
import type { GradientRule } from "./gradientRule.ts";
import { operandGradient } from "./operandGradient.ts";

/** dA = dY, dB = -dY; the sign is turned after the sum, where there is less of it. */
export const subGradient: GradientRule = (context) => {
  const right = operandGradient(context, 1, () => context.gradient);
  return [
    operandGradient(context, 0, () => context.gradient),
    right === undefined ? undefined : context.emit.node("Neg", [right]),
  ];
};
