// Gradient of `Clip`.
import type { GradientRule } from "./gradientRule.ts";

/** dX = dY where min <= X <= max, bounds included, as in PyTorch. Bounds get no gradient. */
export const clipGradient: GradientRule = (context) => {
  const { emit, node, gradient } = context;
  const data = context.input(0);
  let result = gradient;
  const zero = emit.scalar(0);
  if ((node.inputs[1] ?? "") !== "") {
    result = emit.node("Where", [emit.node("Less", [data, context.input(1)]), zero, result]);
  }
  if ((node.inputs[2] ?? "") !== "") {
    result = emit.node("Where", [emit.node("Greater", [data, context.input(2)]), zero, result]);
  }
  return [result];
};
