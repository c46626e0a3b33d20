// What chance alone makes of a population stability index: mean and variance, by summing over all counts that a bin may get. It must not know
// the index that was observed.
import { logGamma } from "./chiSquare.ts";

/** Share that a bin counts as, by the values in it. */
export type ShareOf = (count: number, total: number) => number;

/** Mean and variance of an index. */
export interface ChanceOfIndex {
  readonly mean: number;
  readonly variance: number;
  /** Bins that have a value on either side. */
  readonly usedBins: number;
}

/**
 * Mean and variance of the index between `totalA` and `totalB` independent values of one distribution.
 *
 * The summand of a bin, `(p - q)(ln p - ln q)`, is four products of a term of `p` and one of `q`; both sides are independent, so its first two
 * moments need only sums over one binomial count at a time: O(bins · √values). That the counts of all bins add up to the total is taken into account to
 * leading order, as in Pearson's statistic: `bins - 1` instead of `Σ (1 - share)²`.
 *
 * @param shares share of each bin in both sides together.
 */
export function chanceOfIndex(
  shares: ArrayLike<number>,
  totalA: number,
  totalB: number,
  shareOf: ShareOf,
): ChanceOfIndex {
  let mean = 0;
  let variance = 0;
  let usedBins = 0;
  let independent = 0;
  for (let bin = 0; bin < shares.length; bin++) {
    const share = shares[bin] as number;
    if (share === 0) continue;
    usedBins++;
    if (share === 1) continue;
    const p = momentsOf(share, totalA, shareOf);
    const q = momentsOf(share, totalB, shareOf);
    const first = p.plog - p.p * q.log - p.log * q.p + q.plog;
    const second =
      p.plog2 +
      q.plog2 +
      p.p2 * q.log2 +
      p.log2 * q.p2 +
      4 * p.plog * q.plog -
      2 * (p.pTimesPlog * q.log + p.logTimesPlog * q.p + p.p * q.logTimesPlog) -
      2 * p.log * q.pTimesPlog;
    mean += first;
    variance += Math.max(0, second - first * first);
    independent += (1 - share) ** 2;
  }
  return {
    mean,
    variance: independent > 0 ? (variance * (usedBins - 1)) / independent : 0,
    usedBins,
  };
}

/** Means of a share `p`, its logarithm, `p ln p`, and of their squares and products. */
interface ShareMoments {
  p: number;
  log: number;
  plog: number;
  p2: number;
  log2: number;
  plog2: number;
  pTimesPlog: number;
  logTimesPlog: number;
}

/** Counts further from the mean, in deviations, have no weight in double precision that matters here. */
const deviationsMax = 9;

function momentsOf(share: number, total: number, shareOf: ShareOf): ShareMoments {
  const whole = Math.round(total);
  const centre = whole * share;
  const reach = deviationsMax * Math.sqrt(centre * (1 - share));
  const least = Math.max(0, Math.floor(centre - reach - 5));
  const largest = Math.min(whole, Math.ceil(centre + reach + 20));
  const logOdds = Math.log(share / (1 - share));
  let logWeight =
    logGamma(whole + 1) -
    logGamma(least + 1) -
    logGamma(whole - least + 1) +
    least * Math.log(share) +
    (whole - least) * Math.log1p(-share);
  const sums: ShareMoments = {
    p: 0,
    log: 0,
    plog: 0,
    p2: 0,
    log2: 0,
    plog2: 0,
    pTimesPlog: 0,
    logTimesPlog: 0,
  };
  for (let count = least; count <= largest; count++) {
    const weight = Math.exp(logWeight);
    const p = shareOf(count, whole);
    const log = Math.log(p);
    const plog = p * log;
    sums.p += weight * p;
    sums.log += weight * log;
    sums.plog += weight * plog;
    sums.p2 += weight * p * p;
    sums.log2 += weight * log * log;
    sums.plog2 += weight * plog * plog;
    sums.pTimesPlog += weight * p * plog;
    sums.logTimesPlog += weight * log * plog;
    logWeight += Math.log((whole - count) / (count + 1)) + logOdds;
  }
  return sums;
}
