// Gradient of `Transpose`.
import { integers } from "../graph/graphEmitter.ts";
import { transposeOrder } from "../graph/shapes/rearrange.ts";
import type { GradientRule } from "./gradientRule.ts";

/** dX is dY under the inverse permutation. */
export const transposeGradient: GradientRule = (context) => {
  const order = transposeOrder(context.node, context.shapeOf(context.output).length);
  const inverse = order.map((_, axis) => order.indexOf(axis));
  return [context.emit.node("Transpose", [context.gradient], { perm: integers(inverse) })];
};
