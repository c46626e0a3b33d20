// What the small activity model can do, for whom, and what is missing from the one that never saw a left wrist.
import { compileServing, createPredictor, readParameters } from "@attune/device-runtime/model";
import { loadNodeOrt } from "@attune/device-runtime/node";
import { createSeededRandom } from "@attune/device-runtime/testing";
import { unwrap } from "@attune/protocol";
import { expect, it } from "vitest";
import { personAccuracy } from "../hapt/accuracy.ts";
import type { LabelledWindow } from "../people/inertialWindow.ts";
import type { Person } from "../people/person.ts";
import {
  activityRecipe,
  firstPeople,
  ordinaryPeople,
  recordPeople,
  trainActivityModel,
} from "./trainActivityModel.ts";
import { trainClassifier } from "./trainClassifier.ts";

const runtime = await loadNodeOrt();
/** Two models are trained: some seven seconds on a free core, far more beside other tests. */
const MODELS_TIMEOUT_MS = 180_000;
const isLeft = (person: Person): boolean => person.position === "leftWrist";
const isRight = (person: Person): boolean => !isLeft(person);
const unseen = {
  right: recordPeople(firstPeople(ordinaryPeople(1, "test"), 12, isRight), 100),
  left: recordPeople(firstPeople(ordinaryPeople(1, "test"), 12, isLeft), 100),
};

async function accuracyOf(model: Uint8Array, windows: readonly LabelledWindow[]): Promise<number> {
  const predictor = await createPredictor(runtime, unwrap(compileServing(model)));
  const data = new Float32Array(windows.length * 768);
  windows.forEach(({ samples }, index) => data.set(samples, index * 768));
  const logits = new Float32Array(windows.length * 6);
  await predictor.predict(data, windows.length, unwrap(readParameters(model)), { logits });
  await predictor.release();
  const answers = windows.map((_, index) => {
    const scores = logits.subarray(6 * index, 6 * index + 6);
    return scores.indexOf(Math.max(...scores));
  });
  return personAccuracy(
    answers,
    windows.map(({ label }) => label),
  ).accuracy;
}

it("[AM1] the same windows, recipe and seed give the same bytes, another seed others", async () => {
  const windows = recordPeople(firstPeople(ordinaryPeople(1, "train"), 4), 60);
  const recipe = { ...activityRecipe, epochs: 2 };
  const train = (seed: number): Promise<Uint8Array> =>
    trainClassifier(runtime, windows, recipe, createSeededRandom(seed));
  const [one, again, other] = [await train(1), await train(1), await train(2)];
  expect(Buffer.from(one).equals(Buffer.from(again))).toBe(true);
  expect(Buffer.from(one).equals(Buffer.from(other))).toBe(false);
});

it(
  "[AM2] [AM3] both wrists are learned, and without left wrists only the right one",
  async () => {
    const { model } = await trainActivityModel({ runtime, seed: 1 });
    const lopsided = await trainActivityModel({
      runtime,
      seed: 1,
      peopleCount: 72,
      peopleFilter: isRight,
    });
    const right = await accuracyOf(model, unseen.right);
    const left = await accuracyOf(model, unseen.left);
    expect(right).toBeGreaterThan(0.85);
    expect(left).toBeGreaterThan(0.85);
    expect(lopsided.people.some(isLeft)).toBe(false);
    expect(await accuracyOf(lopsided.model, unseen.right)).toBeGreaterThanOrEqual(right);
    expect(await accuracyOf(lopsided.model, unseen.left)).toBeLessThan(left - 0.25);
  },
  MODELS_TIMEOUT_MS,
);

it("refuses to learn from less than a batch", async () => {
  const windows = recordPeople(firstPeople(ordinaryPeople(1, "train"), 1), 31);
  await expect(
    trainClassifier(runtime, windows, activityRecipe, createSeededRandom(1)),
  ).rejects.toThrow("classifier.windows_missing");
});
