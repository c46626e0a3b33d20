// Writes a feed-forward network layer by layer. Shared by the builders; it decides nothing about their shape.
import { assertDefect } from "@attune/protocol";
import type { Random } from "../../ports/random.ts";
import { createGraphEmitter, integer, integers } from "../graph/graphEmitter.ts";
import { writeModel } from "../onnx/modelFile.ts";
import { floatTensor } from "../onnx/tensorMessage.ts";
import { writeValue } from "../onnx/valueMessage.ts";
import { glorotUniform, heNormal } from "./initialWeights.ts";

/** Mean and standard deviation that bring each input (or channel) to mean 0 and deviation 1; part of the model, never trained. */
export interface InputNormalization {
  readonly mean: ArrayLike<number>;
  /** Each above 0. */
  readonly deviation: ArrayLike<number>;
}

/**
 * A second view of the same window, beside the first: what moved, loud and quiet brought closer together. Part of the model, never trained.
 *
 * With `d` the value less its mean over the window, the view is `gain · d / √√(d² + floor²)`: a signed square root, straight near zero.
 * A tremor of a hundredth of the usual movement then reads as a tenth instead of a hundredth, so that a network sees how somebody
 * sits as well as how somebody walks.
 */
export interface DetailView {
  /** Multiplies the view, above 0; 3 brings usual movement to the size of the normalised channels. */
  readonly gain: number;
  /** Movement, in units of the normalised channels, below which the root turns straight; above 0, about the size of the sensor's noise. */
  readonly floor: number;
}

/** Adds layers one after the other. */
export interface NetworkWriter {
  normalize(normalization: InputNormalization, dims: readonly number[]): void;
  /** Appends the detail view as further channels: `[batch, channels, length]` to `[batch, 2 channels, length]`. */
  appendDetail(view: DetailView): void;
  /** `act(x Wᵀ + b)`; without an activation it is the last layer. */
  dense(name: string, inputCount: number, outputCount: number, hasRelu: boolean): void;
  /** 1-D convolution with a kernel of odd size, padded so that stride 1 keeps the length, then ReLU. */
  convolution(
    name: string,
    channels: number,
    filters: number,
    kernel: number,
    stride: number,
  ): void;
  maxPool(size: number): void;
  /** Mean over the length: `[batch, channels, length]` to `[batch, channels]`. */
  averageLength(): void;
  flatten(): void;
  /** The ONNX file; the last value becomes the output `logits`. */
  finish(classCount: number): Uint8Array;
}

/** Operator set of built models. */
const OPSET = 17;

/** Starts a network on the input `data`. */
export function createNetworkWriter(random: Random, sampleDims: readonly number[]): NetworkWriter {
  const emit = createGraphEmitter("value.");
  let last = "data";
  const parameter = (name: string, dims: readonly number[], values: ArrayLike<number>): string => {
    emit.keep(floatTensor(name, dims, values));
    return name;
  };
  return {
    normalize({ mean, deviation }, dims) {
      const count = dims.reduce((product, dim) => product * dim, 1);
      assertDefect(
        mean.length === count &&
          deviation.length === count &&
          Array.from(deviation).every((value) => value > 0),
        "builder.normalization_invalid",
        `${mean.length} means and ${deviation.length} deviations for ${count} inputs, every deviation above 0`,
      );
      const centre = parameter("normalization.mean", dims, mean);
      const scale = parameter("normalization.deviation", dims, deviation);
      last = emit.node("Div", [emit.node("Sub", [last, centre]), scale]);
    },
    appendDetail({ gain, floor }) {
      assertDefect(
        gain > 0 && floor > 0,
        "builder.detail_invalid",
        `detail has gain ${gain} and floor ${floor}; both are above 0`,
      );
      const mean = emit.node("ReduceMean", [last], { axes: integers([2]), keepdims: integer(1) });
      const moved = emit.node("Sub", [last, mean]);
      const square = emit.node("Mul", [moved, moved]);
      const size = emit.node("Sqrt", [emit.node("Add", [square, emit.scalar(floor * floor)])]);
      const rooted = emit.node("Div", [moved, emit.node("Sqrt", [size])]);
      const view = emit.node("Mul", [rooted, emit.scalar(gain)]);
      last = emit.node("Concat", [last, view], { axis: integer(1) });
    },
    dense(name, inputCount, outputCount, hasRelu) {
      const count = inputCount * outputCount;
      const weight = hasRelu
        ? heNormal(random, count, inputCount)
        : glorotUniform(random, count, inputCount, outputCount);
      const inputs = [
        last,
        parameter(`${name}.weight`, [outputCount, inputCount], weight),
        parameter(`${name}.bias`, [outputCount], new Float32Array(outputCount)),
      ];
      const attributes = { transB: integer(1) };
      last = hasRelu
        ? emit.node("Relu", [emit.node("Gemm", inputs, attributes)])
        : emit.node("Gemm", inputs, attributes, "logits");
    },
    convolution(name, channels, filters, kernel, stride) {
      const fanIn = channels * kernel;
      const pad = (kernel - 1) / 2;
      const convolved = emit.node(
        "Conv",
        [
          last,
          parameter(
            `${name}.weight`,
            [filters, channels, kernel],
            heNormal(random, filters * fanIn, fanIn),
          ),
          parameter(`${name}.bias`, [filters], new Float32Array(filters)),
        ],
        {
          kernel_shape: integers([kernel]),
          pads: integers([pad, pad]),
          strides: integers([stride]),
        },
      );
      last = emit.node("Relu", [convolved]);
    },
    maxPool(size) {
      last = emit.node("MaxPool", [last], {
        kernel_shape: integers([size]),
        strides: integers([size]),
      });
    },
    averageLength() {
      last = emit.node("ReduceMean", [last], { axes: integers([2]), keepdims: integer(0) });
    },
    flatten() {
      last = emit.node("Flatten", [last], { axis: integer(1) });
    },
    finish: (classCount) =>
      writeModel(OPSET, {
        name: "network",
        nodes: emit.nodes,
        initializers: emit.constants,
        inputs: [writeValue("data", "float32", ["batch", ...sampleDims])],
        outputs: [writeValue("logits", "float32", ["batch", classCount])],
      }),
  };
}
