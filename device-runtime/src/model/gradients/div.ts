// Gradient of `Div` with broadcasting.
import type { GradientRule } from "./gradientRule.ts";
import { operandGradient } from "./operandGradient.ts";

/** dA = dY / B, dB = -dY Y / B. */
export const divGradient: GradientRule = (context) => {
  const { emit } = context;
  const left = operandGradient(context, 0, () =>
    emit.node("Div", [context.gradient, context.input(1)]),
  );
  const right = operandGradient(context, 1, () => {
    const scaled = emit.node("Mul", [context.gradient, context.output]);
    return emit.node("Div", [scaled, context.input(1)]);
  });
  return [left, right === undefined ? undefined : emit.node("Neg", [right])];
};
