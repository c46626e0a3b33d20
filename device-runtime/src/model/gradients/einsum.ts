// Gradient of `Einsum`.
import { isStatic } from "../graph/dim.ts";
import { parseEinsum } from "../graph/shapes/einsum.ts";
import type { GradientContext, GradientRule } from "./gradientRule.ts";

/**
 * The gradient by one operand is the sum of products of dY and the other operands over everything but the operand's own letters. A
 * letter that only the operand has was summed away: its gradient repeats along it.
 */
export const einsumGradient: GradientRule = (context) => {
  const { node } = context;
  const { operands, result } = parseEinsum(node);
  return operands.map((letters, index) =>
    context.wants(index) ? byOperand(context, operands, result, letters, index) : undefined,
  );
};

function byOperand(
  context: GradientContext,
  operands: readonly (readonly string[])[],
  result: readonly string[],
  letters: readonly string[],
  index: number,
): string {
  const { emit, node } = context;
  const others = operands.filter((_, other) => other !== index);
  const left = new Set([result, ...others].flat());
  const found = letters.filter((letter) => left.has(letter));
  const equation = `${[result, ...others].map((one) => one.join("")).join()}->${found.join("")}`;
  const inputs = [context.gradient, ...node.inputs.filter((_, other) => other !== index)];
  const isSame = others.length === 0 && result.join() === found.join();
  const sum = isSame
    ? context.gradient
    : emit.node("Einsum", inputs, { equation: { kind: "text", value: equation } });
  if (found.length === letters.length) return sum;
  const lost = letters.map((_, axis) => axis).filter((axis) => !left.has(letters[axis] ?? ""));
  const open = emit.node("Unsqueeze", [sum, emit.integers(lost)]);
  const value = context.input(index);
  const shape = context.shapeOf(value);
  const target = isStatic(shape) ? emit.integers(shape) : emit.node("Shape", [value]);
  return emit.node("Expand", [open, target]);
}
