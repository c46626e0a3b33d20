// Whether a challenger is a model at all: finite answers, variances above zero, not too far from the champion. It must not compare
// accuracy.
import type { BrokenVariance } from "./brokenVariance.ts";
import type { GateCheck } from "./gateCheck.ts";

/** What is known before any comparison. */
export interface SanityFacts {
  /** Euclidean norm of (challenger - champion); null when their parameters cannot be subtracted. */
  readonly norm: number | null;
  readonly normMax: number;
  /** Samples of the validation set with NaN or infinite answers; null when there was none to ask. */
  readonly notFiniteCount: number | null;
  readonly brokenVariance: BrokenVariance | null;
}

/** Judges {@link SanityFacts}. */
export function judgeSanity(facts: SanityFacts): GateCheck {
  const { norm, normMax, notFiniteCount, brokenVariance } = facts;
  const evidence = { ...facts };
  if (brokenVariance !== null) {
    const { name, value } = brokenVariance;
    const text = `${name} is the running variance of a normalisation and has ${value.toPrecision(3)}, it must be above 0`;
    return { name: "sanity", outcome: "fail", text, evidence };
  }
  if (notFiniteCount !== null && notFiniteCount > 0) {
    const text = `${notFiniteCount} answers are NaN or infinite`;
    return { name: "sanity", outcome: "fail", text, evidence };
  }
  // Written so that NaN does not pass.
  if (norm !== null && !(norm <= normMax)) {
    const text = `${norm.toPrecision(4)} away from the champion, limit ${normMax}`;
    return { name: "sanity", outcome: "fail", text, evidence };
  }
  const distance =
    norm === null
      ? "no champion with the same tensors"
      : `norm ${norm.toPrecision(4)} of ${normMax}`;
  const answers = notFiniteCount === null ? "answers not tried" : "all answers finite";
  return { name: "sanity", outcome: "pass", text: `${distance}, ${answers}`, evidence };
}
