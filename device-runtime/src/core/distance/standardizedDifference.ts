// How far two means are apart, in deviations. It must not decide which is too far.
import type { Moments } from "../profile/moments.ts";

/** An effect size, and a range that holds it with about 95 % for independent values. */
export interface EffectSize {
  readonly size: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Difference of two means in units of their pooled standard deviation: positive when `b` is larger.
 *
 * - Range: unbounded; .2 is called small, .8 large. Unknown, from `-Infinity` to `Infinity` around 0, when one has less than two
 *   values; unbounded when neither varies and the means differ. Pure, O(1).
 * - The range lets both have their own variance (a few windows of one person against many of a reference); it takes values as normal.
 * - Windows that overlap are fewer values than they count as: the range is then too narrow.
 *
 * @example
 * const calm = { count: 100, mean: 0, squares: 100, least: -3, largest: 3 };
 * const moved = { count: 100, mean: 0.5, squares: 100, least: -2, largest: 4 };
 * standardizedDifference(calm, moved).size; // => ≈ 0.496
 * standardizedDifference(calm, moved).low; // => ≈ 0.214
 * @see Hedges 1981, "Distribution theory for Glass's estimator of effect size": the correction for small samples and, to leading
 *   order, the variance; Bonett 2008, "Confidence intervals for standardized linear contrasts of means" (variances that differ).
 */
export function standardizedDifference(a: Moments, b: Moments): EffectSize {
  if (a.count < 2 || b.count < 2) {
    return { size: 0, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
  }
  const freedom = a.count + b.count - 2;
  const pooled = (a.squares + b.squares) / freedom;
  const apart = b.mean - a.mean;
  if (pooled === 0) {
    const size = apart === 0 ? 0 : apart * Number.POSITIVE_INFINITY;
    return { size, low: size, high: size };
  }
  const size = ((1 - 3 / (4 * freedom - 1)) * apart) / Math.sqrt(pooled);
  const [varianceA, varianceB] = [a.squares / (a.count - 1), b.squares / (b.count - 1)];
  const ofMeans = (varianceA / a.count + varianceB / b.count) / pooled;
  const ofDeviation =
    ((a.count - 1) * varianceA ** 2 + (b.count - 1) * varianceB ** 2) / (freedom * pooled) ** 2;
  const half = 1.96 * Math.sqrt(ofMeans + (size ** 2 * ofDeviation) / 2);
  return { size, low: size - half, high: size + half };
}
