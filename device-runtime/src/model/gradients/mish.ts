// Gradient of `Mish`.
import type { GradientRule } from "./gradientRule.ts";

/** With t = tanh(softplus(X)), Y = X t: dX = dY (t + X (1 - t²) sigmoid(X)). */
export const mishGradient: GradientRule = (context) => {
  const { emit } = context;
  const data = context.input(0);
  const tanh = emit.node("Tanh", [emit.node("Softplus", [data])]);
  const flatness = emit.node("Sub", [emit.scalar(1), emit.node("Mul", [tanh, tanh])]);
  const sigmoid = emit.node("Sigmoid", [data]);
  const tilt = emit.node("Mul", [data, emit.node("Mul", [flatness, sigmoid])]);
  return [emit.node("Mul", [context.gradient, emit.node("Add", [tanh, tilt])])];
};
