// Gradient of `Softsign`.
import type { GradientRule } from "./gradientRule.ts";

/** dX = dY / (1 + |X|)². */
export const softsignGradient: GradientRule = (context) => {
  const { emit } = context;
  const size = emit.node("Add", [emit.node("Abs", [context.input(0)]), emit.scalar(1)]);
  return [emit.node("Div", [context.gradient, emit.node("Mul", [size, size])])];
};
