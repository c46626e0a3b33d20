// Shape of `Pad`.
import type { Dim } from "../dim.ts";
import { knownDim, resolveAxis } from "../modelGraph.ts";
import { knownIntegers, likeInput, type ShapeRule } from "./shapeRule.ts";

/** `Pad` with constant pads, which may be negative; only the axes that are padded must be known. */
export const padShape: ShapeRule = (context) => {
  const { node } = context;
  const { shape } = context.input(0);
  const pads = knownIntegers(context, 1, "the pads");
  const axes = context.has(3)
    ? knownIntegers(context, 3, "the axes").map((axis) => resolveAxis(node, axis, shape.length))
    : shape.map((_, axis) => axis);
  const dims: Dim[] = [...shape];
  axes.forEach((axis, index) => {
    const added = (pads[index] ?? 0) + (pads[index + axes.length] ?? 0);
    if (added !== 0) dims[axis] = knownDim(node, shape[axis], `the padded axis ${axis}`) + added;
  });
  return likeInput(context, dims);
};
