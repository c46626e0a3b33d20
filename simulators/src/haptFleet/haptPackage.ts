// The shared model of one seed as a model package, and the hub's validation set. It must not know any device or hub.
import type { ForkableRandom } from "@attune/device-runtime";
import {
  buildReference,
  createModelPackage,
  type LabelledWindows,
  type ModelPackage,
  type OrtRuntime,
  type Preprocessing,
} from "@attune/device-runtime/model";
import { encodeValidationSet } from "@attune/hub";
import { unwrap } from "@attune/protocol";
import {
  type ClassifierRecipe,
  type TrainingWindow,
  trainClassifier,
} from "../activityModel/trainClassifier.ts";
import type { HaptPerson } from "../data/loadHarHapt.ts";
import { activities } from "../people/activity.ts";
import {
  HOP_SAMPLES,
  SAMPLE_RATE_HZ,
  WINDOW_SAMPLES,
  WINDOW_SIZE,
} from "../people/inertialWindow.ts";
import { type GuardRule, LINE, learningOf } from "./haptRules.ts";

const preprocessing: Preprocessing = {
  labels: [...activities],
  // The network normalises its input itself.
  channels: ["acc-x", "acc-y", "acc-z", "gyro-x", "gyro-y", "gyro-z"].map((name) => ({
    name,
    offset: 0,
    scale: 1,
  })),
  windowSamples: WINDOW_SAMPLES,
  hopSamples: HOP_SAMPLES,
  sampleRateHz: SAMPLE_RATE_HZ,
  layout: "channelsFirst",
};

/** Who a shared model comes from. */
export interface SharedModelOptions {
  readonly train: readonly HaptPerson[];
  /** Nobody trains on them: they calibrate, and they are the hub's validation set. */
  readonly validation: readonly HaptPerson[];
  readonly recipe: ClassifierRecipe;
  readonly random: ForkableRandom;
  readonly onProgress: (share: number, loss: number) => void;
}

/** One package for each rule of the guard: the same ModelVersion, because the guard changes no answer. */
export type HaptPackages = Readonly<Record<GuardRule, ModelPackage>>;

/**
 * Trains the shared model and measures what is normal for it.
 *
 * - Deterministic on one machine.
 */
export async function makeHaptPackages(
  runtime: OrtRuntime,
  options: SharedModelOptions,
): Promise<HaptPackages> {
  const windows = options.train.flatMap(knownWindows);
  const { recipe, random, onProgress } = options;
  const model = await trainClassifier(runtime, windows, recipe, random, onProgress);
  const calibration = unwrap(
    await buildReference({
      model,
      preprocessing,
      fit: labelled(windows),
      check: labelled(options.validation.flatMap(knownWindows)),
      runtime,
    }),
  );
  const packageOf = (rule: GuardRule): ModelPackage => {
    const learning = learningOf(rule);
    return unwrap(createModelPackage({ line: LINE, model, preprocessing, calibration, learning }));
  };
  return {
    evidence: packageOf("evidence"),
    never: packageOf("never"),
    always: packageOf("always"),
  };
}

/** The windows of some people, and whose they are, for the hub. */
export function makeValidationSet(people: readonly HaptPerson[]): Uint8Array {
  const perPerson = people.map(knownWindows);
  const set = labelled(perPerson.flat());
  return encodeValidationSet({
    windowLength: WINDOW_SIZE,
    windows: set.windows,
    labels: [...activities],
    labelOf: Uint16Array.from(set.labels),
    persons: people.map(({ subject }) => memberId(subject)),
    personOf: Uint16Array.from(perPerson.flatMap((windows, person) => windows.map(() => person))),
  });
}

/** A person's name at the hub: `person-02`. */
export function memberId(subject: number): string {
  return `person-${`${subject}`.padStart(2, "0")}`;
}

/** Windows one after the other, as evaluators take them. */
export function joinedWindows(
  windows: readonly { readonly samples: Float32Array }[],
): Float32Array {
  const all = new Float32Array(windows.length * WINDOW_SIZE);
  windows.forEach(({ samples }, index) => {
    all.set(samples, index * WINDOW_SIZE);
  });
  return all;
}

function labelled(windows: readonly TrainingWindow[]): LabelledWindows {
  return {
    windows: joinedWindows(windows),
    labels: Int32Array.from(windows, ({ label }) => label),
  };
}

/** The windows of a person that are one of the six activities. */
function knownWindows(person: HaptPerson): TrainingWindow[] {
  return person.windows.flatMap(({ samples, label }) =>
    label === null ? [] : [{ samples, label }],
  );
}
