// A convolution over one axis with fewer multiplications: forward pass and both gradients over tiles, which share what they transform.
import { type GraphEmitter, integer, integers } from "../graph/graphEmitter.ts";
import type { Window } from "../graph/window.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { createTileTransforms, type TileTransforms } from "./tileTransforms.ts";

/** A convolution and which of its gradients are wanted. */
export interface ConvTilesTask {
  readonly node: OnnxNode;
  readonly window: Window;
  readonly groups: number;
  /** Sizes of the weight `[filters, channels, ...kernel]`. */
  readonly weight: readonly number[];
  /** Gradient by the convolution's output `[batch, filters, ...outputSizes]`. */
  readonly gradient: string;
  readonly wantsData: boolean;
}

/** A convolution's output, and the gradients by its weight and its data where they are wanted. */
export type ConvResult = readonly [
  output: string,
  weight: string | undefined,
  data: string | undefined,
];

/** Inputs of a tile: with more the rounding errors grow. */
const TILE_INPUTS_MAX = 8;
/** Outputs of a tile: with more the transforms cost what the products save. */
const TILE_OUTPUTS_MAX = 4;

/** How a convolution is cut into tiles, along the one axis that its kernel spans. */
interface Tiling {
  readonly transforms: TileTransforms;
  /** That axis among the spatial ones. */
  readonly axis: number;
  /** Tiles an output row, the last one perhaps beyond its end. */
  readonly tileCount: number;
  /** Parts of a tile's inputs, each as long as its outputs: where in the padded data they begin, and how they are transformed. */
  readonly parts: readonly TilePart[];
}

interface TilePart {
  /** Padding that brings the data to this part of all tiles; negative numbers cut off. */
  readonly before: number;
  readonly after: number;
  /** Columns of the transform `[points, outputs]` that belong to this part. */
  readonly columns: Float32Array;
}

/** The tiles of a convolution; undefined where it has strides, gaps, groups, a kernel over several axes, or too long or too short a one. */
function tilingOf({ window, groups }: ConvTilesTask): Tiling | undefined {
  const axis = window.kernel.findIndex((one) => one > 1);
  const kernel = window.kernel[axis] ?? 1;
  const length = window.inputSizes[axis] ?? 1;
  const before = window.padsBefore[axis] ?? 0;
  const outputs = window.outputSizes[axis] ?? 1;
  const size = Math.min(TILE_OUTPUTS_MAX, TILE_INPUTS_MAX + 1 - kernel);
  const isDense =
    groups === 1 && [...window.strides, ...window.dilations].every((one) => one === 1);
  // Other axes join the samples in front of it, or are none.
  const areOthersPlain = window.kernel.every(
    (one, other) =>
      other === axis ||
      (one === 1 &&
        window.padsBefore[other] === 0 &&
        window.padsAfter[other] === 0 &&
        (other < axis || window.inputSizes[other] === 1)),
  );
  if (!isDense || !areOthersPlain || kernel < 2 || size < 2 || outputs < size) return undefined;
  const transforms = createTileTransforms(size, kernel);
  const { pointCount } = transforms;
  const tileCount = Math.ceil(outputs / size);
  const covered = tileCount * size;
  const parts = Array.from({ length: Math.ceil(pointCount / size) }, (_, part): TilePart => {
    const columns = new Float32Array(pointCount * size);
    for (let point = 0; point < pointCount; point += 1) {
      for (let at = 0; at < size && part * size + at < pointCount; at += 1) {
        columns[point * size + at] = transforms.data[point * pointCount + part * size + at] ?? 0;
      }
    }
    const own = before - part * size;
    return { before: own, after: covered - length - own, columns };
  });
  const isInside = parts.every((part) => part.before > -length && part.after > -length);
  return isInside ? { transforms, axis, tileCount, parts } : undefined;
}

/**
 * Toom-Cook tiles: a tile of m outputs of a kernel of r takes m + r - 1 products instead of m r, one for each point at which the polynomials
 * of data and weight are evaluated. Undefined where the convolution has no such form.
 *
 * The forward pass is written anew, so that the weight's gradient can use its transformed data, and the data's gradient its transformed
 * weight. Errors of rounding grow about tenfold over those of a plain sum: the tests hold them to 1e-5 of the largest element.
 *
 * @see Lavin and Gray 2016, section 4, with tiles over one axis; Barabasz et al. 2020 for the points.
 */
export function convTilesForm(
  task: ConvTilesTask,
): ((emit: GraphEmitter) => ConvResult) | undefined {
  const tiling = tilingOf(task);
  return tiling && ((emit) => writeTiles(emit, task, tiling));
}

const swapBack = { perm: integers([0, 2, 1]) };
const transB = { transB: integer(1) };
const transA = { transA: integer(1) };

