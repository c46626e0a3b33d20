// How much of each kind of work the engine does for a node, counted from shapes. How long a unit takes is another file's business.
import { integerAttribute, integersAttribute } from "../graph/modelGraph.ts";
import { transposeOrder } from "../graph/shapes/rearrange.ts";
import { readTransposedWindow, readWindow } from "../graph/window.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import type { SizedValue } from "./emittedTypes.ts";

/** Kinds of work, each with a time a unit in the cost table. */
export const workKinds = [
  /** Calls of the engine's operators. */
  "node",
  /** Elements copied in their order. */
  "copied",
  /** Stretches of memory that are copied one after the other. */
  "run",
  /** Elements copied with gaps between them. */
  "picked",
  /** Stretches that are filled with one element. */
  "repeated",
  /** Elements of which one axis changes its place. */
  "moved",
  /** Elements of which several axes change their places. */
  "shuffled",
  /** Elements computed one by one. */
  "elementwise",
  /** Elements summed or compared into fewer. */
  "reduced",
  /** Matrix products. */
  "product",
  /** Multiplications of matrix products, the narrow side rounded up to a register's width. */
  "mac",
  /** Elements that a convolution lays out for its product. */
  "column",
  /** Stretches in which it does so: rows of its output. */
  "columnRun",
  /** Elements that a transposed convolution over two axes adds up behind its product. */
  "folded",
  /** The same over one or three axes, for which engines have a slower way. */
  "foldedOdd",
  /** Stretches in which either does so. */
  "foldedRun",
  /** Elements under the windows of pools. */
  "pooled",
  /** Elements under the windows of a pool that reports indices. */
  "indexed",
  /** Elements that are added where an index says. */
  "scattered",
] as const;

/** A kind of work. */
export type WorkKind = (typeof workKinds)[number];

/** Units of each kind. */
export type Work = Partial<Record<WorkKind, number>>;

const count = (dims: readonly number[]): number => dims.reduce((product, dim) => product * dim, 1);

/** Columns that one vector register of a matrix product holds. */
const REGISTER_WIDTH = 16;

/** Products of `[rows, inner] x [inner, columns]`, so many of them. */
function products(calls: number, rows: number, inner: number, columns: number): Work {
  const wide = Math.ceil(columns / REGISTER_WIDTH) * REGISTER_WIDTH;
  return { product: calls, mac: calls * rows * inner * wide };
}

/** Length of the stretches in which a part of `whole` is copied. */
function runLength(part: readonly number[], whole: readonly number[]): number {
  let length = 1;
  for (let axis = part.length - 1; axis >= 0; axis -= 1) {
    length *= part[axis] ?? 1;
    if (part[axis] !== whole[axis]) break;
  }
  return Math.max(length, 1);
}

/** Elements behind the last axis of which not all is taken. */
function wholeLength(part: readonly number[], whole: readonly number[]): number {
  const cut = part.findLastIndex((size, axis) => size !== whole[axis]);
  return count(part.slice(cut + 1));
}

/** Length of the stretches that repeating writes: up to and with the first axis, from the end, that grows. */
function repeatLength(from: readonly number[], to: readonly number[]): number {
  let length = 1;
  for (let axis = to.length - 1; axis >= 0; axis -= 1) {
    length *= to[axis] ?? 1;
    if (from[axis - to.length + from.length] !== to[axis]) break;
  }
  return Math.max(length, 1);
}

/** Stretches in which operands run side by side, none of them beginning again; none where nothing is broadcast. */
function broadcastRuns(
  operands: readonly (readonly number[])[],
  output: readonly number[],
): number {
  const size = count(output);
  const spread = operands.filter((dims) => count(dims) !== size);
  // A scalar stands still throughout.
  if (spread.every((dims) => count(dims) === 1)) return 0;
  return Math.max(...spread.map((dims) => size / evenLength(dims, output)));
}

/** Length of the stretch at the end of the output over which an operand either runs along or stands still. */
function evenLength(dims: readonly number[], output: readonly number[]): number {
  let length = 1;
  let runsAlong: boolean | undefined;
  for (let axis = output.length - 1; axis >= 0; axis -= 1) {
    if (output[axis] === 1) continue;
    const alongHere = dims[axis - output.length + dims.length] === output[axis];
    runsAlong ??= alongHere;
    if (alongHere !== runsAlong) break;
    length *= output[axis] ?? 1;
  }
  return length;
}

