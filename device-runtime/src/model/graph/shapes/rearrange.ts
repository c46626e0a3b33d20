// Shapes of operators that move elements without computing with them.
import { type Dim, divideDim, isSameDim, multiplyDims, shapeText } from "../dim.ts";
import { integerAttribute, integersAttribute, knownDim, resolveAxis } from "../modelGraph.ts";
import {
  knownIntegers,
  likeInput,
  type ShapeContext,
  type ShapeRule,
  shapeMismatch,
} from "./shapeRule.ts";

/** `Flatten`: everything before `axis` times everything from it on. */
export const flattenShape: ShapeRule = (context) => {
  const { shape } = context.input(0);
  const axis = integerAttribute(context.node, "axis", 1);
  const cut = axis < 0 ? axis + shape.length : axis;
  return likeInput(context, [multiplyDims(shape.slice(0, cut)), multiplyDims(shape.slice(cut))]);
};

/** `Reshape`: 0 copies a size, -1 is what remains. */
export const reshapeShape: ShapeRule = (context) => {
  const { node } = context;
  const { shape } = context.input(0);
  const asked = context.integers(1);
  if (asked === undefined) return likeInput(context, knownIntegers(context, 1, "the new shape"));
  const copiesZero = integerAttribute(node, "allowzero", 0) === 0;
  const dims: (Dim | undefined)[] = asked.map((dim, axis) => {
    if (dim === -1) return undefined;
    if (dim === 0 && copiesZero)
      return shape[axis] ?? shapeMismatch(node, `copies axis ${axis}, which is not there`);
    return dim;
  });
  const open = dims.filter((dim) => dim === undefined).length;
  if (open > 1) return shapeMismatch(node, "leaves more than one size open");
  const total = multiplyDims(shape);
  const known = multiplyDims(dims.filter((dim) => dim !== undefined));
  if (open === 0 && typeof total === "number" && typeof known === "number" && total !== known) {
    return shapeMismatch(node, `cannot make ${shapeText(asked)} of ${shapeText(shape)}`);
  }
  const rest = open === 0 ? undefined : divideDim(total, known);
  if (open === 1 && rest === undefined) {
    return shapeMismatch(node, `cannot make ${shapeText(asked)} of ${shapeText(shape)}`);
  }
  return likeInput(
    context,
    dims.map((dim) => dim ?? rest ?? 1),
  );
};

/** `Transpose`: the default order is the reverse. */
export const transposeShape: ShapeRule = (context) => {
  const { shape } = context.input(0);
  const order = transposeOrder(context.node, shape.length);
  return likeInput(
    context,
    order.map((axis) => shape[axis] ?? 1),
  );
};

/** The permutation of a `Transpose`. */
export function transposeOrder(node: ShapeContext["node"], rank: number): readonly number[] {
  const order =
    integersAttribute(node, "perm") ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
  if (
    order.length !== rank ||
    [...order].sort((a, b) => a - b).some((axis, index) => axis !== index)
  ) {
    return shapeMismatch(node, `[${order.join(", ")}] does not permute ${rank} axes`);
  }
  return order;
}

/** `Squeeze`: the named axes, or all of size 1. */
export const squeezeShape: ShapeRule = (context) => {
  const { shape } = context.input(0);
  const named = context.has(1)
    ? knownIntegers(context, 1, "the axes").map((axis) =>
        resolveAxis(context.node, axis, shape.length),
      )
    : undefined;
  return likeInput(
    context,
    shape.filter((dim, axis) => {
      const removed = named === undefined ? dim === 1 : named.includes(axis);
      if (removed && dim !== 1)
        return shapeMismatch(context.node, `axis ${axis} of ${shapeText(shape)} is not 1`);
      return !removed;
    }),
  );
};

/** `Unsqueeze`: new axes of size 1. */
export const unsqueezeShape: ShapeRule = (context) => {
  const { shape } = context.input(0);
  const axes = knownIntegers(context, 1, "the axes");
  const rank = shape.length + axes.length;
  const added = new Set(axes.map((axis) => resolveAxis(context.node, axis, rank)));
  let next = 0;
  return likeInput(
    context,
    Array.from({ length: rank }, (_, axis): Dim => {
      if (added.has(axis)) return 1;
      next += 1;
      return shape[next - 1] ?? 1;
    }),
  );
};

/** `Concat`: sizes along the axis add up. */
export const concatShape: ShapeRule = (context) => {
  const shapes = context.node.inputs.map((_, index) => context.input(index).shape);
  const first = shapes[0] ?? [];
  const axis = resolveAxis(context.node, integerAttribute(context.node, "axis", 0), first.length);
  for (const shape of shapes) {
    if (
      shape.length !== first.length ||
      shape.some((dim, other) => other !== axis && !isSameDim(dim, first[other] ?? -1))
    ) {
      return shapeMismatch(context.node, `${shapeText(first)} and ${shapeText(shape)} do not join`);
    }
  }
  const sizes = shapes.map((shape) => shape[axis] ?? 1);
  const total = sizes.every((size) => typeof size === "number")
    ? sizes.reduce((sum, size) => sum + size, 0)
    : context.freshDim();
  return likeInput(
    context,
    first.map((dim, other) => (other === axis ? total : dim)),
  );
};

