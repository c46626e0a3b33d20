// Makes 1-D convolutional networks for windows of sensor signals, without Python.
import { assertDefect } from "@attune/protocol";
import type { Random } from "../../ports/random.ts";
import { buildNetwork } from "./buildNetwork.ts";
import type { DetailView, InputNormalization, LayerSpec } from "./networkSpec.ts";

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
  const { channels, length, convolutions, dense, classCount, normalization, detail } = spec;
  assertDefect(
    convolutions.length > 0 && classCount >= 2,
    "builder.size_invalid",
    `${convolutions.length} convolutions and ${classCount} classes; at least 1 and 2`,
  );
  const features = convolutions.flatMap(
    ({ filters, kernel, stride = 1, pool = 1 }): LayerSpec[] => [
      { kind: "convolution", filters, kernel, stride, activation: "relu" },
      ...(pool === 1 ? [] : [{ kind: "maxPool", size: pool } as const]),
    ],
  );
  const hidden = dense.map(
    (units, index) =>
      ({ kind: "dense", units, activation: "relu", name: `hidden${index + 1}` }) as const,
  );
  return buildNetwork(
    {
      input: [channels, length],
      ...(normalization !== undefined && { normalization }),
      ...(detail !== undefined && { detail }),
      layers: [
        ...features,
        { kind: spec.reduce === "average" ? "globalAveragePool" : "flatten" },
        ...hidden,
        { kind: "dense", units: classCount, name: "head" },
      ],
    },
    random,
  );
}
