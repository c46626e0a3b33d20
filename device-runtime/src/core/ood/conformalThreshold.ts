// The score above which a sample counts as unusual. It must not know how scores are made.
import { Defect } from "@attune/protocol";

/**
 * Whether a score makes an outlier: it is above the threshold, or no finite number, which no known sample's is.
 *
 * @example
 * [1, 2, Number.NaN, Infinity].map((score) => isAboveThreshold(score, 1)); // => [false, true, true, true]
 */
export function isAboveThreshold(score: number, threshold: number): boolean {
  return !(score <= threshold && score < Number.POSITIVE_INFINITY);
}

/** A threshold with what it rests on. */
export interface ConformalThreshold {
  /** Scores **above** it are unusual. `Infinity` when there were too few calibration scores for `alpha`. */
  readonly threshold: number;
  /** A normal sample is above the threshold with at most this probability. */
  readonly alpha: number;
  /** How many calibration scores there were. */
  readonly count: number;
}

/**
 * The threshold that a new normal sample exceeds with probability at most `alpha`, whatever the distribution of the scores.
 *
 * - Takes the `ceil((n + 1)(1 - alpha))`-th smallest calibration score; with fewer than `1 / alpha - 1` scores there is none, and
 *   "not enough data" is the answer: the threshold is infinite.
 * - Pure, O(n log n).
 *
 * It holds for a sample that could as well have been one of the calibration samples. A new person is not: at a nominal 5 %, a
 * normal new person is above a population's threshold more often than that, which is why rates are compared with a person's own.
 *
 * @param scores finite; from people and sessions that the model was not trained on.
 * @throws {@link Defect} `ood.level_invalid`, `ood.scores_not_finite`.
 * @example
 * conformalThreshold([3, 1, 2, 4], 0.2).threshold; // => 4
 * @see Vovk, Gammerman and Shafer 2005, "Algorithmic learning in a random world", section 2.2 (split conformal).
 */
export function conformalThreshold(scores: ArrayLike<number>, alpha: number): ConformalThreshold {
  if (!(alpha > 0 && alpha < 1)) {
    throw new Defect("ood.level_invalid", `alpha is ${alpha}, it must be in (0, 1)`);
  }
  const sorted = Float64Array.from(scores).sort();
  if (!sorted.every(Number.isFinite)) {
    throw new Defect("ood.scores_not_finite", "a calibration score is not finite");
  }
  const count = sorted.length;
  // 0.05 has no exact binary form: (19 + 1) * 0.95 must count as 19 and not as the next whole number.
  const rank = Math.ceil((count + 1) * (1 - alpha) - 1e-9);
  return { threshold: sorted[rank - 1] ?? Number.POSITIVE_INFINITY, alpha, count };
}
