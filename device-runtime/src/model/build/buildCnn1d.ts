// Makes 1-D convolutional networks for windows of sensor signals, without Python.
import { assertDefect } from "@attune/protocol";
import type { Random } from "../../ports/random.ts";
import { createNetworkWriter, type DetailView, type InputNormalization } from "./networkWriter.ts";

/** One convolution, its ReLU and its pool. */
export interface ConvolutionSpec {
  readonly filters: number;
  /** Odd. */
  readonly kernel: number;
  /** 1 if left out. */
  readonly stride?: number;
  /** Size of a max pool behind it; none if left out. */
  readonly pool?: number;
}

/** Shape of a 1-D convolutional network. */
export interface Cnn1dSpec {
  readonly channels: number;
  /** Samples in a window. */
  readonly length: number;
  /** At least one. */
  readonly convolutions: readonly ConvolutionSpec[];
  /** Whether the dense layers see the mean of each channel (few parameters, blind to where in the window) or every position. */
  readonly reduce: "average" | "flatten";
  /** Units of dense layers with ReLU before the last one; may be empty. */
  readonly dense: readonly number[];
  /** At least 2. */
  readonly classCount: number;
  /** One mean and deviation a channel; built in as the first nodes. */
  readonly normalization?: InputNormalization;
  /** Shows small movements beside the channels; the first convolution then sees twice as many. */
  readonly detail?: DetailView;
}

/**
 * Makes a 1-D convolutional network with fresh weights.
 *
 * - Input `data` `[batch, channels, length]`, output `logits` `[batch, classCount]`, parameters `conv1.weight`, `conv1.bias`, ...,
 *   `hidden1.weight`, ..., `head.weight`, `head.bias`. He-normal before a ReLU, Glorot-uniform at the end, biases 0.
 * - Deterministic: same spec and same numbers from `random`, same bytes.
 *
 * @returns an ONNX file that any runtime opens
 * @throws Defect `builder.size_invalid`, `builder.normalization_invalid`, `builder.detail_invalid`
 * @example
 * const convolutions = [{ filters: 32, kernel: 5, pool: 2 }];
 * const sizes = { channels: 6, length: 128, convolutions, dense: [], classCount: 6 };
 * const model = buildCnn1d({ ...sizes, reduce: "average" }, createSeededRandom(1));
 */
export function buildCnn1d(spec: Cnn1dSpec, random: Random): Uint8Array {
  const { channels, convolutions, dense, classCount } = spec;
  const network = createNetworkWriter(random, [channels, spec.length]);
  if (spec.normalization !== undefined) network.normalize(spec.normalization, [channels, 1]);
  if (spec.detail !== undefined) network.appendDetail(spec.detail);
  assertDefect(
    convolutions.length > 0 && Number.isInteger(classCount) && classCount >= 2,
    "builder.size_invalid",
    `${convolutions.length} convolutions and ${classCount} classes; at least 1 and 2`,
  );
  let size = spec.detail === undefined ? channels : 2 * channels;
  let length = spec.length;
  convolutions.forEach(({ filters, kernel, stride = 1, pool = 1 }, index) => {
    assertDefect(
      [size, filters, kernel, stride, pool].every((one) => Number.isInteger(one) && one >= 1) &&
        kernel % 2 === 1,
      "builder.size_invalid",
      `convolution ${index + 1}: filters ${filters}, kernel ${kernel}, stride ${stride}, pool ${pool}; whole numbers from 1, the kernel odd`,
    );
    network.convolution(`conv${index + 1}`, size, filters, kernel, stride);
    length = Math.floor((length - 1) / stride) + 1;
    if (pool > 1) network.maxPool(pool);
    length = Math.floor(length / pool);
    size = filters;
    assertDefect(
      length >= 1,
      "builder.size_invalid",
      `after convolution ${index + 1} nothing is left of a window of ${spec.length}`,
    );
  });
  if (spec.reduce === "average") network.averageLength();
  else {
    network.flatten();
    size *= length;
  }
  dense.forEach((units, index) => {
    assertDefect(
      Number.isInteger(units) && units >= 1,
      "builder.size_invalid",
      `dense layer ${index + 1} has ${units} units, at least 1`,
    );
    network.dense(`hidden${index + 1}`, size, units, true);
    size = units;
  });
  network.dense("head", size, classCount, false);
  return network.finish(classCount);
}
