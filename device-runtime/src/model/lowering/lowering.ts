// What a choice between several ways to write one operation looks like. No choosing here.
import type { GraphEmitter } from "../graph/graphEmitter.ts";

/** Engine that a training graph is written for: onnxruntime-node, onnxruntime-web's WebAssembly, or its WebGPU. */
export type TargetEngine = "node" | "wasm" | "webgpu";

/**
 * An operation that can be written in several forms. All forms compute the same numbers but for rounding.
 *
 * - `averagePool.data`, the gradient of an average pool. `transposed`: a transposed convolution with a kernel of ones. `repeat`: each share
 *   repeated, for windows side by side.
 * - `conv`, a convolution over one axis with its gradients. `direct`: the convolution as it stands, its gradients as `conv.data` and
 *   `conv.weight` say. `tiles`: all of it over tiles, point by point, with half the multiplications or less (Toom-Cook).
 * - `conv.data`, the gradient of a convolution by its data. `flipped`: a convolution with the weight turned round, for stride 1.
 *   `transposed`: a transposed convolution. `stuffed`: zeros between the gradients instead of the stride, then as `flipped`.
 * - `conv.weight`, the gradient of a convolution by its weight. `oneImage`: one convolution in which the samples are channels and the
 *   gradient is the kernel. `unfold`: all taps side by side, then one product. `taps`: one product a tap, channels last. `product`: one
 *   product a sample, for kernels of size 1. `channels`: multiply and sum a tap, for depthwise convolutions.
 * - `maxPool.data`, the gradient of a max pool. `sideBySide`: windows that do not overlap, compared tap by tap in place. `shared`: so,
 *   and the pool itself is the maximum of the same taps. `mask`: any windows,
 *   compared tap by tap, put back by a transposed convolution. `scatter`: the pool reports its indices, and the gradient is added there.
 */
export type LoweredOperation =
  | "averagePool.data"
  | "conv"
  | "conv.data"
  | "conv.weight"
  | "maxPool.data"
  | "relu.data";

/** Names of the forms of each operation. */
export const loweredOperations: Readonly<Record<LoweredOperation, readonly string[]>> = {
  "averagePool.data": ["repeat", "transposed"],
  conv: ["direct", "tiles"],
  "conv.data": ["flipped", "stuffed", "transposed"],
  "conv.weight": ["channels", "oneImage", "product", "taps", "unfold"],
  "maxPool.data": ["mask", "scatter", "shared", "sideBySide"],
  "relu.data": ["casts", "clamped"],
};

/** Which engine a graph is written for, and which forms it takes. Plain data, safe in JSON. */
export interface LoweringSpec {
  /** `node` if left out. The graph runs on every engine, it is only fastest on this one; for `webgpu` it holds nothing that WebGPU lacks. */
  readonly engine?: TargetEngine;
  /** Samples a batch that costs are predicted for where the model leaves the batch open, 1 to 65,536; 16 if left out. */
  readonly batchSize?: number;
  /**
   * Forms by operation (`"conv.weight"`) or by site (as `listLowerings` names them; wins over the operation). A form that a site
   * cannot take is passed over there.
   */
  readonly forms?: Readonly<Record<string, string>>;
}

/** One way to write an operation. */
export interface Form<Result = string> {
  readonly name: string;
  /** Writes the form and returns the name of its result, or of all its results. Must write the same nodes whenever it is called. */
  write(emit: GraphEmitter): Result;
}

/** A form with one result or several, of which those that are not wanted are left out. */
export type AnyForm = Form<string | readonly (string | undefined)[]>;
