// Mean and spread of a stream, and of two streams together. It must not know what the numbers are of.
import { detectorValueMax } from "../monitor/driftDetector.ts";

/** Moments of a stream; plain data. */
export interface Moments {
  readonly count: number;
  /** 0 when there are none. */
  readonly mean: number;
  /** Sum of squared deviations from the mean; the variance is `squares / count`. */
  readonly squares: number;
  /** Least and largest value; `Infinity` and `-Infinity` when there are none. */
  readonly least: number;
  readonly largest: number;
}

/** Moments of nothing. */
export const noMoments: Moments = {
  count: 0,
  mean: 0,
  squares: 0,
  least: Number.POSITIVE_INFINITY,
  largest: Number.NEGATIVE_INFINITY,
};

/** Whether a value can be taken in: finite, and at most `1e100` from 0, so that squares stay finite. */
export function isCountable(value: number): boolean {
  return Math.abs(value) <= detectorValueMax;
}

/**
 * Moments of two streams together.
 *
 * - Pure, O(1). Commutative; associative up to rounding (counts, least and largest exactly).
 *
 * @example
 * const a = { count: 2, mean: 2, squares: 2, least: 1, largest: 3 };
 * mergeMoments(a, { count: 1, mean: 5, squares: 0, least: 5, largest: 5 }).mean; // => 3
 * @see Chan, Golub and LeVeque 1983, "Algorithms for computing the sample variance", equation 2.1.
 */
export function mergeMoments(a: Moments, b: Moments): Moments {
  const count = a.count + b.count;
  if (count === 0) return noMoments;
  const apart = b.mean - a.mean;
  const least = Math.min(a.least, b.least);
  const largest = Math.max(a.largest, b.largest);
  const mean = (a.count * a.mean + b.count * b.mean) / count;
  return {
    count,
    // Rounding must not move the mean of equal values: nothing would vary then, and still two means differ.
    mean: Math.min(largest, Math.max(least, mean)),
    // In an order that is the same both ways, to the bit.
    squares: a.squares + b.squares + (apart * apart * (a.count * b.count)) / count,
    least,
    largest,
  };
}
