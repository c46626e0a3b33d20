// Gradient of `Where` with broadcasting.
import type { GradientRule } from "./gradientRule.ts";
import { operandGradient } from "./operandGradient.ts";

/** dA = dY where the condition holds, dB = dY elsewhere. The condition has none. */
export const whereGradient: GradientRule = (context) => {
  const { emit, gradient } = context;
  const zero = emit.scalar(0);
  const condition = context.input(0);
  return [
    undefined,
    operandGradient(context, 1, () => emit.node("Where", [condition, gradient, zero])),
    operandGradient(context, 2, () => emit.node("Where", [condition, zero, gradient])),
  ];
};
