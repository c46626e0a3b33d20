// Gradient of `PRelu`, also by its slope.
import type { GradientRule } from "./gradientRule.ts";
import { operandGradient } from "./operandGradient.ts";

/** dX = dY where X > 0, else slope dY; dSlope = dY X where X <= 0, summed over the axes that share a slope. */
export const pReluGradient: GradientRule = (context) => {
  const { emit, gradient } = context;
  const data = context.input(0);
  const isPositive = emit.node("Greater", [data, emit.scalar(0)]);
  return [
    operandGradient(context, 0, () =>
      emit.node("Where", [isPositive, gradient, emit.node("Mul", [gradient, context.input(1)])]),
    ),
    operandGradient(context, 1, () =>
      emit.node("Where", [isPositive, emit.scalar(0), emit.node("Mul", [gradient, data])]),
    ),
  ];
};
