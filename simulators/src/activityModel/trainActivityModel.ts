// The small activity model of the living fleet: trained on generated people, from scratch, in seconds. It must not know any device.

import type { OrtRuntime } from "@attune/device-runtime/model";
import { createSeededRandom } from "@attune/device-runtime/testing";
import type { LabelledWindow } from "../people/inertialWindow.ts";
import { createPerson, type Person } from "../people/person.ts";
import { type ClassifierRecipe, trainClassifier } from "./trainClassifier.ts";

/** Whom to train on. */
export interface ActivityModelOptions {
  readonly runtime: OrtRuntime;
  readonly seed: number | string;
  /** How many people to learn from; 36 without it. */
  readonly peopleCount?: number;
  /** Who may be among them; everybody without it. People are looked at one after the other until there are enough. */
  readonly peopleFilter?: (person: Person) => boolean;
}

/** A trained model and what it has seen. */
export interface ActivityModel {
  /** ONNX: `data` `[batch, 6, 128]` in g and rad/s, `logits` `[batch, 6]`. */
  readonly model: Uint8Array;
  readonly people: readonly Person[];
  /** The windows of all of them, for what else is fitted to training data. */
  readonly windows: readonly LabelledWindow[];
}

/**
 * The recipe.
 *
 * Two convolutions would do for the steps; the third and the dense layer make features that a user's last two layers (750 parameters) can
 * be fine-tuned on. Small turns and scales are added because everybody wears a strap a little differently.
 */
export const activityRecipe: ClassifierRecipe = {
  shape: {
    convolutions: [
      { filters: 12, kernel: 5, pool: 4 },
      { filters: 16, kernel: 5, pool: 2 },
      { filters: 24, kernel: 5 },
    ],
    reduce: "average",
    dense: [24],
    detail: { gain: 3, floor: 0.02 },
  },
  epochs: 8,
  batchSize: 32,
  learningRate: 4e-3,
  weightDecay: 1e-4,
  augmentation: { rotationDegrees: 8, scaleDeviation: 0.05 },
};

/** Windows of each person: a window a minute for some three hours. */
const WINDOWS_PER_PERSON = 200;
const WINDOW_EVERY_MS = 60_000;
const PEOPLE_COUNT = 36;
/** Two of five people wear it on the left: right-handers mostly, and some who like it on the other side. */
const LEFT_OF_FIVE = 2;

/**
 * Ordinary people without end: three of five with the wearable on the right wrist, two on the left, none of them changing.
 *
 * @param role part of their ids, so that those who train are others than those who check: `train-0`, `check-0` and so on
 */
export function* ordinaryPeople(seed: number | string, role: string): Generator<Person, void> {
  for (let index = 0; ; index++) {
    const position = index % 5 < 5 - LEFT_OF_FIVE ? "rightWrist" : "leftWrist";
    yield createPerson({ seed, id: `${role}-${index}`, position });
  }
}

/** The first `count` of some people who pass a filter. */
export function firstPeople(
  people: Iterable<Person>,
  count: number,
  peopleFilter: (person: Person) => boolean = () => true,
): Person[] {
  const chosen: Person[] = [];
  for (const person of people) {
    if (chosen.length >= count) break;
    if (peopleFilter(person)) chosen.push(person);
  }
  return chosen;
}

/** What people do, a window a minute: enough of a day to hold every activity. */
export function recordPeople(
  people: readonly Person[],
  windowsPerPerson: number = WINDOWS_PER_PERSON,
): LabelledWindow[] {
  return people.flatMap((person) => person.record(windowsPerPerson, 0, WINDOW_EVERY_MS));
}

/**
 * Trains the activity model.
 *
 * - Deterministic on one machine. About 3 s on one core for 36 people.
 * - With `peopleFilter` it is the model of whoever gathered data without some people: it will be good for the others, and nobody who
 *   validates on people gathered in the same way can see what is missing.
 *
 * @example
 * import { loadNodeOrt } from "@attune/device-runtime/node";
 *
 * const { people } = await trainActivityModel({
 *   runtime: await loadNodeOrt(),
 *   seed: 7,
 *   peopleCount: 2,
 *   peopleFilter: (person) => person.position !== "leftWrist",
 * });
 * people.map(({ position }) => position); // => ["rightWrist", "rightWrist"]
 */
export async function trainActivityModel(options: ActivityModelOptions): Promise<ActivityModel> {
  const { runtime, seed, peopleCount = PEOPLE_COUNT, peopleFilter } = options;
  const people = firstPeople(ordinaryPeople(seed, "train"), peopleCount, peopleFilter);
  const windows = recordPeople(people);
  const random = createSeededRandom(seed).fork("activityModel");
  return {
    model: await trainClassifier(runtime, windows, activityRecipe, random),
    people,
    windows,
  };
}
