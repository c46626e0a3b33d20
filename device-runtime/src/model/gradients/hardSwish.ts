// Gradient of `HardSwish`.
import type { GradientRule } from "./gradientRule.ts";

/** Y = X clip(X/6 + 1/2, 0, 1), so dX = 0 below -3, dY above 3, dY (X/3 + 1/2) between. */
export const hardSwishGradient: GradientRule = (context) => {
  const { emit, gradient } = context;
  const data = context.input(0);
  const third = emit.node("Mul", [data, emit.scalar(1 / 3)]);
  const middle = emit.node("Mul", [gradient, emit.node("Add", [third, emit.scalar(0.5)])]);
  const isLow = emit.node("LessOrEqual", [data, emit.scalar(-3)]);
  const isHigh = emit.node("GreaterOrEqual", [data, emit.scalar(3)]);
  const upper = emit.node("Where", [isHigh, gradient, middle]);
  return [emit.node("Where", [isLow, emit.scalar(0), upper])];
};
