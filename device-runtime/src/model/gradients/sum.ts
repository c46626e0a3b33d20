// Gradients of `Sum` and `Mean` of any number of operands, with broadcasting.
import type { GradientRule } from "./gradientRule.ts";
import { operandGradient } from "./operandGradient.ts";

/** `Sum`: every operand gets dY. */
export const sumGradient: GradientRule = (context) =>
  context.node.inputs.map((_, index) => operandGradient(context, index, () => context.gradient));

/** `Mean`: every operand gets dY / n. */
export const meanGradient: GradientRule = (context) => {
  const { emit, node } = context;
  const share = emit.node("Mul", [context.gradient, emit.scalar(1 / node.inputs.length)]);
  return node.inputs.map((_, index) => operandGradient(context, index, () => share));
};
