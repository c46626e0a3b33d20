// How often a model errs, guessed without any truth: whether an input alarm matters. It must not raise an alarm of its own.
import { Defect } from "@attune/protocol";
import type { RateInterval } from "./rate.ts";

/** What the confidence of a model is worth; plain data of a model package. */
export interface ErrorReference {
  /** An answer of less confidence counts as an error: as many of the reference are below it as were wrong, or as near to it as equal confidences let. `[0, 1]`. */
  readonly threshold: number;
  /** Share of wrong answers in the reference, `[0, 1]`. */
  readonly errorRate: number;
  /** Mean confidence in the reference, `[0, 1]`. */
  readonly confidence: number;
}

/** What {@link ErrorEstimate} says. */
export interface ErrorGuess {
  /** Reference error rate plus what mean confidence has fallen by, `[0, 1]`; the reference's while there is no answer. */
  readonly errorRate: number;
  /** A range that holds that with about 95 %; windows in runs count as one in `blockLength`. */
  readonly interval: RateInterval;
  /** Share of answers below the threshold: a second opinion, which needs the order of confidences only. */
  readonly byThreshold: number;
  readonly referenceErrorRate: number;
  readonly count: number;
  /** `worse` when all of the interval is above the reference by the margin, `fine` when all of it is below, else `unclear`. */
  readonly verdict: "worse" | "fine" | "unclear";
}

/** All that it remembers; plain data. */
export interface ErrorEstimateState {
  readonly version: 1;
  readonly lowCount: number;
  readonly confidenceSum: number;
  readonly confidenceSquares: number;
  readonly count: number;
  readonly skippedCount: number;
}

/** A guess at one person's error rate. One owner. */
export interface ErrorEstimate {
  /** Takes in one answer's largest probability; what is not in `[0, 1]` is left aside. Allocates nothing. */
  observe(confidence: number): void;
  guess(): ErrorGuess;
  /** Forgets: call it when an input alarm's onset is known, so that the guess is about what came after. */
  restart(): void;
  state(): ErrorEstimateState;
}

/** Windows of one movement resemble each other; so many count as one. */
const defaultBlockLength = 8;
/** Of a confidence that may lie anywhere in `[0, 1]`. */
const unknownVariance = 1 / 12;
/** More errors than this are worth acting on. */
const defaultMargin = 0.05;

/**
 * Finds the confidence below which an answer counts as an error.
 *
 * @param confidences largest probability of each answer, `[0, 1]`, of people that the model was not trained on.
 * @param areCorrect whether each was right.
 * @throws {@link Defect} `detector.config_invalid` when they are empty or of two lengths.
 * @example
 * fitErrorReference([0.9, 0.6, 0.8, 0.5], [true, true, true, false]); // => { threshold: 0.6, errorRate: 0.25, confidence: 0.7 }
 */
export function fitErrorReference(
  confidences: readonly number[],
  areCorrect: readonly boolean[],
): ErrorReference {
  const count = confidences.length;
  if (
    count === 0 ||
    areCorrect.length !== count ||
    !confidences.every((value) => value >= 0 && value <= 1)
  ) {
    throw new Defect(
      "detector.config_invalid",
      `${count} confidences and ${areCorrect.length} truths; pass one truth an answer, confidences in [0, 1]`,
    );
  }
  const wrongCount = areCorrect.filter((isCorrect) => !isCorrect).length;
  const sorted = confidences.toSorted((a, b) => a - b);
  const sum = confidences.reduce((total, value) => total + value, 0);
  return {
    threshold: thresholdOf(sorted, wrongCount),
    errorRate: wrongCount / count,
    confidence: Math.round((sum / count) * 1e12) / 1e12,
  };
}

/** The confidence below which there are as many as were wrong. Of equal ones there are all or none: whichever is nearer, the lower of two. */
function thresholdOf(sorted: readonly number[], wrongCount: number): number {
  const at = sorted[wrongCount] ?? 1;
  const belowCount = sorted.findIndex((confidence) => confidence >= at);
  const above = sorted.find((confidence) => confidence > at) ?? 1;
  const uptoCount = sorted.filter((confidence) => confidence < above).length;
  return uptoCount - wrongCount < wrongCount - belowCount ? above : at;
}

