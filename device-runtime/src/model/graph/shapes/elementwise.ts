// Shapes of operators that work element by element, with broadcasting.
import { type Dim, isSameDim, type Shape, shapeText } from "../dim.ts";
import type { ShapeContext, ShapeRule } from "./shapeRule.ts";
import { likeInput, shapeMismatch } from "./shapeRule.ts";

/** One input, one output, same shape. */
export const sameShape: ShapeRule = (context) => likeInput(context, context.input(0).shape);

/** `Dropout` at inference; the mask, where a file asks for it, has the same shape. */
export const dropoutShape: ShapeRule = (context) => {
  const { shape } = context.input(0);
  return [...likeInput(context, shape), { type: "bool", shape }];
};

/** NumPy broadcasting of all inputs; the type is that of the first. */
export const broadcastShape: ShapeRule = (context) =>
  likeInput(context, broadcastInputs(context, 0));

/** Broadcasting, with a boolean result. */
export const comparisonShape: ShapeRule = (context) => [
  { type: "bool", shape: broadcastInputs(context, 0) },
];

/** One input, and whether something holds of each element. */
export const predicateShape: ShapeRule = (context) => [
  { type: "bool", shape: context.input(0).shape },
];

/** `Where`: the type is that of the second input. */
export const whereShape: ShapeRule = (context) => [
  { type: context.input(1).type, shape: broadcastInputs(context, 0) },
];

function broadcastInputs(context: ShapeContext, from: number): Shape {
  return context.node.inputs
    .slice(from)
    .map((_, index) => context.input(index + from).shape)
    .reduce((a, b) => broadcastShapes(context, a, b));
}

/** Shape of two operands together. */
export function broadcastShapes(context: ShapeContext, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis): Dim => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left === 1) return right;
    if (right === 1 || isSameDim(left, right)) return left;
    // An unknown size beside a known one other than 1 can only be that size.
    if (typeof left !== "number" && typeof right === "number") return right;
    if (typeof right !== "number" && typeof left === "number") return left;
    return shapeMismatch(
      context.node,
      `shapes ${shapeText(a)} and ${shapeText(b)} do not broadcast`,
    );
  });
}
