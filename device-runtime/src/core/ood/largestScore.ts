// The largest class score, as it is or as a probability, as an out-of-distribution score. It must not decide which score is too high.
import { accept, type Outcome, refuse } from "@attune/protocol";
import { largestLogit, logSumExp } from "./energy.ts";
import { classCountMax } from "./gaussianProfile.ts";
import { assertLogits } from "./oodSamples.ts";
import type { OodScorer } from "./oodScorer.ts";

/** Of how many classes the largest score is taken: as the model gives it, or after softmax. */
export interface LargestScoreProfile {
  readonly kind: "maxLogit" | "maximumSoftmax";
  readonly classCount: number;
}

/**
 * Checks a profile from outside.
 *
 * @returns `input.shape_mismatch`
 */
export function checkLargestScore(profile: LargestScoreProfile): Outcome<LargestScoreProfile> {
  const { classCount } = profile;
  return Number.isInteger(classCount) && classCount >= 1 && classCount <= classCountMax
    ? accept(profile)
    : refuse(
        "input.shape_mismatch",
        `profile is of ${classCount} classes, must be 1 to ${classCountMax}; make it again`,
      );
}

/**
 * Creates a scorer that takes what the most probable class leaves, `1 - max(softmax(logits))`, or the largest class score with its sign
 * turned, `-max(logits)`.
 *
 * - Range: `[0, 1 - 1/K]` of `maximumSoftmax`, unbounded of `maxLogit`. O(classes).
 *
 * @example
 * createLargestScoreScorer({ kind: "maximumSoftmax", classCount: 2 }).score([], 0, [0, 0]); // => 0.5
 * createLargestScoreScorer({ kind: "maxLogit", classCount: 3 }).score([], 0, [1, 4, 2]); // => -4
 * @see Hendrycks and Gimpel 2017, "A baseline for detecting misclassified and out-of-distribution examples", section 2; deviation: taken
 *   from 1, so that higher is more unusual. Hendrycks et al. 2022, "Scaling out-of-distribution detection for real-world settings", section 3.
 */
export function createLargestScoreScorer({ kind, classCount }: LargestScoreProfile): OodScorer {
  return {
    dimension: 0,
    classCount,
    score(_features, _featuresAt, logits, logitsAt = 0) {
      assertLogits(logits, logitsAt, classCount);
      const largest = largestLogit(logits, logitsAt, classCount);
      // Endless class scores are no knowledge: the model has failed.
      if (Math.abs(largest) === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
      if (kind === "maxLogit") return -largest;
      return 1 - Math.exp(largest - logSumExp(logits, logitsAt, classCount, 1));
    },
  };
}
