// Gradient of `LpPool` and `GlobalLpPool`.
import type { GraphEmitter } from "../graph/graphEmitter.ts";
import { integerAttribute, knownDim } from "../graph/modelGraph.ts";
import { poolKernel, readWindow } from "../graph/window.ts";
import type { GradientContext, GradientRule } from "./gradientRule.ts";
import { spreadWindows } from "./spreadWindows.ts";

/** dY Y^(1 - p), 0 where Y is 0. */
function rooted({ node, gradient, output }: GradientContext, emit: GraphEmitter): string {
  const power = integerAttribute(node, "p", 2);
  if (power === 1) return gradient;
  const isZero = emit.node("Equal", [output, emit.scalar(0)]);
  const divisor = emit.node("Where", [isZero, emit.scalar(1), output]);
  const strength = emit.node("Pow", [divisor, emit.scalar(1 - power)]);
  return emit.node("Mul", [gradient, strength]);
}

/** X |X|^(p - 2). */
function leaned({ node, input, emit }: GradientContext): string {
  const power = integerAttribute(node, "p", 2);
  if (power === 2) return input(0);
  const size = emit.node("Pow", [emit.node("Abs", [input(0)]), emit.scalar(power - 1)]);
  return emit.node("Mul", [emit.node("Sign", [input(0)]), size]);
}

/** Y is the p-norm of each window: dX = X |X|^(p - 2) times the sum of dY Y^(1 - p) over the windows that hold X. */
export const lpPoolGradient: GradientRule = (context) => {
  const { node } = context;
  const shape = context.shapeOf(context.input(0));
  const window = readWindow(node, shape, poolKernel(node));
  const channels = knownDim(node, shape[1], "the number of channels");
  const forms = spreadWindows(node, window, channels, (emit) => rooted(context, emit));
  const spread = context.lower("averagePool.data", forms);
  return [context.emit.node("Mul", [spread, leaned(context)])];
};

/** The same where one window holds everything. */
export const globalLpPoolGradient: GradientRule = (context) => [
  context.emit.node("Mul", [rooted(context, context.emit), leaned(context)]),
];
