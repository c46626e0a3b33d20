// Every number of the experiment with real people, with its reason: how the shared model and its people's devices learn, and what the
// hub decides by. Data only.
import { type Learning, learningDefaults } from "@attune/device-runtime/model";
import type { LinePolicyInput } from "@attune/hub";
import type { ClassifierRecipe } from "../activityModel/trainClassifier.ts";

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

/** The model line. */
export const LINE = "hapt";

/** Where the clocks of hub and devices start: a morning, so that no day's budget ends in the middle. */
export const START_MS: number = Date.UTC(2026, 0, 5, 9);

/** Which shared model people start from. */
export type SharedModelName = "plain" | "robust";

const plain: ClassifierRecipe = {
  shape: {
    convolutions: [
      { filters: 16, kernel: 5, pool: 4 },
      { filters: 24, kernel: 5, pool: 2 },
      { filters: 32, kernel: 5 },
    ],
    reduce: "average",
    dense: [32],
  },
  epochs: 8,
  batchSize: 32,
  learningRate: 4e-3,
  weightDecay: 1e-3,
  augmentation: { rotationDegrees: 10, scaleDeviation: 0.1 },
};

/**
 * How a shared model is trained on 17 people, small enough for a watch.
 *
 * The same network twice. `plain` sees the signal as it is and errs on how people sit and stand: devices have something to learn.
 * `robust` sees small movements beside it and is right five points more often: devices mostly have to hold still.
 */
export const sharedRecipes: Readonly<Record<SharedModelName, ClassifierRecipe>> = {
  plain,
  robust: { ...plain, shape: { ...plain.shape, detail: { gain: 3, floor: 0.02 } } },
};

/** `evidence` is the guard; the others stand beside it: naive fine-tuning adopts every training, and one guard adopts none. */
export type GuardRule = Learning["guard"]["rule"];

/** How a person's device learns; goes into the model package. The three rules differ in nothing but the guard. */
export function learningOf(rule: GuardRule): Learning {
  const defaults = learningDefaults();
  return learningDefaults({
    plan: {
      // The dense layer and the head: enough for how somebody sits, and a delta of little more than a kilobyte.
      scope: { lastLayers: 2 },
      loss: { kind: "crossEntropy" },
      optimizer: { kind: "adam" },
      // Before the first walk there are labels of resting only: what was not seen must not be forgotten. Rehearsing windows of others
      // spares errors too, and costs more of the gain than it saves (docs/results/hapt.md).
      pullToBase: 0.2,
    },
    fineTune: {
      ...defaults.fineTune,
      // Short trainings, and many of them: each goes on from the one before.
      epochs: 20,
      stepsMin: 20,
      stepsMax: 60,
      learningRate: 3e-3,
      sampleCountMin: 12,
      classCountMin: 2,
    },
    trigger: {
      ...defaults.trigger,
      // What a model gets wrong of somebody is how they stand and sit, and people do that first: whoever waits for sixty labels has
      // nothing left to be tested on.
      rules: [{ kind: "newFeedback", countMin: 8 }],
      feedbackMin: 12,
      coolDownMs: 3 * second,
    },
    guard: { ...defaults.guard, rule },
    limits: { ...defaults.limits, reportIntervalMs: 20 * second },
  });
}

/**
 * A window closes with three contributors. Of 2 to 5, three made most candidates pass the devices' comparison on people outside the test list
 * (docs/results/hapt.md).
 */
const QUORUM = 3;

/** What the hub decides by. */
export const linePolicy: LinePolicyInput = {
  // The quorum alone closes a window: a run does not last so long.
  window: { quorum: QUORUM, contributionsMin: QUORUM, deadlineMs: 24 * hour },
  gate: {
    validation: {
      // Four people bootstrap coarsely; their mean may fall by three points, and the devices' own comparison has the last word.
      margin: 0.03,
      sliceMargin: 0.1,
      deadlineMs: hour,
    },
    shadow: { devicesMin: 5, deadlineMs: 15 * minute },
    holdDeadlineMs: minute,
  },
  signing: { deadlineMs: hour },
  rollout: {
    canaryDevices: 3,
    // Three devices hold some 80 labelled windows: they can rule out harm of ten points, not of two. After the watch the canary is
    // left unless harm is seen.
    watchMs: minute,
    canaryDeadlineMs: 2 * minute,
    atCanaryDeadline: "spread",
    spreadDeadlineMs: 5 * minute,
    bakeMs: 30 * second,
  },
};

/** The signer's limit for aggregates, Euclidean, around the first release. */
export const DELEGATION_NORM_MAX = 5;
/** How often the signer asks, in real milliseconds. */
export const SIGNER_EVERY_MS = 100;

/** After the last window the hub has so long, virtual, to end what it has begun. */
export const TAIL_MS: number = 40 * minute;
export const TAIL_STEP_MS: number = 10 * second;

/** Devices that are OS processes of their own, with stores on disk. */
export const PROCESS_DEVICES = 3;
