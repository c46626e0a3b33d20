// How right answers were, for one person and over people. It must not know any model.
import { assertDefect } from "@attune/protocol";
import { ACTIVITY_COUNT } from "../people/activity.ts";

/** One person's answers against the truth. */
export interface PersonAccuracy {
  /** Windows that were scored, at least 1. */
  readonly count: number;
  readonly correct: number;
  /** `correct / count`, in `[0, 1]`. */
  readonly accuracy: number;
  /** Share of each activity's windows that was right; `null` for an activity that the person never did. */
  readonly recalls: readonly (number | null)[];
}

/** Over people: everybody counts the same, however many windows they have. */
export interface PeopleAccuracy {
  readonly mean: number;
  readonly worst: number;
}

/**
 * Scores one person.
 *
 * An activity that the person lacks is left out rather than counted as 0 or 1: it says nothing about the model.
 *
 * @param answers labels, in the order of `truths`
 * @throws {@link Defect} `accuracy.count_mismatch` when there are none, or not as many of both
 * @example
 * personAccuracy([0, 0, 3], [0, 1, 3]).recalls; // => [1, 0, null, 1, null, null]
 */
export function personAccuracy(
  answers: ArrayLike<number>,
  truths: ArrayLike<number>,
): PersonAccuracy {
  assertDefect(
    answers.length === truths.length && truths.length > 0,
    "accuracy.count_mismatch",
    `${answers.length} answers to ${truths.length} windows; as many of both, at least one`,
  );
  const hits = Array.from({ length: ACTIVITY_COUNT }, () => 0);
  const counts = Array.from({ length: ACTIVITY_COUNT }, () => 0);
  for (let index = 0; index < truths.length; index++) {
    const truth = truths[index] as number;
    counts[truth] = (counts[truth] as number) + 1;
    if (answers[index] === truth) hits[truth] = (hits[truth] as number) + 1;
  }
  const correct = hits.reduce((sum, hit) => sum + hit, 0);
  return {
    count: truths.length,
    correct,
    accuracy: correct / truths.length,
    recalls: counts.map((count, label) => (count === 0 ? null : (hits[label] as number) / count)),
  };
}

/** Mean and worst over people; at least one. */
export function peopleAccuracy(people: readonly { readonly accuracy: number }[]): PeopleAccuracy {
  assertDefect(people.length > 0, "accuracy.count_mismatch", "no people to score");
  const accuracies = people.map(({ accuracy }) => accuracy);
  return {
    mean: accuracies.reduce((sum, accuracy) => sum + accuracy, 0) / accuracies.length,
    worst: Math.min(...accuracies),
  };
}