/**
 * Creates a guess at an error rate from confidence alone, or goes on from a state.
 *
 * - Two guesses side by side: the fall of the mean confidence, right while calibrated confidence stays calibrated, and the share of
 *   answers below the threshold (average thresholded confidence), which exaggerates when all answers become a little less sure.
 *   The verdict is by the first. Both rest on doubt meaning what it meant: for other people, noise, harder movements.
 * - **Blind to confident errors.** Two swapped axes make a linear model wrong without any doubt; then `fine` is false. So a `fine`
 *   lowers the urgency of an input alarm and never cancels it, and feedback beats it whenever there is any.
 *
 * @throws {@link Defect} `detector.config_invalid`, `detector.state_invalid`.
 * @example
 * const estimate = createErrorEstimate({ threshold: 0.6, errorRate: 0.1, confidence: 0.85 });
 * for (let index = 0; index < 400; index++) estimate.observe(index % 2 === 0 ? 0.5 : 0.9);
 * estimate.guess().errorRate; // => ≈ 0.25
 * estimate.guess().byThreshold; // => 0.5
 * estimate.guess().verdict; // => "worse"
 * @see Garg et al. 2022, "Leveraging unlabeled data to predict out-of-distribution performance", section 4 (ATC); Guillory et al.
 *   2021, "Predicting with confidence on unseen distributions" (difference of confidences). Deviation: the difference
 *   of confidences is added as it is, without a regression over shifts; an interval that counts runs as one; a verdict that may
 *   be unclear.
 */
export function createErrorEstimate(
  reference: ErrorReference,
  options: { readonly blockLength?: number; readonly margin?: number } = {},
  state?: ErrorEstimateState,
): ErrorEstimate {
  const { blockLength = defaultBlockLength, margin = defaultMargin } = options;
  const rates = [reference.threshold, reference.errorRate, reference.confidence, margin];
  if (!rates.every((rate) => rate >= 0 && rate <= 1) || !(blockLength >= 1)) {
    throw new Defect(
      "detector.config_invalid",
      `threshold, rates and margin ${rates.join(", ")} must be in [0, 1], block length ${blockLength} 1 or more`,
    );
  }
  if (state !== undefined && !isSound(state)) {
    throw new Defect(
      "detector.state_invalid",
      `state has version ${state.version} and ${state.lowCount} low of ${state.count}, their confidence ${state.confidenceSum} in all and ${state.confidenceSquares} squared`,
    );
  }
  let lowCount = state?.lowCount ?? 0;
  // Fields of an object: a number with a fraction in a closure's variable would be made anew at each change.
  const confidence = { sum: state?.confidenceSum ?? 0, squares: state?.confidenceSquares ?? 0 };
  let count = state?.count ?? 0;
  let skippedCount = state?.skippedCount ?? 0;

  /** Nothing is known from less than two blocks. */
  function intervalOf(errorRate: number, mean: number): RateInterval {
    const blockCount = count / blockLength;
    if (blockCount < 2) return { low: 0, high: 1 };
    // One more block, of which nothing is known: answers that were all alike are not the only ones that there are.
    const seen = Math.max(0, confidence.squares / count - mean * mean);
    const variance = (blockCount * seen + unknownVariance) / (blockCount + 1);
    const half = 1.96 * Math.sqrt(variance / blockCount);
    return { low: clamped(errorRate - half), high: clamped(errorRate + half) };
  }

  return {
    observe(value) {
      if (!(value >= 0 && value <= 1)) {
        skippedCount++;
        return;
      }
      count++;
      confidence.sum += value;
      confidence.squares += value * value;
      if (value < reference.threshold) lowCount++;
    },
    guess() {
      const mean = count === 0 ? reference.confidence : confidence.sum / count;
      const errorRate = clamped(reference.errorRate + (reference.confidence - mean));
      const interval = intervalOf(errorRate, mean);
      const worseAbove = reference.errorRate + margin;
      return {
        errorRate,
        interval,
        byThreshold: count === 0 ? reference.errorRate : lowCount / count,
        referenceErrorRate: reference.errorRate,
        count,
        verdict:
          interval.low > worseAbove ? "worse" : interval.high < worseAbove ? "fine" : "unclear",
      };
    },
    restart() {
      lowCount = count = 0;
      confidence.sum = confidence.squares = 0;
    },
    state: () => ({
      version: 1,
      lowCount,
      confidenceSum: confidence.sum,
      confidenceSquares: confidence.squares,
      count,
      skippedCount,
    }),
  };
}

/** Whether so many confidences in `[0, 1]` can have led there. */
function isSound(state: ErrorEstimateState): boolean {
  const { version, lowCount, confidenceSum, confidenceSquares, count, skippedCount } = state;
  const mean = confidenceSum / Math.max(1, count);
  // Sums round: a share of a millionth is far beyond it.
  const most = count * (1 + 1e-6);
  return (
    version === 1 &&
    [lowCount, count, skippedCount].every((one) => Number.isSafeInteger(one) && one >= 0) &&
    lowCount <= count &&
    Number.isFinite(confidenceSum) &&
    Number.isFinite(confidenceSquares) &&
    confidenceSum >= 0 &&
    confidenceSum <= most &&
    confidenceSquares <= confidenceSum * (1 + 1e-6) &&
    confidenceSquares >= confidenceSum * mean * (1 - 1e-6)
  );
}

function clamped(rate: number): number {
  return Math.min(1, Math.max(0, rate));
}
