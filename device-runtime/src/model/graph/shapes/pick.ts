// Shapes of operators that pick elements by index, or order them.
import type { Dim } from "../dim.ts";
import { integerAttribute, knownDim, resolveAxis } from "../modelGraph.ts";
import { knownIntegers, likeInput, type ShapeRule, shapeMismatch } from "./shapeRule.ts";

/** `Gather` along one axis. */
export const gatherShape: ShapeRule = (context) => {
  const { shape } = context.input(0);
  const axis = resolveAxis(context.node, integerAttribute(context.node, "axis", 0), shape.length);
  return likeInput(context, [
    ...shape.slice(0, axis),
    ...context.input(1).shape,
    ...shape.slice(axis + 1),
  ]);
};

/** `GatherElements`: one element an index. */
export const gatherElementsShape: ShapeRule = (context) =>
  likeInput(context, context.input(1).shape);

/** `GatherND`: the last axis of the indices names a place, possibly behind shared batch axes. */
export const gatherNdShape: ShapeRule = (context) => {
  const { shape } = context.input(0);
  const places = context.input(1).shape;
  const named = knownDim(context.node, places.at(-1), "the length of an index");
  const shared = integerAttribute(context.node, "batch_dims", 0);
  return likeInput(context, [...places.slice(0, -1), ...shape.slice(shared + named)]);
};

/** `TopK`: values and their indices. */
export const topKShape: ShapeRule = (context) => {
  const { type, shape } = context.input(0);
  const axis = resolveAxis(context.node, integerAttribute(context.node, "axis", -1), shape.length);
  const [count = 0] = knownIntegers(context, 1, "the number of elements");
  const taken = shape.map((dim, other): Dim => (other === axis ? count : dim));
  return [
    { type, shape: taken },
    { type: "int64", shape: taken },
  ];
};

/** `ArgMax` and `ArgMin`: an index a row. */
export const argShape: ShapeRule = (context) => {
  const { shape } = context.input(0);
  const axis = resolveAxis(context.node, integerAttribute(context.node, "axis", 0), shape.length);
  const keeps = integerAttribute(context.node, "keepdims", 1) !== 0;
  return [
    {
      type: "int64",
      shape: keeps
        ? shape.map((dim, other) => (other === axis ? 1 : dim))
        : shape.filter((_, other) => other !== axis),
    },
  ];
};

/** `OneHot`: a new axis of this depth. */
export const oneHotShape: ShapeRule = (context) => {
  const { shape } = context.input(0);
  const axis = integerAttribute(context.node, "axis", -1);
  const at = resolveAxis(context.node, axis, shape.length + 1);
  const [depth] = context.integers(1) ?? knownIntegers(context, 1, "the depth");
  if (depth === undefined) return shapeMismatch(context.node, "has no depth");
  return [
    { type: context.input(2).type, shape: [...shape.slice(0, at), depth, ...shape.slice(at)] },
  ];
};
