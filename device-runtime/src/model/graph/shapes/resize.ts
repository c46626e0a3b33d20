// Shape of `Resize`.
import { type Dim, isStatic } from "../dim.ts";
import { integersAttribute, knownDim, resolveAxis, textAttribute } from "../modelGraph.ts";
import { knownIntegers, likeInput, type ShapeRule, shapeMismatch } from "./shapeRule.ts";

/** `Resize`: named sizes, or sizes times factors, rounded down; an open size keeps a factor of 1. */
export const resizeShape: ShapeRule = (context) => {
  const { node } = context;
  const { shape } = context.input(0);
  const axes = (integersAttribute(node, "axes") ?? shape.map((_, axis) => axis)).map((axis) =>
    resolveAxis(node, axis, shape.length),
  );
  if (textAttribute(node, "keep_aspect_ratio_policy", "stretch") !== "stretch") {
    return shapeMismatch(node, "keeps the ratio of its sides");
  }
  const dims: Dim[] = [...shape];
  if (context.has(3)) {
    const sizes = context.integers(3) ?? knownIntegers(context, 3, "the sizes");
    axes.forEach((axis, index) => {
      dims[axis] = sizes[index] ?? 1;
    });
    return likeInput(context, dims);
  }
  const scales = context.numbers(2);
  if (scales === undefined || !isStatic(scales)) {
    return likeInput(context, knownIntegers(context, 2, "the scales"));
  }
  axes.forEach((axis, index) => {
    const scale = scales[index] ?? 1;
    if (scale !== 1) {
      // Rounded as the engine rounds: 10 times the float32 number next to 0.7 is 7.
      const size = Math.fround(knownDim(node, shape[axis], `the size of axis ${axis}`) * scale);
      dims[axis] = Math.floor(size);
    }
  });
  return likeInput(context, dims);
};
