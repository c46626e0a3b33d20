// The largest class score, as an out-of-distribution score. It must not decide which score is too high.
import { accept, type Outcome, refuse } from "@attune/protocol";
import { largestLogit } from "./energy.ts";
import { classCountMax } from "./gaussianProfile.ts";
import { assertLogits } from "./oodSamples.ts";
import type { OodScorer } from "./oodScorer.ts";

/** Of how many classes the largest score is taken. */
export interface MaxLogitProfile {
  readonly kind: "maxLogit";
  readonly classCount: number;
}

/**
 * Checks a profile from outside.
 *
 * @returns `input.shape_mismatch`
 */
export function checkMaxLogit(profile: MaxLogitProfile): Outcome<MaxLogitProfile> {
  const { classCount } = profile;
  return Number.isInteger(classCount) && classCount >= 1 && classCount <= classCountMax
    ? accept(profile)
    : refuse(
        "input.shape_mismatch",
        `profile is of ${classCount} classes, must be 1 to ${classCountMax}; make it again`,
      );
}

/**
 * Creates a scorer that takes the largest class score with its sign turned: `-max(logits)`.
 *
 * - Range: unbounded. O(classes).
 *
 * @example
 * createMaxLogitScorer({ kind: "maxLogit", classCount: 3 }).score([], 0, [1, 4, 2]); // => -4
 * @see Hendrycks et al. 2022, "Scaling out-of-distribution detection for real-world settings", section 3. Deviation: none.
 */
export function createMaxLogitScorer({ classCount }: MaxLogitProfile): OodScorer {
  return {
    dimension: 0,
    classCount,
    score(_features, _featuresAt, logits, logitsAt = 0) {
      assertLogits(logits, logitsAt, classCount);
      return -largestLogit(logits, logitsAt, classCount);
    },
  };
}
