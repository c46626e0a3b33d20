// Distances between two lists of counts over the same bins. It must not decide which is too far.
import { Defect } from "@attune/protocol";
import { totalOf } from "./chiSquare.ts";

/** How a bin that only one of the two has is dealt with. */
export interface ZeroRule {
  /** A smaller share counts as this, and the shares are divided by their new sum; 0 leaves them, then a distance may be infinite. */
  readonly leastShare: number;
}

function sharesOf(counts: ArrayLike<number>, total: number, leastShare: number): Float64Array {
  const shares = Float64Array.from(counts, (count) => Math.max(leastShare, count / total));
  const sum = shares.reduce((all, share) => all + share, 0);
  return leastShare === 0 ? shares : shares.map((share) => share / sum);
}

function sharePair(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  leastShare = 0,
): { readonly p: Float64Array; readonly q: Float64Array } {
  const totalA = totalOf(a);
  const totalB = totalOf(b);
  if (a.length !== b.length || !(totalA > 0 && totalB > 0 && leastShare >= 0)) {
    throw new Defect(
      "distance.counts_invalid",
      `counts of ${a.length} and ${b.length} bins that add up to ${totalA} and ${totalB}; both need the same bins and a count`,
    );
  }
  return { p: sharesOf(a, totalA, leastShare), q: sharesOf(b, totalB, leastShare) };
}

/**
 * Kullback-Leibler divergence of `a`'s shares from `b`'s: `Σ p ln(p / q)`.
 *
 * - Range `[0, ∞]`, nats; infinite when `a` has a bin that `b` has not, unless `zeroRule` says otherwise. Not symmetric.
 *
 * @throws {@link Defect} `distance.counts_invalid`.
 * @example
 * klDivergence([10, 10], [10, 30]); // => ≈ 0.14384
 */
export function klDivergence(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  zeroRule: ZeroRule = { leastShare: 0 },
): number {
  const { p, q } = sharePair(a, b, zeroRule.leastShare);
  let sum = 0;
  p.forEach((share, bin) => {
    if (share > 0) sum += share * Math.log(share / (q[bin] as number));
  });
  return Math.max(0, sum);
}

/**
 * Jensen-Shannon divergence: the mean of both divergences from the middle.
 *
 * - Range `[0, ln 2]`, nats; always finite, symmetric. Its root in base 2, `√(js / ln 2)`, is SciPy's `jensenshannon(base=2)`.
 *
 * @throws {@link Defect} `distance.counts_invalid`.
 * @example
 * jensenShannon([1, 0], [0, 1]); // => ≈ 0.6931
 * @see Lin 1991, "Divergence measures based on the Shannon entropy".
 */
export function jensenShannon(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const { p, q } = sharePair(a, b);
  let sum = 0;
  p.forEach((shareA, bin) => {
    const shareB = q[bin] as number;
    const middle = (shareA + shareB) / 2;
    if (shareA > 0) sum += (shareA * Math.log(shareA / middle)) / 2;
    if (shareB > 0) sum += (shareB * Math.log(shareB / middle)) / 2;
  });
  return Math.min(Math.LN2, Math.max(0, sum));
}

/**
 * Hellinger distance: `√(Σ (√p - √q)² / 2)`.
 *
 * - Range `[0, 1]`, symmetric, a metric.
 *
 * @throws {@link Defect} `distance.counts_invalid`.
 * @example
 * hellinger([50, 30, 20], [40, 35, 25]); // => ≈ 0.07171
 */
export function hellinger(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const { p, q } = sharePair(a, b);
  let sum = 0;
  p.forEach((share, bin) => {
    sum += (Math.sqrt(share) - Math.sqrt(q[bin] as number)) ** 2;
  });
  return Math.sqrt(Math.min(1, sum / 2));
}

/**
 * Total variation: half of the summed differences of shares, `[0, 1]`; the most by which the chance of any event differs.
 *
 * @throws {@link Defect} `distance.counts_invalid`.
 * @example
 * totalVariation([10, 10], [10, 30]); // => 0.25
 */
export function totalVariation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const { p, q } = sharePair(a, b);
  let sum = 0;
  p.forEach((share, bin) => {
    sum += Math.abs(share - (q[bin] as number));
  });
  return sum / 2;
}
