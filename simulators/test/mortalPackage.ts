// A small model that has learned little, and people who show it what they do: made for devices that are killed all the time. Its graph
// needs two blocks over HTTP, its head is small.
import {
  buildPerceptron,
  buildReference,
  createModelPackage,
  type LabelledWindows,
  learningDefaults,
  type ModelPackage,
  type OrtRuntime,
  withParameters,
} from "@attune/device-runtime/model";
import {
  createSeededRandom,
  gaussian,
  intBelow,
  type Random,
} from "@attune/device-runtime/testing";
import { encodeValidationSet } from "@attune/hub";
import { unwrap } from "@attune/protocol";

export const MORTAL_LINE = "mortal";

export const mortalLabels: readonly string[] = ["still", "walking", "running"];

const CHANNELS = 24;

/** A window of one activity. */
export function mortalWindow(random: Random, label: number): Float32Array {
  return Float32Array.from(
    { length: CHANNELS },
    (_, channel) => (channel % mortalLabels.length === label ? 1 : 0) + 0.5 * gaussian(random),
  );
}

function mortalWindows(random: Random, count: number): LabelledWindows {
  const labels = Int32Array.from({ length: count }, () => intBelow(random, mortalLabels.length));
  const windows = new Float32Array(count * CHANNELS);
  labels.forEach((label, index) => {
    windows.set(mortalWindow(random, label), index * CHANNELS);
  });
  return { windows, labels };
}

/** The first version. */
export async function mortalPackage(runtime: OrtRuntime): Promise<ModelPackage> {
  const random = createSeededRandom("mortal");
  const model = buildPerceptron(
    { inputSize: CHANNELS, hidden: [256, 96], classCount: mortalLabels.length },
    random.fork("weights"),
  );
  const preprocessing = {
    labels: [...mortalLabels],
    channels: Array.from({ length: CHANNELS }, (_, index) => ({
      name: `c${index}`,
      offset: 0,
      scale: 1,
    })),
    windowSamples: 1,
    hopSamples: 1,
    sampleRateHz: 1,
    layout: "channelsFirst" as const,
  };
  const calibration = unwrap(
    await buildReference({
      model,
      preprocessing,
      fit: mortalWindows(random.fork("fit"), 90),
      check: mortalWindows(random.fork("check"), 90),
      runtime,
    }),
  );
  const defaults = learningDefaults();
  const learning = learningDefaults({
    // Short trainings, and every one is adopted and sent: what is told here is not whether learning is good for anything.
    fineTune: {
      ...defaults.fineTune,
      sampleCountMin: 8,
      stepsMin: 12,
      stepsMax: 24,
      stepsPerSlice: 4,
    },
    trigger: {
      ...defaults.trigger,
      rules: [{ kind: "newFeedback", countMin: 8 }],
      feedbackMin: 8,
      coolDownMs: 0,
      budget: { stepsPerDayMax: 1_000_000 },
    },
    guard: { ...defaults.guard, rule: "always" },
    validation: { countMin: 0, lossesOverWinsMax: Number.MAX_SAFE_INTEGER },
    limits: { ...defaults.limits, reportIntervalMs: 200 },
  });
  return unwrap(
    createModelPackage({ line: MORTAL_LINE, model, preprocessing, calibration, learning }),
  );
}

/** The same model with other weights everywhere, as an operator may bring it. */
export function otherMortal(modelPackage: ModelPackage, seed: string): ModelPackage {
  const random = createSeededRandom(seed);
  return withParameters(
    modelPackage,
    modelPackage.parameters.map((tensor) => ({
      ...tensor,
      data: tensor.data.map((value) => Math.fround(value + 0.01 * gaussian(random)) + 0),
    })),
  );
}

/** What the hub validates on. */
export function mortalValidationSet(): Uint8Array {
  const { windows, labels } = mortalWindows(createSeededRandom("validation"), 80);
  return encodeValidationSet({
    windowLength: CHANNELS,
    windows,
    labels: [...mortalLabels],
    labelOf: Uint16Array.from(labels),
    persons: ["p1", "p2", "p3", "p4"],
    personOf: Uint16Array.from(labels, (_, index) => index % 4),
  });
}