/** `Expand`: broadcasting with a shape. */
export const expandShape: ShapeRule = (context) => {
  const { shape } = context.input(0);
  const asked = context.integers(1);
  if (asked === undefined) return likeInput(context, knownIntegers(context, 1, "the new shape"));
  const rank = Math.max(shape.length, asked.length);
  return likeInput(
    context,
    Array.from({ length: rank }, (_, axis): Dim => {
      const own = shape[axis - rank + shape.length] ?? 1;
      const other = asked[axis - rank + asked.length] ?? 1;
      return own === 1 ? other : own;
    }),
  );
};

/** `Slice` with constant starts, ends, axes and steps. */
export const sliceShape: ShapeRule = (context) => {
  const { shape } = context.input(0);
  const starts = knownIntegers(context, 1, "the starts");
  const ends = knownIntegers(context, 2, "the ends");
  const axes = context.has(3)
    ? knownIntegers(context, 3, "the axes")
    : starts.map((_, index) => index);
  const steps = context.has(4) ? knownIntegers(context, 4, "the steps") : starts.map(() => 1);
  const dims: Dim[] = [...shape];
  axes.forEach((named, index) => {
    const axis = resolveAxis(context.node, named, shape.length);
    if (takesAll(starts[index] ?? 0, ends[index] ?? 0, steps[index] ?? 1)) return;
    const size = knownDim(context.node, shape[axis], `the size of the sliced axis ${axis}`);
    const [start = 0, end = size, step = 1] = [starts[index], ends[index], steps[index]];
    dims[axis] = sliceSpan(size, start, end, step).count;
  });
  return likeInput(context, dims);
};

/** Whether a slice takes all of an axis, however long it is: exporters write the largest integer as its end. */
export function takesAll(start: number, end: number, step: number): boolean {
  return start === 0 && step === 1 && end >= 2 ** 31 - 1;
}

/** What a slice takes of an axis, as ONNX and NumPy clamp it: `count` elements from `first` on, `step` apart. Counted, not listed. */
export function sliceSpan(
  size: number,
  start: number,
  end: number,
  step: number,
): { readonly first: number; readonly count: number } {
  const clamp = (at: number, low: number, high: number) =>
    Math.max(low, Math.min(high, at < 0 ? at + size : at));
  if (step === 0) return { first: 0, count: 0 };
  const first = step > 0 ? clamp(start, 0, size) : clamp(start, 0, size - 1);
  const last = step > 0 ? clamp(end, 0, size) : end < -size ? -1 : clamp(end, -1, size - 1);
  return { first, count: Math.max(0, Math.ceil((last - first) / step)) };
}

/** `Shape`: the sizes as an integer vector. */
export const shapeShape: ShapeRule = (context) => {
  const rank = context.input(0).shape.length;
  const [start, end] = shapeRange(context.node, rank);
  return [{ type: "int64", shape: [Math.max(0, end - start)] }];
};

/** First and one past last axis that a `Shape` node reports. */
export function shapeRange(node: ShapeContext["node"], rank: number): [number, number] {
  const clamp = (axis: number) => Math.max(0, Math.min(rank, axis < 0 ? axis + rank : axis));
  return [clamp(integerAttribute(node, "start", 0)), clamp(integerAttribute(node, "end", rank))];
}

/** `Size`: the number of elements. */
export const sizeShape: ShapeRule = () => [{ type: "int64", shape: [] }];

/** `ConstantOfShape`. */
export const constantOfShapeShape: ShapeRule = (context) => {
  const value = context.node.attributes.get("value");
  const shape = context.integers(0) ?? knownIntegers(context, 0, "the shape");
  return [{ type: value?.kind === "tensor" ? value.value.type : "float32", shape: [...shape] }];
};

/** `Split`: each output has its share of the axis. */
export const splitShape: ShapeRule = (context) => {
  const { node } = context;
  const { type, shape } = context.input(0);
  const axis = resolveAxis(node, integerAttribute(node, "axis", 0), shape.length);
  const size = knownDim(node, shape[axis], `the size of the split axis ${axis}`);
  const named = context.has(1) ? knownIntegers(context, 1, "the sizes") : undefined;
  return splitSizes(node, size, named).map((part) => ({
    type,
    shape: shape.map((dim, other) => (other === axis ? part : dim)),
  }));
};

/** Sizes of the parts of a `Split`: named, or equal but for a smaller last one. */
export function splitSizes(
  node: ShapeContext["node"],
  size: number,
  named: readonly number[] | undefined,
): readonly number[] {
  const count = named?.length ?? integerAttribute(node, "num_outputs", node.outputs.length);
  if (count !== node.outputs.length || count < 1) {
    return shapeMismatch(node, `splits into ${count} parts, has ${node.outputs.length} outputs`);
  }
  const part = Math.ceil(size / count);
  const sizes =
    named ??
    Array.from({ length: count }, (_, index) => Math.max(0, Math.min(part, size - index * part)));
  if (sizes.some((one) => one < 0) || sizes.reduce((sum, one) => sum + one, 0) !== size) {
    return shapeMismatch(node, `cannot split ${size} elements into [${sizes.join(", ")}]`);
  }
  return sizes;
}
