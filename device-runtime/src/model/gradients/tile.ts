// Gradient of `Tile`.
import { integer } from "../graph/graphEmitter.ts";
import { knownDim } from "../graph/modelGraph.ts";
import { constantIntegers } from "./constantIntegers.ts";
import type { GradientRule } from "./gradientRule.ts";
import { reshapeLike } from "./likeShape.ts";

/** dY summed over the copies: every axis is taken apart into copies and what was copied. */
export const tileGradient: GradientRule = (context) => {
  const { node, emit } = context;
  const shape = context.shapeOf(context.input(0));
  const repeats = constantIntegers(context, 1, "repeats") ?? [];
  const open = shape.filter((dim) => typeof dim !== "number").length;
  const apart = shape.flatMap((dim, axis) => [
    repeats[axis] ?? 1,
    typeof dim === "number" || open > 1 ? knownDim(node, dim, `the size of axis ${axis}`) : -1,
  ]);
  const copies = emit.node("Reshape", [context.gradient, emit.integers(apart)]);
  const axes = emit.integers(shape.map((_, axis) => 2 * axis));
  const sum = emit.node("ReduceSum", [copies, axes], { keepdims: integer(0) });
  return [reshapeLike(context, sum, context.input(0))];
};
