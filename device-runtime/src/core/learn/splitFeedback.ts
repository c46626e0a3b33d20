// Which feedback is trained on and which is held out. It must not see a sample.

/** How feedback is split; plain data of a model package. */
export interface HoldoutPlan {
  /** Feedback in a row that is treated alike, 1 or more. */
  readonly blockLength: number;
  /** Every so many blocks, one is held out; 0 holds out none. */
  readonly everyKth: number;
  /** So many at each end of a held-out block are used for neither: windows that overlap share raw samples. */
  readonly overlapLength: number;
}

/** What a feedback is for. */
export type FeedbackUse = "train" | "holdout" | "gap";

/** One block in five, without its ends. */
export const defaultHoldoutPlan: HoldoutPlan = { blockLength: 8, everyKth: 5, overlapLength: 1 };

/**
 * What the feedback with number `feedbackIndex`, counted per user from 0, is for.
 *
 * Whole blocks are held out, because a window that overlaps a trained one is no test. The held-out block is the last of its
 * `everyKth`, so that training can begin before anything is held out.
 *
 * @example
 * Array.from({ length: 6 }, (_, index) => splitFeedback({ blockLength: 3, everyKth: 2, overlapLength: 1 }, index));
 * // => ["train", "train", "train", "gap", "holdout", "gap"]
 */
export function splitFeedback(plan: HoldoutPlan, feedbackIndex: number): FeedbackUse {
  const { blockLength, everyKth, overlapLength } = plan;
  if (everyKth === 0) return "train";
  const block = Math.floor(feedbackIndex / blockLength);
  if (block % everyKth !== everyKth - 1) return "train";
  const place = feedbackIndex % blockLength;
  const isAtEnd = place < overlapLength || place >= blockLength - overlapLength;
  return isAtEnd ? "gap" : "holdout";
}
