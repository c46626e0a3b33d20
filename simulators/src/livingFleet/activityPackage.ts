// The two model packages of the story, and the hub's validation set. It must not know any device or hub.
import {
  buildReference,
  createModelPackage,
  encodeModelPackage,
  type LabelledWindows,
  type OrtRuntime,
  type Preprocessing,
} from "@attune/device-runtime/model";
import { createSeededRandom } from "@attune/device-runtime/testing";
import { encodeValidationSet } from "@attune/hub";
import { unwrap } from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import {
  activityRecipe,
  firstPeople,
  ordinaryPeople,
  recordPeople,
} from "../activityModel/trainActivityModel.ts";
import { trainClassifier } from "../activityModel/trainClassifier.ts";
import { activities } from "../people/activity.ts";
import {
  HOP_SAMPLES,
  type LabelledWindow,
  SAMPLE_RATE_HZ,
  WINDOW_SAMPLES,
  WINDOW_SIZE,
} from "../people/inertialWindow.ts";
import type { Person } from "../people/person.ts";
import {
  CALIBRATION_PEOPLE,
  CALIBRATION_WINDOWS_PER_PERSON,
  CHECK_WINDOWS_PER_PERSON,
  LOPSIDED_MODEL_PEOPLE,
  learningOf,
  SHARED_MODEL_PEOPLE,
  VALIDATION_PEOPLE,
} from "./fleetRules.ts";

/** The model line of the story. */
export const LINE = "activity";

/** `shared`: everybody's first version. `lopsided`: a later release whose makers knew nobody with a wearable on the left wrist. */
export type PackageKind = "shared" | "lopsided";

/** What to make a package of. */
export interface PackageOrder {
  readonly kind: PackageKind;
  readonly seed: number;
  readonly isGuarded: boolean;
}

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

const isNotLeft = ({ position }: Person): boolean => position !== "leftWrist";

/** @param windowsPerPerson as many windows of one person after the other */
function labelled(windows: readonly LabelledWindow[], windowsPerPerson?: number): LabelledWindows {
  const all = new Float32Array(windows.length * WINDOW_SIZE);
  windows.forEach(({ samples }, index) => {
    all.set(samples, index * WINDOW_SIZE);
  });
  return {
    windows: all,
    labels: Int32Array.from(windows, ({ label }) => label),
    ...(windowsPerPerson !== undefined && {
      persons: Int32Array.from(windows, (_, index) => Math.floor(index / windowsPerPerson)),
    }),
  };
}

/**
 * Trains a model on generated people with this project's compiler, measures what is normal for it on others, and packs it.
 *
 * - Deterministic on one machine. 3 s (`shared`) and 6 s (`lopsided`) on one core.
 *
 * @returns bytes of a model package
 */
export async function makeActivityPackage(
  runtime: OrtRuntime,
  { kind, seed, isGuarded }: PackageOrder,
  onProgress: (share: number, loss: number) => void,
): Promise<Uint8Array> {
  const filter = kind === "shared" ? (): boolean => true : isNotLeft;
  const count = kind === "shared" ? SHARED_MODEL_PEOPLE : LOPSIDED_MODEL_PEOPLE;
  const windows = recordPeople(firstPeople(ordinaryPeople(seed, "train"), count, filter));
  const random = createSeededRandom(seed).fork("activityModel");
  const model = await trainClassifier(runtime, windows, activityRecipe, random, onProgress);
  const others = firstPeople(ordinaryPeople(seed, "check"), CALIBRATION_PEOPLE, filter);
  const calibration = unwrap(
    await buildReference({
      model,
      preprocessing,
      fit: labelled(windows),
      check: labelled(
        recordPeople(others, CALIBRATION_WINDOWS_PER_PERSON),
        CALIBRATION_WINDOWS_PER_PERSON,
      ),
      runtime,
    }),
  );
  const learning = learningOf(isGuarded);
  const made = createModelPackage({ line: LINE, model, preprocessing, calibration, learning });
  return encodeModelPackage(unwrap(made), nodeCryptography);
}

/** The hub's validation set: people whom no model was trained on, and, as it happens, none of them left-handed. */
export function makeValidationSet(seed: number): Uint8Array {
  const people = firstPeople(ordinaryPeople(seed, "validate"), VALIDATION_PEOPLE, isNotLeft);
  const windows = recordPeople(people, CHECK_WINDOWS_PER_PERSON);
  const set = labelled(windows);
  return encodeValidationSet({
    windowLength: WINDOW_SIZE,
    windows: set.windows,
    labels: [...activities],
    labelOf: Uint16Array.from(set.labels),
    persons: people.map(({ id }) => id),
    personOf: Uint16Array.from(windows, (_, index) => Math.floor(index / CHECK_WINDOWS_PER_PERSON)),
  });
}