/** Work of one node; its inputs and outputs are all sized. */
export function nodeWork(node: OnnxNode, sizeOf: (name: string) => SizedValue): Work {
  const input = (index: number): readonly number[] => sizeOf(node.inputs[index] ?? "").dims;
  const output = sizeOf(node.outputs[0] ?? "").dims;
  const size = count(output);
  switch (node.operator) {
    case "Reshape":
    case "Flatten":
    case "Squeeze":
    case "Unsqueeze":
    case "Identity":
    case "Shape":
    case "Size":
    case "ConstantOfShape":
    case "Constant":
      return { node: 1 };
    case "Slice": {
      // Its fifth input are steps, which leave no two places of their axis together.
      if (node.inputs.length <= 4) {
        return { node: 1, copied: size, run: size / runLength(output, input(0)) };
      }
      const together = wholeLength(output, input(0));
      return together === 1
        ? { node: 1, picked: size }
        : { node: 1, copied: size, run: size / together };
    }
    case "Pad":
      return { node: 1, copied: size, run: count(input(0)) / runLength(input(0), output) };
    case "Split":
    case "Concat": {
      const isSplit = node.operator === "Split";
      const whole = isSplit ? input(0) : output;
      const parts = isSplit ? node.outputs : node.inputs;
      const run = parts.reduce((sum, name) => {
        const { dims } = sizeOf(name);
        return sum + count(dims) / runLength(dims, whole);
      }, 0);
      return { node: 1, copied: count(whole), run };
    }
    case "Expand":
      return input(0).at(-1) === output.at(-1)
        ? { node: 1, copied: size, run: size / repeatLength(input(0), output) }
        : { node: 1, repeated: size / repeatLength(input(0), output) };
    case "Transpose":
      return transposeWork(node, input(0));
    case "Gemm": {
      const inner = count(input(0)) / (output[0] ?? 1);
      return { node: 1, ...products(1, output[0] ?? 1, inner, output[1] ?? 1) };
    }
    case "MatMul": {
      const rows = output.at(-2) ?? 1;
      const columns = output.at(-1) ?? 1;
      return {
        node: 1,
        ...products(size / (rows * columns), rows, input(0).at(-1) ?? 1, columns),
      };
    }
    case "Conv":
      return convolutionWork(node, input(0), input(1));
    case "ConvTranspose":
      return transposedWork(node, input(0), input(1));
    case "ScatterElements":
      return { node: 1, copied: size, scattered: count(input(1)) };
    case "MaxPool":
    case "LpPool":
    case "AveragePool": {
      const under = size * count(integersAttribute(node, "kernel_shape") ?? []);
      return (node.outputs[1] ?? "") === ""
        ? { node: 1, pooled: under }
        : { node: 1, indexed: under };
    }
    default:
      return node.operator.startsWith("Reduce") || node.operator.startsWith("Global")
        ? { node: 1, reduced: count(input(0)) }
        : {
            node: 1,
            elementwise: size,
            run: broadcastRuns(
              node.inputs.filter((name) => name !== "").map((name) => sizeOf(name).dims),
              output,
            ),
          };
  }
}

/** A permutation that keeps the last axes moves whole stretches. */
function transposeWork(node: OnnxNode, dims: readonly number[]): Work {
  const order = transposeOrder(node, dims.length);
  // Axes of size 1 do not matter.
  const axes = order.filter((axis) => dims[axis] !== 1);
  const sorted = [...axes].sort((a, b) => a - b);
  let length = 1;
  for (let at = axes.length - 1; at >= 0 && axes[at] === sorted[at]; at -= 1) {
    length *= dims[axes[at] ?? 0] ?? 1;
  }
  const size = count(dims);
  if (axes.every((axis, at) => axis === sorted[at])) return { node: 1, copied: size };
  if (length > 1) return { node: 1, copied: size, run: size / length };
  return isOneMove(axes, sorted) ? { node: 1, moved: size } : { node: 1, shuffled: size };
}

/** Whether one axis taken out and put in elsewhere makes one order of the other. */
function isOneMove(order: readonly number[], sorted: readonly number[]): boolean {
  const without = (axes: readonly number[], axis: number): string =>
    axes.filter((one) => one !== axis).join();
  return order.some((axis) => without(order, axis) === without(sorted, axis));
}

function convolutionWork(node: OnnxNode, data: readonly number[], weight: readonly number[]): Work {
  const groups = integerAttribute(node, "group", 1);
  const window = readWindow(node, data, weight.slice(2));
  const filters = (weight[0] ?? 1) / groups;
  const under = count(weight.slice(1));
  const places = count(window.outputSizes);
  const calls = (data[0] ?? 1) * groups;
  const isPlain =
    window.kernel.every((size) => size === 1) &&
    window.strides.every((stride) => stride === 1) &&
    [...window.padsBefore, ...window.padsAfter].every((pad) => pad === 0);
  return {
    node: 1,
    column: isPlain ? 0 : calls * under * places,
    columnRun: isPlain ? 0 : (calls * under * places) / (window.outputSizes.at(-1) ?? 1),
    ...products(calls, filters, under, places),
  };
}

function transposedWork(node: OnnxNode, data: readonly number[], weight: readonly number[]): Work {
  const groups = integerAttribute(node, "group", 1);
  const window = readTransposedWindow(node, data, weight.slice(2));
  const under = count(weight.slice(1));
  const places = count(window.outputSizes);
  const calls = (data[0] ?? 1) * groups;
  return {
    node: 1,
    [window.kernel.length === 2 ? "folded" : "foldedOdd"]: calls * under * places,
    foldedRun: (calls * under * places) / (window.outputSizes.at(-1) ?? 1),
    ...products(calls, under, (weight[0] ?? 1) / groups, places),
  };
}

/** All work together. */
export function sumOfWork(parts: readonly Work[]): Work {
  const sum: Work = {};
  for (const part of parts) {
    for (const [kind, units] of Object.entries(part)) {
      if (units !== 0) sum[kind as WorkKind] = (sum[kind as WorkKind] ?? 0) + units;
    }
  }
  return sum;
}
