// Gradient of `Clip`.
import type { GradientContext, GradientRule } from "./gradientRule.ts";
import { operandGradient } from "./operandGradient.ts";

/** dX = dY where min <= X <= max, bounds included; each bound gets dY where it took the place of X, all as in PyTorch. */
export const clipGradient: GradientRule = (context) => [
  context.wants(0) ? byData(context) : undefined,
  operandGradient(context, 1, () => byLower(context)),
  operandGradient(context, 2, () => byUpper(context)),
];

const has = ({ node }: GradientContext, index: number): boolean =>
  (node.inputs[index] ?? "") !== "";

function byData(context: GradientContext): string {
  const { emit } = context;
  const data = context.input(0);
  let result = context.gradient;
  const zero = emit.scalar(0);
  if (has(context, 1)) {
    result = emit.node("Where", [emit.node("Less", [data, context.input(1)]), zero, result]);
  }
  if (has(context, 2)) {
    result = emit.node("Where", [emit.node("Greater", [data, context.input(2)]), zero, result]);
  }
  return result;
}

/** Nothing where the bounds have crossed: the upper one holds then. */
function byLower(context: GradientContext): string {
  const { emit } = context;
  let isBelow = emit.node("Less", [context.input(0), context.input(1)]);
  if (has(context, 2)) {
    const isApart = emit.node("Less", [context.input(1), context.input(2)]);
    isBelow = emit.node("And", [isBelow, isApart]);
  }
  return emit.node("Where", [isBelow, context.gradient, emit.scalar(0)]);
}

function byUpper(context: GradientContext): string {
  const { emit } = context;
  let isAbove = emit.node("Greater", [context.input(0), context.input(2)]);
  if (has(context, 1)) {
    const isCrossed = emit.node("Less", [context.input(2), context.input(1)]);
    isAbove = emit.node("Or", [isAbove, isCrossed]);
  }
  return emit.node("Where", [isAbove, context.gradient, emit.scalar(0)]);
}
