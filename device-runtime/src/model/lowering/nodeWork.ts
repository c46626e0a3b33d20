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
  /** Elements that change their order. */
  "moved",
  /** Elements computed one by one. */
  "elementwise",
  /** Elements summed or compared into fewer. */
  "reduced",
  /** Matrix products. */
  "product",
  /** Multiplications of matrix products, the narrow side rounded up to a register's width. */
  "mac",
  /** Elements of right operands, which a product packs before it uses them. */
  "packed",
  /** Elements that a convolution lays out for its product, or adds up behind it. */
  "column",
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
  return { product: calls, mac: calls * rows * inner * wide, packed: calls * inner * columns };
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
    case "Slice":
    case "Pad": {
      const [small, large] = node.operator === "Slice" ? [output, input(0)] : [input(0), output];
      return { node: 1, copied: size, run: count(small) / runLength(small, large) };
    }
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
      return { node: 1, copied: size };
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
    case "AveragePool": {
      const under = size * count(integersAttribute(node, "kernel_shape") ?? []);
      return (node.outputs[1] ?? "") === ""
        ? { node: 1, pooled: under }
        : { node: 1, indexed: under };
    }
    default:
      return node.operator.startsWith("Reduce") || node.operator.startsWith("Global")
        ? { node: 1, reduced: count(input(0)) }
        : { node: 1, elementwise: size };
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
  return length === 1 ? { node: 1, moved: size } : { node: 1, copied: size, run: size / length };
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
    column: calls * under * places,
    ...products(calls, under, (weight[0] ?? 1) / groups, places),
  };
}
