// Arithmetic that exporters write into graphs to compute shapes (Shape, Gather, Concat, Range, ...), done ahead for short vectors, also
// where the batch is unknown. Values that data flows through are never touched: they are long, or not known.
import { FOLDED_ELEMENTS_MAX } from "../limits.ts";
import type { ElementType } from "../onnx/elementType.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { type OnnxTensor, tensorNumbers } from "../onnx/tensorMessage.ts";
import { type Dim, divideDim, isSameDim, isStatic, multiplyDims, type Shape } from "./dim.ts";
import { integerAttribute } from "./modelGraph.ts";
import { shapeRange, sliceIndices, splitSizes } from "./shapes/rearrange.ts";

/** Elements of a scalar or vector, as far as they are known; a truth value is 0 or 1. */
export type KnownValues = readonly Dim[];

/** What a fold sees of one node. */
export interface FoldContext {
  readonly node: OnnxNode;
  /** Type of output 0. */
  readonly type: ElementType;
  /** Shape of input `index`. */
  shape(index: number): Shape;
  /** Known elements of input `index`. */
  known(index: number): KnownValues | undefined;
}

/** Known elements of every output. */
type Fold = (context: FoldContext) => readonly (KnownValues | undefined)[];

const first =
  (fold: (context: FoldContext) => KnownValues | undefined): Fold =>
  (context) => [fold(context)];

/** Broadcasts a computation over the known elements of all inputs. */
const elementwise = (
  compute: (values: readonly Dim[], context: FoldContext) => Dim | undefined,
): Fold =>
  first((context) => {
    const inputs = context.node.inputs.map((_, index) => context.known(index));
    if (!inputs.every((input) => input !== undefined)) return undefined;
    const length = inputs.some((input) => input.length === 0)
      ? 0
      : Math.max(...inputs.map((input) => input.length));
    const results: Dim[] = [];
    for (let at = 0; at < length; at += 1) {
      const result = compute(
        inputs.map((input) => input[input.length === 1 ? 0 : at] ?? Number.NaN),
        context,
      );
      if (result === undefined || Number.isNaN(result)) return undefined;
      results.push(result);
    }
    return results;
  });

const numeric = (compute: (a: number, b: number) => number): Fold =>
  elementwise(([a, b]) =>
    typeof a === "number" && typeof b === "number" ? compute(a, b) : undefined,
  );

/** A function that leaves whole numbers, such as sizes, alone. */
const rounding = (compute: (a: number) => number): Fold =>
  elementwise(([a]) => (typeof a === "number" ? compute(a) : a));

const unary = (compute: (a: number) => number): Fold =>
  elementwise(([a]) => (typeof a === "number" ? compute(a) : undefined));

const same: Fold = first((context) => context.known(0));

const isFloat = (type: ElementType): boolean =>
  type === "float32" || type === "float64" || type === "float16";

/** An unknown size is no negative number, whatever it is. */
const isEqual = (a: Dim, b: Dim): number | undefined => {
  if (isSameDim(a, b)) return 1;
  if (typeof a === "number" && typeof b === "number") return 0;
  return (typeof a === "number" && a < 0) || (typeof b === "number" && b < 0) ? 0 : undefined;
};

const overAll = (compute: (values: readonly number[]) => number): Fold =>
  first((context) => {
    const values = context.known(0);
    return values !== undefined && isStatic(values) && context.shape(0).length === 1
      ? [compute(values)]
      : undefined;
  });

