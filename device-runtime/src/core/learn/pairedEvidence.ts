// Evidence, from paired counts, that one model is right more often than another. It must not decide anything.

import type { PairedCounts } from "@attune/protocol";
import { assertPairedCounts, swapRoles } from "./pairedCounts.ts";

/**
 * Evidence that the challenger is better than the champion: an e-value.
 *
 * - Range: `[0, Number.MAX_VALUE]`; 1 says nothing, 20 is what a 5 % test would ask for.
 * - Pure; O(wins + losses) at worst, usually far less.
 *
 * Only the pairs on which exactly one of the two was right say anything. If, given all that came before, the challenger wins
 * such a pair with a chance of at most one half, then the chance that this number **ever** reaches `limit`, looked at after every
 * pair, is at most `1 / limit`. The challenger may be trained again between pairs, as long as each pair is answered before it is
 * learned. What breaks the promise are pairs that come in runs, such as windows that overlap: count one of them.
 *
 * It is the mean of `(2p)^wins · (2(1 - p))^losses` over `p` uniform in `(1/2, 1)`, which is
 * `2^(n+1) · B(wins + 1, losses + 1) · I_½(losses + 1, wins + 1)` with `n = wins + losses`, computed as the exact finite sum of
 * positive terms that this equals for whole counts: no cancellation, so the relative error stays near `n · 1e-16`.
 *
 * @throws {@link Defect} `pairs.counts_invalid`.
 * @example
 * betterEvidence({ n: 40, wins: 7, losses: 0 }); // => 31.875
 * @see Ramdas, Grünwald, Vovk and Shafer 2023, "Game-theoretic statistics and safe anytime-valid inference", section 3.
 *   Deviation: the mixture is uniform, so that it has no setting.
 */
export function betterEvidence(counts: PairedCounts): number {
  const { sum, logScale } = termsOf(counts);
  // Without a scale, no logarithm: small counts come out exact.
  const evidence = logScale === 0 ? sum : Math.exp(logScale + Math.log(sum));
  return Math.min(Number.MAX_VALUE, evidence / (counts.losses + 1));
}

/**
 * Evidence that the challenger is worse than the champion: {@link betterEvidence} with the roles swapped.
 *
 * @throws {@link Defect} `pairs.counts_invalid`.
 */
export function harmEvidence(counts: PairedCounts): number {
  return betterEvidence(swapRoles(counts));
}

/**
 * The natural logarithm of {@link betterEvidence}, which does not overflow.
 *
 * @throws {@link Defect} `pairs.counts_invalid`.
 */
export function logBetterEvidence(counts: PairedCounts): number {
  const { sum, logScale } = termsOf(counts);
  return logScale + Math.log(sum) - Math.log(counts.losses + 1);
}

/** The sum of `C(n + 1, j) / C(n + 1, wins)` for `j` from `wins` down to 0 is `sum · exp(logScale)`. */
function termsOf(counts: PairedCounts): { readonly sum: number; readonly logScale: number } {
  assertPairedCounts(counts);
  const { wins, losses } = counts;
  const draws = wins + losses + 1;
  let term = 1;
  let sum = 1;
  let logScale = 0;
  for (let j = wins; j > 0; j--) {
    term *= j / (draws + 1 - j);
    sum += term;
    // Terms grow while j > draws / 2: keep them within the range of a double.
    if (sum > rescaleAbove) {
      term /= rescaleAbove;
      sum /= rescaleAbove;
      logScale += Math.log(rescaleAbove);
    }
    // From here on every term is smaller than the one before, and together they cannot change the sum.
    if (j < draws / 2 && term < sum * negligible) break;
  }
  return { sum, logScale };
}

const rescaleAbove = 2 ** 900;

/** A rest of terms that shrink by at least 1 / (1 + 1/n) each stays below double precision. */
const negligible = 2 ** -80;
