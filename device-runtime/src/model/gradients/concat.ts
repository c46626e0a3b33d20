// Gradient of `Concat`.
import { integerAttribute, knownDim, resolveAxis } from "../graph/modelGraph.ts";
import type { GradientRule } from "./gradientRule.ts";

/** Each input gets its own part of dY. */
export const concatGradient: GradientRule = (context) => {
  const { node, emit } = context;
  const rank = context.shapeOf(context.output).length;
  const axis = resolveAxis(node, integerAttribute(node, "axis", 0), rank);
  let end = 0;
  return node.inputs.map((input, index) => {
    const size = knownDim(node, context.shapeOf(input)[axis], `the size of input ${index}`);
    end += size;
    if (!context.wants(index)) return undefined;
    const bounds = [[end - size], [end], [axis]].map((values) => emit.integers(values));
    return emit.node("Slice", [context.gradient, ...bounds]);
  });
};
