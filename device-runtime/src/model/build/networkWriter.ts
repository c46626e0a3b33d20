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

/** Adds layers one after the other. */
export interface NetworkWriter {
  normalize(normalization: InputNormalization, dims: readonly number[]): void;
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
