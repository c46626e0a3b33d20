// The floor: what a plain linear softmax on 36 features reaches for the same people under the same protocol.

import type { HaptPerson, HaptWindow } from "../data/loadHarHapt.ts";
import { ACTIVITY_COUNT } from "../people/activity.ts";
import { type PersonAccuracy, personAccuracy } from "./accuracy.ts";
import {
  blankSoftmax,
  columnScaleOf,
  type LabelledRows,
  predictClasses,
  standardized,
  trainSoftmax,
} from "./linearSoftmax.ts";
import { createTimeline, windowsOf } from "./timeline.ts";
import { FEATURE_COUNT } from "./windowFeatures.ts";

/** Where the protocol may differ. */
export interface FloorOptions {
  /**
   * Whether windows that share samples with feedback are scored too, as in the published figures; false without it, which is stricter.
   */
  readonly scoresStraddling?: boolean;
}

/** One person under the floor. */
export interface FloorRow {
  readonly subject: number;
  /** By the classifier of other people. */
  readonly shared: PersonAccuracy;
  /** After more steps on the person's own feedback, always adopted. */
  readonly naive: PersonAccuracy;
}

/** Full-batch steps at rate 0.5: with these the published floor comes out to the digit. */
const SHARED_PLAN = { stepCount: 150, learningRate: 0.5 };
const NAIVE_PLAN = { stepCount: 150, learningRate: 0.5 };

/**
 * Trains the classifier on some people and scores it on others, before and after naive local fine-tuning.
 *
 * - Deterministic. About a second for 21 people.
 *
 * @param train whose activities it learns from; their columns also give the scale
 * @param test who is scored; must not be in `train`
 */
export function linearFloor(
  train: readonly HaptPerson[],
  test: readonly HaptPerson[],
  { scoresStraddling = false }: FloorOptions = {},
): readonly FloorRow[] {
  const known = train.flatMap((person) => person.windows.filter(({ label }) => label !== null));
  const raw = rowsOf(known);
  const scale = columnScaleOf(raw.values, FEATURE_COUNT);
  const shared = trainSoftmax(
    blankSoftmax(FEATURE_COUNT, ACTIVITY_COUNT),
    { ...raw, values: standardized(raw.values, scale) },
    SHARED_PLAN,
  );
  return test.map((person) => {
    const timeline = createTimeline(person);
    const scaled = (windows: readonly HaptWindow[]): LabelledRows => {
      const rows = rowsOf(windows);
      return { ...rows, values: standardized(rows.values, scale) };
    };
    const own = trainSoftmax(shared, scaled(windowsOf(timeline, "feedback")), NAIVE_PLAN);
    const scored = scaled([
      ...windowsOf(timeline, "scored"),
      ...(scoresStraddling ? windowsOf(timeline, "straddling") : []),
    ]);
    return {
      subject: person.subject,
      shared: personAccuracy(predictClasses(shared, scored.values), scored.labels),
      naive: personAccuracy(predictClasses(own, scored.values), scored.labels),
    };
  });
}

function rowsOf(windows: readonly HaptWindow[]): LabelledRows {
  const values = new Float32Array(windows.length * FEATURE_COUNT);
  windows.forEach(({ features }, index) => values.set(features, index * FEATURE_COUNT));
  return {
    values,
    width: FEATURE_COUNT,
    labels: Uint8Array.from(windows, ({ label }) => label as number),
  };
}
