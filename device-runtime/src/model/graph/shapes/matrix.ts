// Shapes of matrix products.
import { isSameDim, shapeText } from "../dim.ts";
import { integerAttribute } from "../modelGraph.ts";
import { broadcastShapes } from "./elementwise.ts";
import { likeInput, type ShapeRule, shapeMismatch } from "./shapeRule.ts";

/** `Gemm`: two matrices, each maybe transposed. */
export const gemmShape: ShapeRule = (context) => {
  const { node } = context;
  const a = context.input(0).shape;
  const b = context.input(1).shape;
  const [a0, a1] = a;
  const [b0, b1] = b;
  if (
    a.length !== 2 ||
    b.length !== 2 ||
    a0 === undefined ||
    a1 === undefined ||
    b0 === undefined ||
    b1 === undefined
  ) {
    return shapeMismatch(node, `needs two matrices, has ${shapeText(a)} and ${shapeText(b)}`);
  }
  const [rows, innerA] = integerAttribute(node, "transA", 0) !== 0 ? [a1, a0] : [a0, a1];
  const [innerB, columns] = integerAttribute(node, "transB", 0) !== 0 ? [b1, b0] : [b0, b1];
  if (!isSameDim(innerA, innerB)) {
    return shapeMismatch(node, `inner sizes of ${shapeText(a)} and ${shapeText(b)} differ`);
  }
  return likeInput(context, [rows, columns]);
};

/** `MatMul`: NumPy's rules, with vectors at either side and broadcast batches. */
export const matMulShape: ShapeRule = (context) => {
  const a = context.input(0).shape;
  const b = context.input(1).shape;
  if (a.length === 0 || b.length === 0)
    return shapeMismatch(context.node, "an operand is a scalar");
  const left = a.length === 1 ? [1, ...a] : a;
  const right = b.length === 1 ? [...b, 1] : b;
  const innerA = left.at(-1) ?? 1;
  const innerB = right.at(-2) ?? 1;
  if (!isSameDim(innerA, innerB)) {
    return shapeMismatch(context.node, `inner sizes of ${shapeText(a)} and ${shapeText(b)} differ`);
  }
  const batch = broadcastShapes(context, left.slice(0, -2), right.slice(0, -2));
  return likeInput(context, [
    ...batch,
    ...(a.length === 1 ? [] : [left.at(-2) ?? 1]),
    ...(b.length === 1 ? [] : [right.at(-1) ?? 1]),
  ]);
};