function writeTiles(emit: GraphEmitter, task: ConvTilesTask, tiling: Tiling): ConvResult {
  const { node, weight, gradient, wantsData } = task;
  const [filters = 1, channels = 1] = weight;
  const { transforms, axis, tileCount, parts } = tiling;
  const { pointCount, size } = transforms;
  const { kernel: kernelSizes, outputSizes } = task.window;
  const kernel = kernelSizes[axis] ?? 1;
  const outputs = outputSizes[axis] ?? 1;
  const rank = outputSizes.length + 2;
  const swapFront = { perm: integers([1, 0, ...outputSizes.map((_, other) => other + 2)]) };
  const covered = tileCount * size;
  const reshape = (value: string, dims: readonly number[]): string =>
    emit.node("Reshape", [value, emit.integers(dims)]);
  const padded = (value: string, before: number, after: number): string =>
    before === 0 && after === 0
      ? value
      : emit.node("Pad", [
          value,
          emit.integers(
            Array.from({ length: 2 * rank }, (_, at) =>
              at === axis + 2 ? before : at === axis + 2 + rank ? after : 0,
            ),
          ),
        ]);
  // Channels first, all that the tiles cover.
  const rowsOf = (value: string, channelCount: number): string =>
    reshape(value, [
      channelCount,
      -1,
      ...outputSizes.map((one, other) => (other === axis ? covered : one)),
    ]);
  const matrix = (rows: number, columns: number, values: ArrayLike<number>): string =>
    emit.floats([rows, columns], values);
  const turned = (rows: number, columns: number, values: ArrayLike<number>): string =>
    matrix(columns, rows, transposed(rows, columns, values));

  const { ofData, ofWeight } = emit.replace(node, () => {
    const [image = "", kernels = "", bias = ""] = node.inputs;
    // Channels first, so that the tiles of all samples are the columns of one product.
    const perChannel = emit.node("Transpose", [image], swapFront);
    let seen: string | undefined;
    for (const { before, after, columns } of parts) {
      const rows = reshape(padded(perChannel, before, after), [-1, size]);
      const sum = seen === undefined ? [] : [seen];
      seen = emit.node("Gemm", [matrix(pointCount, size, columns), rows, ...sum], transB);
    }
    const data = reshape(seen ?? "", [pointCount, channels, -1]);
    const flat = reshape(kernels, [filters * channels, kernel]);
    const spread = emit.node("Gemm", [matrix(pointCount, kernel, transforms.weight), flat], transB);
    const taps = reshape(spread, [pointCount, filters, channels]);
    const products = reshape(emit.node("MatMul", [taps, data]), [pointCount, -1]);
    const byPlace = emit.node("MatMul", [turned(pointCount, size, transforms.output), products]);
    const places = emit.node("Transpose", [byPlace], { perm: integers([1, 0]) });
    const rows = padded(rowsOf(places, filters), 0, outputs - covered);
    if (bias === "") {
      emit.node("Transpose", [rows], swapFront, node.outputs[0]);
    } else {
      const result = emit.node("Transpose", [rows], swapFront);
      emit.node(
        "Add",
        [result, reshape(bias, [filters, ...outputSizes.map(() => 1)])],
        {},
        node.outputs[0],
      );
    }
    return { ofData: data, ofWeight: taps };
  });

  const perFilter = padded(emit.node("Transpose", [gradient], swapFront), 0, covered - outputs);
  const slopes = reshape(
    emit.node(
      "Gemm",
      [matrix(pointCount, size, transforms.output), reshape(perFilter, [-1, size])],
      transB,
    ),
    [pointCount, filters, -1],
  );
  const byTaps = reshape(
    emit.node("MatMul", [slopes, emit.node("Transpose", [ofData], swapBack)]),
    [pointCount, filters * channels],
  );
  const byWeight = emit.node(
    "Gemm",
    [byTaps, matrix(pointCount, kernel, transforms.weight)],
    transA,
  );
  return [node.outputs[0] ?? "", reshape(byWeight, weight), wantsData ? byData() : undefined];

  function byData(): string {
    const back = emit.node("MatMul", [emit.node("Transpose", [ofWeight], swapBack), slopes]);
    const points = reshape(back, [pointCount, -1]);
    const sums = parts.map(({ before, after, columns }) => {
      const places = emit.node("MatMul", [turned(pointCount, size, columns), points]);
      const rows = emit.node("Transpose", [places], { perm: integers([1, 0]) });
      return padded(rowsOf(rows, channels), -before, -after);
    });
    const sum = sums.reduce((left, right) => emit.node("Add", [left, right]));
    return emit.node("Transpose", [sum], swapFront);
  }
}

function transposed(rows: number, columns: number, values: ArrayLike<number>): Float32Array {
  const result = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      result[column * rows + row] = values[row * columns + column] ?? 0;
    }
  }
  return result;
}