const folds: ReadonlyMap<string, Fold> = new Map<string, Fold>([
  ["Identity", same],
  ["Squeeze", same],
  ["Unsqueeze", same],
  ["Reshape", same],
  ["Flatten", same],
  [
    "Cast",
    elementwise(([value], { type }) => {
      if (value === undefined || typeof value !== "number") return value;
      if (type === "bool") return value === 0 ? 0 : 1;
      return isFloat(type) ? value : Math.trunc(value);
    }),
  ],
  [
    "Shape",
    first((context) => {
      const shape = context.shape(0);
      return shape.slice(...shapeRange(context.node, shape.length));
    }),
  ],
  ["Size", first((context) => [multiplyDims(context.shape(0))])],
  [
    "Gather",
    first((context) => {
      const from = context.known(0);
      const indices = context.known(1);
      if (from === undefined || indices === undefined || context.shape(0).length !== 1) {
        return undefined;
      }
      const values = indices.map((index) =>
        typeof index === "number" ? from[index < 0 ? index + from.length : index] : undefined,
      );
      return values.every((value) => value !== undefined) ? values : undefined;
    }),
  ],
  [
    "Concat",
    first((context) => {
      // On vectors the axis is 0; anything else is no shape arithmetic.
      if (integerAttribute(context.node, "axis", 0) > 0) return undefined;
      const parts = context.node.inputs.map((_, index) => context.known(index));
      return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
    }),
  ],
  [
    "Split",
    (context) => {
      const from = context.known(0);
      if (from === undefined || context.shape(0).length !== 1) return [];
      const named = context.known(1);
      const sizes = splitSizes(
        context.node,
        from.length,
        named !== undefined && isStatic(named) ? named : undefined,
      );
      let end = 0;
      return sizes.map((size) => {
        end += size;
        return from.slice(end - size, end);
      });
    },
  ],
  [
    "Slice",
    first((context) => {
      const from = context.known(0);
      const [start, end, axis, step] = [1, 2, 3, 4].map((index) => {
        const values = context.known(index);
        return values?.length === 1 && typeof values[0] === "number" ? values[0] : undefined;
      });
      if (from === undefined || start === undefined || end === undefined) return undefined;
      if (axis !== undefined && axis !== 0 && axis !== -1) return undefined;
      return sliceIndices(from.length, start, end, step ?? 1).map((index) => from[index] ?? 0);
    }),
  ],
  [
    "ConstantOfShape",
    first((context) => {
      const shape = context.known(0);
      const value = context.node.attributes.get("value");
      const count = shape === undefined ? undefined : multiplyDims(shape);
      if (typeof count !== "number" || count > FOLDED_ELEMENTS_MAX) return undefined;
      const element = value?.kind === "tensor" ? (numbersOf(value.value)?.[0] ?? 0) : 0;
      return Array.from({ length: count }, () => element);
    }),
  ],
  [
    "Range",
    first((context) => {
      const [start, limit, delta] = [0, 1, 2].map((index) => context.known(index)?.[0]);
      if (typeof start !== "number" || typeof limit !== "number" || typeof delta !== "number") {
        return undefined;
      }
      const count = Math.max(0, Math.ceil((limit - start) / delta));
      return count <= FOLDED_ELEMENTS_MAX
        ? Array.from({ length: count }, (_, index) => start + index * delta)
        : undefined;
    }),
  ],
  [
    "Expand",
    first((context) => {
      const values = context.known(0);
      const shape = context.known(1);
      const count = shape?.length === 1 ? shape[0] : undefined;
      if (values?.length !== 1 || typeof count !== "number" || count > FOLDED_ELEMENTS_MAX) {
        return undefined;
      }
      return Array.from({ length: Math.max(count, 1) }, () => values[0] ?? 0);
    }),
  ],
  ["Add", elementwise(([a = 0, b = 0]) => (a === 0 ? b : b === 0 ? a : sum(a, b)))],
  ["Sub", elementwise(([a = 0, b = 0]) => (b === 0 ? a : isSameDim(a, b) ? 0 : less(a, b)))],
  ["Mul", elementwise((values) => product(values))],
  [
    "Div",
    elementwise(([a = 0, b = 0], { type }) => {
      if (b === 0) return undefined;
      const exact = divideDim(a, b);
      if (exact !== undefined || typeof a !== "number" || typeof b !== "number") return exact;
      // ONNX integer division truncates; a symbolic quotient is known only when it is exact.
      return isFloat(type) ? a / b : Math.trunc(a / b);
    }),
  ],
  ["Mod", numeric((a, b) => (b === 0 ? Number.NaN : a - b * Math.floor(a / b)))],
  ["Pow", numeric((a, b) => a ** b)],
  ["Min", elementwise((values) => (isStatic(values) ? Math.min(...values) : undefined))],
  ["Max", elementwise((values) => (isStatic(values) ? Math.max(...values) : undefined))],
  ["Equal", elementwise(([a = 0, b = 0]) => isEqual(a, b))],
  ["Greater", numeric((a, b) => (a > b ? 1 : 0))],
  ["GreaterOrEqual", numeric((a, b) => (a >= b ? 1 : 0))],
  ["Less", numeric((a, b) => (a < b ? 1 : 0))],
  ["LessOrEqual", numeric((a, b) => (a <= b ? 1 : 0))],
  ["And", numeric((a, b) => a * b)],
  ["Or", numeric((a, b) => Math.max(a, b))],
  ["Xor", numeric((a, b) => Math.abs(a - b))],
  ["Not", unary((a) => 1 - a)],
  [
    "Where",
    elementwise(([where, a, b]) => (typeof where === "number" ? (where ? a : b) : undefined)),
  ],
  ["Neg", unary((a) => -a)],
  ["Abs", unary(Math.abs)],
  ["Sign", unary(Math.sign)],
  ["Sqrt", unary(Math.sqrt)],
  ["Floor", rounding(Math.floor)],
  ["Ceil", rounding(Math.ceil)],
  ["ReduceProd", overAll((values) => values.reduce((a, b) => a * b, 1))],
  ["ReduceSum", overAll((values) => values.reduce((a, b) => a + b, 0))],
  ["ReduceMax", overAll((values) => Math.max(...values))],
  ["ReduceMin", overAll((values) => Math.min(...values))],
]);

const sum = (a: Dim, b: Dim): Dim | undefined =>
  typeof a === "number" && typeof b === "number" ? a + b : undefined;

const less = (a: Dim, b: Dim): Dim | undefined =>
  typeof a === "number" && typeof b === "number" ? a - b : undefined;

/** A product with an unknown size is known where the size keeps a whole factor. */
const product = (values: readonly Dim[]): Dim | undefined =>
  isStatic(values) || values.every((value) => typeof value !== "number" || isCount(value))
    ? multiplyDims(values)
    : undefined;

const isCount = (value: number): boolean => Number.isInteger(value) && value >= 0;

/** Elements of a constant that is short enough to be followed, undefined for others. */
export function numbersOf(tensor: OnnxTensor): readonly number[] | undefined {
  const count = tensor.dims.reduce((size, dim) => size * dim, 1);
  return tensor.dims.length <= 1 && count <= FOLDED_ELEMENTS_MAX
    ? Array.from(tensorNumbers(tensor))
    : undefined;
}

/** Known elements of each of a node's outputs. Asked for outputs of rank 0 or 1 only. */
export function foldKnown(context: FoldContext): readonly (KnownValues | undefined)[] {
  const results = folds.get(context.node.operator)?.(context) ?? [];
  return results.map((values) =>
    values !== undefined && values.length <= FOLDED_ELEMENTS_MAX ? values : undefined,
  );
}
