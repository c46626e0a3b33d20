// How little a feature can vary and still be said to vary at all. It must not decide what a feature that never varies counts.

/** Steps of a Float32, in which devices keep features. */
const step = 2 ** -23;

/**
 * The deviation up to which a feature never varies: a step of its largest number, as rounding alone makes it.
 *
 * - Units: the feature's. Pure.
 *
 * The mean of equal numbers is a last digit off, and so is what a model computes twice in another order. Taken for variation, it would make
 * a billion standard deviations of the first real change.
 *
 * @param largest of the feature's sizes, `>= 0`
 */
export function resolvedDeviation(largest: number): number {
  return step * largest;
}
