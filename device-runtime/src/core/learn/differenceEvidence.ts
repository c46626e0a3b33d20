// How much more or less accurate a challenger is than a champion, as far as paired counts can say. It must not decide anything.

import type { PairedCounts } from "@attune/protocol";
import { Defect } from "@attune/protocol";
import { assertPairedCounts, swapRoles } from "./pairedCounts.ts";

/** A range of accuracy differences, challenger minus champion, within `[-1, 1]`. */
export interface DifferenceInterval {
  readonly low: number;
  readonly high: number;
}

/**
 * The accuracy differences that the pairs have not ruled out, challenger minus champion.
 *
 * - Range: within `[-1, 1]`; all of it when nothing was compared.
 * - Pure, O(1): some hundreds of logarithms.
 *
 * A confidence sequence: with probability `1 - alpha` the true difference is inside **at every look**, so it may be looked at
 * after every pair, unlike a bootstrap or Wilson interval. It is wider than those in return. Unlike {@link betterEvidence} it
 * counts the pairs on which both agree, because they say how small the difference is. It takes the difference to be the same
 * for all pairs.
 *
 * @param alpha chance of missing the truth, `(0, 1)`, split evenly over both ends.
 * @throws {@link Defect} `pairs.counts_invalid`, `pairs.level_invalid`.
 * @example
 * differenceInterval({ n: 0, wins: 0, losses: 0 }, 0.05); // => { low: -1, high: 1 }
 * @see Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting", section 4. Deviation: a fixed
 *   grid of stakes in equal parts in place of their predictable ones, so that counts are enough and order does not matter.
 */
export function differenceInterval(counts: PairedCounts, alpha: number): DifferenceInterval {
  assertPairedCounts(counts);
  if (!(alpha > 0 && alpha < 1)) {
    throw new Defect("pairs.level_invalid", `alpha is ${alpha}, it must be in (0, 1)`);
  }
  const limit = Math.log(2 / alpha);
  return { low: lowerBound(counts, limit), high: 0 - lowerBound(swapRoles(counts), limit) };
}

/**
 * Evidence that the challenger's accuracy is **not** lower than the champion's by `margin` or more: an e-value.
 *
 * - Range: `[0, Number.MAX_VALUE]`; 1 says nothing. Anytime-valid like {@link betterEvidence}.
 *
 * What a promotion asks for where "better" cannot be shown and "no harm beyond the margin" is enough.
 *
 * @param margin the harm that would be borne, `(0, 1)`; .02 is two points.
 * @throws {@link Defect} `pairs.counts_invalid`, `pairs.level_invalid`.
 */
export function nonInferiorityEvidence(counts: PairedCounts, margin: number): number {
  assertPairedCounts(counts);
  if (!(margin > 0 && margin < 1)) {
    throw new Defect("pairs.level_invalid", `margin is ${margin}, it must be in (0, 1)`);
  }
  return Math.min(Number.MAX_VALUE, Math.exp(logWealthAgainst(counts, -margin)));
}

/** Shares of the wealth that are staked, from timid to bold: a geometric grid serves every size of effect within a factor. */
const stakes: readonly number[] = Array.from({ length: 16 }, (_, index) => 0.9 * 1.5 ** -index);

/**
 * Log wealth of somebody who bets, with all {@link stakes} in equal parts, that the mean difference is above `difference`.
 *
 * With `y = (1 + x) / 2` in `[0, 1]` and its mean `m` under the claim, each stake `f` multiplies by `1 - f + f · y / m`, which is
 * never negative and whose mean is at most 1 when the true mean is at most `m`. It falls as `difference` rises.
 */
function logWealthAgainst(counts: PairedCounts, difference: number): number {
  const mean = (1 + difference) / 2;
  const ties = counts.n - counts.wins - counts.losses;
  let largest = Number.NEGATIVE_INFINITY;
  const logs = stakes.map((stake) => {
    const log =
      counts.wins * Math.log(1 - stake + stake / mean) +
      ties * Math.log(1 - stake + (stake * 0.5) / mean) +
      counts.losses * Math.log(1 - stake);
    largest = Math.max(largest, log);
    return log;
  });
  return (
    largest + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - largest), 0) / logs.length)
  );
}

/** The largest difference that is ruled out from below, by halving: 36 halvings of `[-1, 1]` reach 3e-11. */
function lowerBound(counts: PairedCounts, logLimit: number): number {
  if (counts.n === counts.losses) return -1;
  let ruledOut = -1;
  let open = 1;
  for (let halving = 0; halving < 36; halving++) {
    const middle = (ruledOut + open) / 2;
    if (logWealthAgainst(counts, middle) >= logLimit) ruledOut = middle;
    else open = middle;
  }
  return ruledOut;
}
