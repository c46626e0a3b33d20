// Gradient of `Erf`.
import type { GradientRule } from "./gradientRule.ts";

/** dX = dY 2/√π exp(-X²). */
export const erfGradient: GradientRule = (context) => {
  const { emit } = context;
  const data = context.input(0);
  const bell = emit.node("Exp", [emit.node("Neg", [emit.node("Mul", [data, data])])]);
  const slope = emit.node("Mul", [bell, emit.scalar(2 / Math.sqrt(Math.PI))]);
  return [emit.node("Mul", [context.gradient, slope])];
};
