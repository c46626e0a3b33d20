// Whether activities can be told apart, for whom and for whom not, with a linear softmax on plain features: no compiler involved.
import { expect, it } from "vitest";
import {
  blankSoftmax,
  columnScaleOf,
  predictClasses,
  standardized,
  trainSoftmax,
} from "../hapt/linearSoftmax.ts";
import { FEATURE_COUNT, windowFeatures } from "../hapt/windowFeatures.ts";
import { ACTIVITY_COUNT } from "./activity.ts";
import type { ChangeKind } from "./change.ts";
import type { LabelledWindow } from "./inertialWindow.ts";
import { createPerson } from "./person.ts";
import type { WearingPosition } from "./wearing.ts";

function windowsOf(
  ids: readonly number[],
  position: WearingPosition,
  kind?: ChangeKind,
): LabelledWindow[] {
  const changes = kind === undefined ? [] : [{ kind, fromMs: 0, riseMs: 0, severity: 1 }];
  return ids.flatMap((id) =>
    createPerson({ seed: 11, id: String(id), position, changes }).record(80, 0, 60_000),
  );
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index);

const rowsOf = (windows: readonly LabelledWindow[]): Float32Array =>
  Float32Array.from(windows.flatMap(({ samples }) => [...windowFeatures(samples)]));

/** Trains on windows; gives back who scores what. */
function classifierOf(
  windows: readonly LabelledWindow[],
): (test: readonly LabelledWindow[]) => number {
  const raw = rowsOf(windows);
  const scale = columnScaleOf(raw, FEATURE_COUNT);
  const model = trainSoftmax(
    blankSoftmax(FEATURE_COUNT, ACTIVITY_COUNT),
    {
      values: standardized(raw, scale),
      width: FEATURE_COUNT,
      labels: Uint8Array.from(windows, ({ label }) => label),
    },
    { stepCount: 150, learningRate: 0.5 },
  );
  return (test) => {
    const answers = predictClasses(model, standardized(rowsOf(test), scale));
    return test.filter(({ label }, index) => label === answers[index]).length / test.length;
  };
}

const ordinary = classifierOf([
  ...windowsOf(range(0, 12), "rightWrist"),
  ...windowsOf(range(100, 112), "leftWrist"),
]);
const unseen = range(200, 212);
const rightAccuracy = ordinary(windowsOf(unseen, "rightWrist"));
const leftAccuracy = ordinary(windowsOf(unseen, "leftWrist"));

it("[PE7] a linear softmax is right on most windows of ordinary people it has never seen", () => {
  expect(rightAccuracy).toBeGreaterThan(0.65);
  expect(leftAccuracy).toBeGreaterThan(0.65);
});

it.each<[string, WearingPosition, ChangeKind | undefined]>([
  ["a pocket", "pocket", undefined],
  ["a loose strap", "looseStrap", undefined],
  ["an injury", "rightWrist", "injury"],
  ["a turned strap", "rightWrist", "strapTurned"],
])("[PE7] it is wrong clearly more often for people with %s", (_, position, kind) => {
  expect(ordinary(windowsOf(unseen, position, kind))).toBeLessThan(rightAccuracy - 0.1);
});

it("[PE7] without left-wrist people in its training it is far worse on them, and no worse on the right wrist", () => {
  const lopsided = classifierOf(windowsOf(range(0, 24), "rightWrist"));
  expect(lopsided(windowsOf(unseen, "rightWrist"))).toBeGreaterThan(rightAccuracy - 0.02);
  expect(lopsided(windowsOf(unseen, "leftWrist"))).toBeLessThan(leftAccuracy - 0.25);
});
