// The model of one round: trained on its people by this project's compiler, without a class where one is left out.
import {
  buildCnn1d,
  fitModel,
  type LabelledWindows,
  type OrtRuntime,
  type Preprocessing,
} from "@attune/device-runtime/model";
import { createSeededRandom } from "@attune/device-runtime/testing";
import {
  activities,
  channelCount,
  type HaptPerson,
  windowSamples,
  windowSize,
} from "./haptPeople.ts";
import type { Round } from "./rounds.ts";

export const preprocessing: Preprocessing = {
  labels: activities,
  // The network normalises its input itself.
  channels: ["acc-x", "acc-y", "acc-z", "gyro-x", "gyro-y", "gyro-z"].map((name) => ({
    name,
    offset: 0,
    scale: 1,
  })),
  windowSamples,
  hopSamples: windowSamples / 2,
  sampleRateHz: 50,
  layout: "channelsFirst",
};

/** The windows of known activities, but of none that is left out. */
export function knownWindows(
  people: readonly HaptPerson[],
  leftOut: number | null = null,
): LabelledWindows & { readonly persons: Int32Array } {
  const kept = people.flatMap((person) =>
    [...person.labels].flatMap((label, place) =>
      label >= 0 && label !== leftOut ? [{ person, place, label }] : [],
    ),
  );
  const windows = new Float32Array(kept.length * windowSize);
  kept.forEach(({ person, place }, index) => {
    windows.set(
      person.windows.subarray(place * windowSize, (place + 1) * windowSize),
      index * windowSize,
    );
  });
  return {
    windows,
    labels: Int32Array.from(kept, ({ label }) => label),
    persons: Int32Array.from(kept, ({ person }) => person.subject),
  };
}

/** Models of rounds. */
export interface RoundModels {
  readonly runtime: OrtRuntime;
  /** The model of a round that has not seen a class, or has seen all: trained when it is first asked for. */
  model(round: Round, leftOut: number | null): Promise<Uint8Array>;
}

/** Creates the models of rounds. */
export function createRoundModels(runtime: OrtRuntime): RoundModels {
  const trained = new Map<string, Promise<Uint8Array>>();
  return {
    runtime,
    model(round, leftOut) {
      const seed = `${round.seed} ${leftOut ?? "transitions"}`;
      const model = trained.get(seed) ?? train(runtime, knownWindows(round.fit, leftOut), seed);
      trained.set(seed, model);
      return model;
    },
  };
}

/** A small network, a second of training. */
async function train(
  runtime: OrtRuntime,
  { windows, labels }: LabelledWindows,
  seed: string,
): Promise<Uint8Array> {
  const random = createSeededRandom(`ood model ${seed}`);
  const model = buildCnn1d(
    {
      channels: channelCount,
      length: windowSamples,
      classCount: activities.length,
      convolutions: [
        { filters: 16, kernel: 5, pool: 4 },
        { filters: 24, kernel: 5, pool: 2 },
        { filters: 32, kernel: 5 },
      ],
      reduce: "average",
      dense: [32],
      normalization: channelScales(windows),
    },
    random.fork("weights"),
  );
  const fitted = await fitModel(runtime, model, {
    plan: {
      scope: "all",
      loss: { kind: "crossEntropy" },
      optimizer: { kind: "adamw", weightDecay: 1e-3 },
    },
    sampleCount: labels.length,
    readSample: (index, into) =>
      into.set(windows.subarray(index * windowSize, (index + 1) * windowSize)),
    truth: labels,
    epochs: 8,
    batchSize: 32,
    learningRate: 4e-3,
    random: random.fork("order"),
  });
  return fitted.model;
}

/** Mean and deviation of each channel. */
function channelScales(windows: Float32Array): { mean: Float32Array; deviation: Float32Array } {
  const mean = new Float64Array(channelCount);
  const square = new Float64Array(channelCount);
  const count = windows.length / channelCount;
  windows.forEach((value, index) => {
    const channel = Math.floor(index / windowSamples) % channelCount;
    mean[channel] = (mean[channel] as number) + value / count;
    square[channel] = (square[channel] as number) + value ** 2 / count;
  });
  return {
    mean: Float32Array.from(mean),
    deviation: Float32Array.from(square, (value, channel) =>
      Math.sqrt(value - (mean[channel] as number) ** 2),
    ),
  };
}
