// Shapes of reductions over axes.
import { integerAttribute, integersAttribute, resolveAxis } from "../modelGraph.ts";
import { knownIntegers, likeInput, type ShapeContext, type ShapeRule } from "./shapeRule.ts";

/** Axes that a reduction removes, ascending: attribute or second input, by operator set. */
function reducedAxes(context: ShapeContext): number[] {
  const { node } = context;
  const rank = context.input(0).shape.length;
  const named = context.has(1)
    ? knownIntegers(context, 1, "the axes")
    : (integersAttribute(node, "axes") ?? []);
  if (named.length === 0) {
    return integerAttribute(node, "noop_with_empty_axes", 0) !== 0
      ? []
      : Array.from({ length: rank }, (_, axis) => axis);
  }
  return [...new Set(named.map((axis) => resolveAxis(node, axis, rank)))].sort((a, b) => a - b);
}

/** `ReduceMean`, `ReduceSum` and their like. */
export const reduceShape: ShapeRule = (context) => {
  const axes = new Set(reducedAxes(context));
  const { shape } = context.input(0);
  const keeps = integerAttribute(context.node, "keepdims", 1) !== 0;
  return likeInput(
    context,
    keeps
      ? shape.map((dim, axis) => (axes.has(axis) ? 1 : dim))
      : shape.filter((_, axis) => !axes.has(axis)),
  );
};
