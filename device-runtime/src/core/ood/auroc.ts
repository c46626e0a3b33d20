// How well a score tells two groups apart. It must not know what the groups are.

/**
 * The probability that an unusual sample scores higher than a usual one, ties counted half.
 *
 * - Range: `[0, 1]`; 0.5 tells nothing apart; NaN when a group is empty or holds NaN. Pure, O(n log n).
 *
 * @example
 * auroc([1, 2, 3], [2.5, 4]); // => 5 / 6
 * @see Hanley and McNeil 1982, "The meaning and use of the area under a receiver operating characteristic curve".
 */
export function auroc(usual: ArrayLike<number>, unusual: ArrayLike<number>): number {
  const low = Float64Array.from(usual).sort();
  const high = Float64Array.from(unusual).sort();
  // NaN sorts behind everything.
  if (Number.isNaN(low.at(-1)) || Number.isNaN(high.at(-1))) return Number.NaN;
  let below = 0;
  let atMost = 0;
  let wins = 0;
  for (const score of high) {
    while (below < low.length && (low[below] as number) < score) below += 1;
    while (atMost < low.length && (low[atMost] as number) <= score) atMost += 1;
    wins += (below + atMost) / 2;
  }
  return wins / low.length / high.length;
}
