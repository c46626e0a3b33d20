// Doubt about the most probable class, as an out-of-distribution score. It must not decide which score is too high.
import { accept, type Outcome, refuse } from "@attune/protocol";
import { largestLogit, logSumExp } from "./energy.ts";
import { classCountMax } from "./gaussianProfile.ts";
import { assertLogits } from "./oodSamples.ts";
import type { OodScorer } from "./oodScorer.ts";

/** Of how many classes the most probable one is taken. */
export interface MaximumSoftmaxProfile {
  readonly kind: "maximumSoftmax";
  readonly classCount: number;
}

/**
 * Checks a profile from outside.
 *
 * @returns `input.shape_mismatch`
 */
export function checkMaximumSoftmax(
  profile: MaximumSoftmaxProfile,
): Outcome<MaximumSoftmaxProfile> {
  const { classCount } = profile;
  return Number.isInteger(classCount) && classCount >= 1 && classCount <= classCountMax
    ? accept(profile)
    : refuse(
        "input.shape_mismatch",
        `profile is of ${classCount} classes, must be 1 to ${classCountMax}; make it again`,
      );
}

/**
 * Creates a scorer that takes what the most probable class leaves: `1 - max(softmax(logits))`.
 *
 * - Range: `[0, 1 - 1/K]`. O(classes).
 *
 * @example
 * createMaximumSoftmaxScorer({ kind: "maximumSoftmax", classCount: 2 }).score([], 0, [0, 0]); // => 0.5
 * @see Hendrycks and Gimpel 2017, "A baseline for detecting misclassified and out-of-distribution examples", section 2.
 *   Deviation: taken from 1, so that higher is more unusual.
 */
export function createMaximumSoftmaxScorer({ classCount }: MaximumSoftmaxProfile): OodScorer {
  return {
    dimension: 0,
    classCount,
    score(_features, _featuresAt, logits, logitsAt = 0) {
      assertLogits(logits, logitsAt, classCount);
      const largest = largestLogit(logits, logitsAt, classCount);
      return 1 - Math.exp(largest - logSumExp(logits, logitsAt, classCount, 1));
    },
  };
}
