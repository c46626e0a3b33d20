// Gradient of `GlobalAveragePool`.
import { multiplyDims } from "../graph/dim.ts";
import { knownDim } from "../graph/modelGraph.ts";
import type { GradientRule } from "./gradientRule.ts";
import { expandLike } from "./likeShape.ts";

/** Every averaged element gets dY / n. */
export const globalAveragePoolGradient: GradientRule = (context) => {
  const { emit, node } = context;
  const shape = context.shapeOf(context.input(0));
  const count = knownDim(node, multiplyDims(shape.slice(2)), "the number of averaged elements");
  const scaled = emit.node("Mul", [context.gradient, emit.scalar(1 / count)]);
  const axes = shape.slice(2).map((_, axis) => axis + 2);
  return [expandLike(context, scaled, context.input(0), axes)];
};
