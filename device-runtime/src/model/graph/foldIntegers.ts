// Shape arithmetic that exporters write into graphs (Shape, Gather, Concat, ...), computed ahead for integer vectors, also where the
// batch is unknown. It must not touch floating-point values.

import { FOLDED_ELEMENTS_MAX } from "../limits.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { type Dim, divideDim, multiplyDims, type Shape } from "./dim.ts";
import { integerAttribute } from "./modelGraph.ts";
import { shapeRange, sliceIndices } from "./shapes/rearrange.ts";

/** Elements of an integer scalar or vector, as far as they are known. */
export type KnownIntegers = readonly Dim[];

/** What a fold sees of one node. */
export interface FoldContext {
  readonly node: OnnxNode;
  /** Shape of input `index`. */
  shape(index: number): Shape;
  /** Known elements of input `index`. */
  integers(index: number): KnownIntegers | undefined;
}

const elementwise =
  (compute: (a: Dim, b: Dim) => Dim | undefined) =>
  (context: FoldContext): KnownIntegers | undefined => {
    const a = context.integers(0);
    const b = context.integers(1);
    if (a === undefined || b === undefined) return undefined;
    const length = Math.max(a.length, b.length);
    const values: Dim[] = [];
    for (let index = 0; index < length; index += 1) {
      const left = a[a.length === 1 ? 0 : index];
      const right = b[b.length === 1 ? 0 : index];
      const value = left === undefined || right === undefined ? undefined : compute(left, right);
      if (value === undefined) return undefined;
      values.push(value);
    }
    return values;
  };

const numeric =
  (compute: (a: number, b: number) => number) =>
  (a: Dim, b: Dim): Dim | undefined =>
    typeof a === "number" && typeof b === "number" ? compute(a, b) : undefined;

const same = (context: FoldContext) => context.integers(0);

const folds: ReadonlyMap<string, (context: FoldContext) => KnownIntegers | undefined> = new Map<
  string,
  (context: FoldContext) => KnownIntegers | undefined
>([
  ["Identity", same],
  ["Cast", same],
  ["Squeeze", same],
  ["Unsqueeze", same],
  ["Reshape", same],
  [
    "Shape",
    (context) => {
      const shape = context.shape(0);
      return shape.slice(...shapeRange(context.node, shape.length));
    },
  ],
  [
    "Gather",
    (context) => {
      const from = context.integers(0);
      const indices = context.integers(1);
      if (from === undefined || indices === undefined || context.shape(0).length !== 1) {
        return undefined;
      }
      const values = indices.map((index) =>
        typeof index === "number" ? from[index < 0 ? index + from.length : index] : undefined,
      );
      return values.every((value) => value !== undefined) ? values : undefined;
    },
  ],
  [
    "Concat",
    (context) => {
      const parts = context.node.inputs.map((_, index) => context.integers(index));
      return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
    },
  ],
  [
    "Slice",
    (context) => {
      const from = context.integers(0);
      const [start, end, axis, step] = [1, 2, 3, 4].map((index) => {
        const values = context.integers(index);
        return values?.length === 1 && typeof values[0] === "number" ? values[0] : undefined;
      });
      if (from === undefined || start === undefined || end === undefined) return undefined;
      if (axis !== undefined && axis !== 0 && axis !== -1) return undefined;
      return sliceIndices(from.length, start, end, step ?? 1).map((index) => from[index] ?? 0);
    },
  ],
  [
    "ConstantOfShape",
    (context) => {
      const shape = context.integers(0);
      const value = context.node.attributes.get("value");
      if (shape === undefined || value?.kind !== "tensor" || value.value.type !== "int64") {
        return undefined;
      }
      const count = multiplyDims(shape);
      if (typeof count !== "number" || count > FOLDED_ELEMENTS_MAX) return undefined;
      const bytes = value.value.bytes;
      const element = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(0, true));
      return Array.from({ length: count }, () => element);
    },
  ],
  ["Add", elementwise((a, b) => (a === 0 ? b : b === 0 ? a : numeric((x, y) => x + y)(a, b)))],
  ["Sub", elementwise((a, b) => (b === 0 ? a : numeric((x, y) => x - y)(a, b)))],
  ["Mul", elementwise((a, b) => multiplyDims([a, b]))],
  [
    "Div",
    // ONNX integer division truncates; a symbolic quotient is known only when it is exact.
    elementwise((a, b) =>
      b === 0 ? undefined : (divideDim(a, b) ?? numeric((x, y) => Math.trunc(x / y))(a, b)),
    ),
  ],
]);

/** Known elements of a node's first output, or undefined. Used for int64 outputs of rank 0 or 1 only. */
export function foldIntegers(context: FoldContext): KnownIntegers | undefined {
  const fold = folds.get(context.node.operator);
  // The axis of these is 0 on a vector; anything else is no shape arithmetic.
  if (
    fold === undefined ||
    (context.node.operator === "Concat" && integerAttribute(context.node, "axis", 0) > 0)
  ) {
    return undefined;
  }
  const values = fold(context);
  return values !== undefined && values.length <= FOLDED_ELEMENTS_MAX ? values : undefined;
}
