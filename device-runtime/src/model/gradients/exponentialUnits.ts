// Gradients of `Elu`, `Selu` and `Celu`: a line above 0, an exponential below, whose slope follows from the output.
import { floatAttribute } from "../graph/modelGraph.ts";
import type { GradientContext, GradientRule } from "./gradientRule.ts";

/** dX = slope dY where X > 0, else dY (factor Y + offset). */
function byOutput(context: GradientContext, slope: number, factor: number, offset: number): string {
  const { emit, gradient, output } = context;
  const scaled = factor === 1 ? output : emit.node("Mul", [output, emit.scalar(factor)]);
  const low = emit.node("Add", [scaled, emit.scalar(offset)]);
  const isPositive = emit.node("Greater", [context.input(0), emit.scalar(0)]);
  return emit.node("Mul", [gradient, emit.node("Where", [isPositive, emit.scalar(slope), low])]);
}

/** `Elu`: alpha (exp(X) - 1) below 0. */
export const eluGradient: GradientRule = (context) => [
  byOutput(context, 1, 1, floatAttribute(context.node, "alpha", 1)),
];

/** `Selu`: gamma alpha (exp(X) - 1) below 0, gamma X above. */
export const seluGradient: GradientRule = (context) => {
  const alpha = floatAttribute(context.node, "alpha", 1.6732631921768188);
  const gamma = floatAttribute(context.node, "gamma", 1.0507010221481323);
  return [byOutput(context, gamma, 1, alpha * gamma)];
};

/** `Celu`: alpha (exp(X/alpha) - 1) below 0. */
export const celuGradient: GradientRule = (context) => [
  byOutput(context, 1, 1 / floatAttribute(context.node, "alpha", 1), 1),
];
