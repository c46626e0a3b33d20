// How sure one may be that devices drift together and not each for its own reason. It must not know what they drift on.
import { Defect } from "@attune/protocol";

/** Shares of drifted devices that a common cause may lead to. */
const sharesTried = [0.25, 0.5, 0.75, 0.95] as const;

/**
 * Evidence that devices drift together: an e-value against "each of them has drifted the same way by itself, independently, with a
 * probability of at most `aloneShare`".
 *
 * - Range: 0 to `Infinity`; under that null its mean is at most 1, so it reaches 1,000 in at most 1 of 1,000 looks. Pure, O(1).
 *
 * The number of drifted devices is binomial under the null (Poisson-binomial with probabilities below `aloneShare` is
 * stochastically smaller). The e-value is the mean of its likelihood ratios against the shares .25, .5, .75 and .95; each of them rises with
 * `drifted`, so a smaller probability only makes it smaller.
 *
 * @param drifted devices that have drifted in this way, at most `watched`
 * @param watched devices that could have been found to
 * @param aloneShare `(0, 0.25)`
 * @throws {@link Defect} `drift.counts_invalid`
 * @example
 * togetherEvidence(3, 3, 0.05); // => ≈ 2839.75
 * @example
 * togetherEvidence(1, 20, 0.05) < 1; // => true
 * @see Vovk and Wang 2021, "E-values: calibration, combination and applications", section 2; Hoeffding 1956, "On the distribution of
 *   the number of successes in independent trials", for the Poisson-binomial.
 */
export function togetherEvidence(drifted: number, watched: number, aloneShare: number): number {
  if (!(drifted >= 0 && drifted <= watched && aloneShare > 0 && aloneShare < sharesTried[0])) {
    throw new Defect(
      "drift.counts_invalid",
      `${drifted} of ${watched} devices at ${aloneShare} alone; drifted ones must be among the watched, the share within 0 and ${sharesTried[0]}`,
    );
  }
  let sum = 0;
  for (const share of sharesTried) {
    sum += Math.exp(
      drifted * Math.log(share / aloneShare) +
        (watched - drifted) * Math.log((1 - share) / (1 - aloneShare)),
    );
  }
  return sum / sharesTried.length;
}
