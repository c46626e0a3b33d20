// Trains a 1-D convolutional classifier of inertial windows with the project's own compiler, from scratch. It must not know whose
// windows they are.
import type { ForkableRandom } from "@attune/device-runtime";
import {
  buildCnn1d,
  type Cnn1dSpec,
  fitModel,
  type OrtRuntime,
} from "@attune/device-runtime/model";
import { assertDefect } from "@attune/protocol";
import { ACTIVITY_COUNT } from "../people/activity.ts";
import { CHANNEL_COUNT, WINDOW_SAMPLES } from "../people/inertialWindow.ts";
import { type Augmentation, augmentInto } from "./augmentation.ts";

/** A window to learn from. */
export interface TrainingWindow {
  /** Shape `(6, 128)`, channels first. */
  readonly samples: Float32Array;
  /** Place in `activities`. */
  readonly label: number;
}

/** The shape of a network, apart from what the windows decide. */
export type ClassifierShape = Pick<Cnn1dSpec, "convolutions" | "reduce" | "dense" | "detail">;

/** How to train; plain data. */
export interface ClassifierRecipe {
  readonly shape: ClassifierShape;
  /** Times that every window is seen, each time augmented anew. */
  readonly epochs: number;
  readonly batchSize: number;
  /** At the start; falls to 0 along half a cosine. */
  readonly learningRate: number;
  /** AdamW's. */
  readonly weightDecay: number;
  readonly augmentation: Augmentation;
}

/**
 * Trains a classifier.
 *
 * - Deterministic on one machine and engine: same windows, recipe and random, same bytes.
 * - The network normalises its channels itself, with the mean and deviation of the windows given.
 *
 * @param windows at least one batch; a last incomplete batch of an epoch is left out
 * @param random its forks are used, it is not drawn from
 * @param onProgress called after every slice with the share done and the mean loss of the slice
 * @returns an ONNX file: input `data` `[batch, 6, 128]`, output `logits` `[batch, 6]`
 * @throws {@link Defect} `classifier.windows_missing`
 */
export async function trainClassifier(
  runtime: OrtRuntime,
  windows: readonly TrainingWindow[],
  recipe: ClassifierRecipe,
  random: ForkableRandom,
  onProgress: (share: number, loss: number) => void = () => {},
): Promise<Uint8Array> {
  assertDefect(
    windows.length >= recipe.batchSize,
    "classifier.windows_missing",
    `${windows.length} windows to learn from, at least one batch of ${recipe.batchSize}`,
  );
  const model = buildCnn1d(
    {
      channels: CHANNEL_COUNT,
      length: WINDOW_SAMPLES,
      classCount: ACTIVITY_COUNT,
      normalization: channelScaleOf(windows),
      ...recipe.shape,
    },
    random.fork("weights"),
  );
  const changes = random.fork("augmentation");
  const fitted = await fitModel(runtime, model, {
    plan: {
      scope: "all",
      loss: { kind: "crossEntropy" },
      optimizer: { kind: "adamw", weightDecay: recipe.weightDecay },
    },
    sampleCount: windows.length,
    readSample(index, into) {
      const { samples } = windows[index] as TrainingWindow;
      augmentInto(changes, recipe.augmentation, samples, into);
    },
    truth: Int32Array.from(windows, ({ label }) => label),
    epochs: recipe.epochs,
    batchSize: recipe.batchSize,
    learningRate: recipe.learningRate,
    random: random.fork("order"),
    onProgress,
  });
  return fitted.model;
}

/** Mean and deviation of each channel over all windows. */
function channelScaleOf(windows: readonly TrainingWindow[]): {
  mean: Float32Array;
  deviation: Float32Array;
} {
  const count = windows.length * WINDOW_SAMPLES;
  const overChannel = (channel: number, of: (value: number) => number): number => {
    let sum = 0;
    for (const { samples } of windows) {
      const start = channel * WINDOW_SAMPLES;
      for (let at = start; at < start + WINDOW_SAMPLES; at++) sum += of(samples[at] as number);
    }
    return sum / count;
  };
  const mean = Float32Array.from({ length: CHANNEL_COUNT }, (_, channel) =>
    overChannel(channel, (value) => value),
  );
  const deviation = mean.map((middle, channel) =>
    Math.sqrt(overChannel(channel, (value) => (value - middle) ** 2)),
  );
  return { mean, deviation };
}
