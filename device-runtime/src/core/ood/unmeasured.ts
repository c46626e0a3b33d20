// What a score is where the arithmetic has none. It must not decide which score is too high.

/**
 * The score of features that could not be measured: too large to square, or infinite, is as unusual as can be; what is not a number has none.
 *
 * - Range: `Infinity`, or NaN when a feature is NaN. O(dimension), allocates nothing.
 */
export function unmeasured(
  features: ArrayLike<number>,
  featuresAt: number,
  dimension: number,
): number {
  for (let i = 0; i < dimension; i++) {
    if (Number.isNaN(features[featuresAt + i])) return Number.NaN;
  }
  return Number.POSITIVE_INFINITY;
}
