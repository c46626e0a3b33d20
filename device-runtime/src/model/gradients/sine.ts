// Gradients of `Sin` and `Cos`.
import type { GradientRule } from "./gradientRule.ts";

/** dX = dY cos(X). */
export const sinGradient: GradientRule = (context) => [
  context.emit.node("Mul", [context.gradient, context.emit.node("Cos", [context.input(0)])]),
];

/** dX = -dY sin(X). */
export const cosGradient: GradientRule = (context) => {
  const { emit } = context;
  const slope = emit.node("Neg", [emit.node("Sin", [context.input(0)])]);
  return [emit.node("Mul", [context.gradient, slope])];
};
