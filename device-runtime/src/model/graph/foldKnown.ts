// Arithmetic that exporters write into graphs to compute shapes (Shape, Gather, Concat, Range, ...), done ahead for short vectors, also
// where the batch is unknown. Values that data flows through are never touched: they are long, or not known.
import { DIM_SYMBOLS_MAX, FOLDED_ELEMENTS_MAX } from "../limits.ts";
import type { ElementType } from "../onnx/elementType.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { type OnnxTensor, tensorNumbers } from "../onnx/tensorMessage.ts";
import { type Dim, divideDim, isSameDim, isStatic, multiplyDims, type Shape } from "./dim.ts";
import { integerAttribute } from "./modelGraph.ts";
import { shapeRange, sliceSpan, splitSizes } from "./shapes/rearrange.ts";

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

/** The smallest and the largest number that integers of a type hold, as far as numbers here are exact. */
const ranges: ReadonlyMap<ElementType, readonly [number, number]> = new Map([
  ["bool", [0, 1]],
  ["int8", [-128, 127]],
  ["uint8", [0, 255]],
  ["int16", [-32_768, 32_767]],
  ["uint16", [0, 65_535]],
  ["int32", [-(2 ** 31), 2 ** 31 - 1]],
  ["uint32", [0, 2 ** 32 - 1]],
  ["int64", [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]],
  ["uint64", [0, Number.MAX_SAFE_INTEGER]],
]);

/** Up to here every whole number is a number of the type. */
const wholeMax: ReadonlyMap<ElementType, number> = new Map([
  ["float16", 2 ** 11],
  ["float32", 2 ** 24],
]);

/**
 * A result as its type holds it, undefined where that is not known: engines round every result to float32, and integers run over. Half
 * precision is followed only where it is exact, because engines differ in where they round it.
 */
const heldAs = (value: Dim, type: ElementType): Dim | undefined => {
  if (typeof value !== "number") {
    return Number.isSafeInteger(value.factor) && value.symbols.length <= DIM_SYMBOLS_MAX
      ? value
      : undefined;
  }
  if (type === "float32") return Math.fround(value);
  if (type === "float16") return isExact(value, type) ? value : undefined;
  const range = ranges.get(type);
  return range === undefined || (value >= range[0] && value <= range[1]) ? value : undefined;
};

/** Whether a value is a whole number that its type holds, so that no way to it rounds. */
const isExact = (value: number, type: ElementType): boolean =>
  !isFloat(type) || (Number.isInteger(value) && Math.abs(value) <= (wholeMax.get(type) ?? 2 ** 53));

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

/** Where the order of roundings would matter only whole numbers are followed, of which none on the way is larger than `largest`. */
const inAnyOrder = (
  compute: (values: readonly number[]) => number,
  largest: (values: readonly number[]) => number,
): Fold => {
  const fold = overAll(compute);
  return (context) => {
    const values = context.known(0);
    if (values === undefined || !isStatic(values) || !values.every(Number.isInteger)) return [];
    return isExact(largest(values), context.type) ? fold(context) : [];
  };
};

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
      const { first: begin, count } = sliceSpan(from.length, start, end, step ?? 1);
      return Array.from({ length: count }, (_, at) => from[begin + at * (step ?? 1)] ?? 0);
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
      if (!(count <= FOLDED_ELEMENTS_MAX)) return undefined;
      // Engines count the steps unrounded, but add them up and round each time.
      const values: number[] = [];
      for (let value = start; values.length < count; ) {
        values.push(value);
        const next = heldAs(value + delta, context.type);
        if (typeof next !== "number") return undefined;
        value = next;
      }
      return values;
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
      return isFloat(type) ? a / b : (a - (a % b)) / b;
    }),
  ],
  [
    "Mod",
    elementwise(([a, b], { node }) => {
      if (typeof a !== "number" || typeof b !== "number" || b === 0) return undefined;
      const rest = a % b;
      // The remainder has the sign of the divisor, or as in C that of the dividend.
      if (integerAttribute(node, "fmod", 0) !== 0 || rest === 0) return rest;
      return rest < 0 === b < 0 ? rest : rest + b;
    }),
  ],
  [
    "Pow",
    elementwise(([a, b], { type }) => {
      if (typeof a !== "number" || typeof b !== "number") return undefined;
      // How well a power is rounded is the engine's own: only whole numbers are sure.
      const power = a ** b;
      return isExact(power, type) ? power : undefined;
    }),
  ],
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
  [
    "ReduceProd",
    inAnyOrder(
      (values) => values.reduce((a, b) => a * b, 1),
      (values) => values.reduce((a, b) => a * Math.max(1, Math.abs(b)), 1),
    ),
  ],
  [
    "ReduceSum",
    inAnyOrder(
      (values) => values.reduce((a, b) => a + b, 0),
      (values) => values.reduce((a, b) => a + Math.abs(b), 0),
    ),
  ],
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
  return results.map((values) => {
    if (values === undefined || values.length > FOLDED_ELEMENTS_MAX) return undefined;
    const held = values.map((value) => heldAs(value, context.type));
    return held.every((value) => value !== undefined) ? held : undefined;
  });
}
