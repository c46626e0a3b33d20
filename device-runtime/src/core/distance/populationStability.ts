// The population stability index, with all that is needed to read it. It must not be an alarm.
import { Defect } from "@attune/protocol";
import { chiSquareQuantile, chiSquareTail, totalOf } from "./chiSquare.ts";
import { chanceOfIndex, type ShareOf } from "./stabilityChance.ts";

/** What an empty bin counts as: half a value, or a share of its own. */
export type EmptyBin = "halfValue" | { readonly share: number };

/** An index with what it rests on: a bare PSI says nothing. */
export interface PopulationStability {
  /** `Σ (p - q) ln(p / q)`, 0 or more. */
  readonly index: number;
  readonly binCount: number;
  /** Values behind `a` and behind `b`. */
  readonly countA: number;
  readonly countB: number;
  /** What an empty bin counted as: half a value, or a share of so much. */
  readonly emptyBin: EmptyBin;
  /** Mean of the index without any drift; for many values `(1 / countA + 1 / countB) (bins - 1)`. */
  readonly nullMean: number;
  /** Without drift, about one index in twenty is above this. */
  readonly nullLine: number;
  /** Probability of an index as large without drift, for independent values. */
  readonly pValue: number;
  /** The index beyond what chance gives: the size of the drift, at least 0, and a range that holds it with about 95 %. */
  readonly severity: { readonly size: number; readonly low: number; readonly high: number };
}

/**
 * Population stability index between counts over the same bins.
 *
 * - Symmetric. Pure, O(bins · √values). Severity only: for an alarm on a stream use `createFeatureMonitor`.
 * - Libraries differ in what an empty bin counts as (1e-4, 1e-6, half a value), and with few values that moves the index more than most drifts do.
 *
 * **The rules of thumb .1 and .25 are for thousands of values.** For many values the index without drift is distributed as
 * `(1/n + 1/m) χ²(bins - 1)`; for few, bins that are nearly empty make it larger: with ten bins and 50 values against a large reference its mean is .20
 * where that formula says .18. Mean and variance are therefore summed over the counts that the bins may get, and the line and the p-value are those of the scaled χ²
 * that has both: 3 to 6 in 100 are above the line without drift, from 20 values in ten bins on.
 *
 * @param emptyBin half a value when left out; another library's rule to get its numbers.
 * @throws {@link Defect} `distance.counts_invalid`.
 * @example
 * const stability = populationStability([50, 30, 20], [40, 35, 25]);
 * stability.index; // => ≈ 0.0412
 * stability.nullLine; // => ≈ 0.1229
 * @see Yurdakul and Naranjo 2020, "Statistical properties of the population stability index" (its distribution for many values); Satterthwaite 1946
 *   (a scaled χ² by two moments). Deviation: moments for few values are ours.
 */
export function populationStability(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  emptyBin: EmptyBin = "halfValue",
): PopulationStability {
  const countA = totalOf(a);
  const countB = totalOf(b);
  const binCount = a.length;
  if (binCount !== b.length || binCount < 2 || !(countA > 0 && countB > 0)) {
    throw new Defect(
      "distance.counts_invalid",
      `counts of ${a.length} and ${b.length} bins that add up to ${countA} and ${countB}; both need the same bins, two or more, and a count`,
    );
  }
  const emptyShare = emptyBin === "halfValue" ? null : emptyBin.share;
  if (emptyShare !== null && !(emptyShare > 0 && emptyShare < 1)) {
    throw new Defect(
      "distance.counts_invalid",
      `an empty bin as a share of ${emptyShare}; pass one between 0 and 1`,
    );
  }
  const shareOf: ShareOf = (count, total) =>
    count === 0 ? (emptyShare ?? 0.5 / total) : count / total;
  const together = new Float64Array(binCount);
  let index = 0;
  let spread = 0;
  for (let bin = 0; bin < binCount; bin++) {
    const inBoth = (a[bin] as number) + (b[bin] as number);
    if (inBoth === 0) continue;
    together[bin] = inBoth / (countA + countB);
    const p = shareOf(a[bin] as number, countA);
    const q = shareOf(b[bin] as number, countB);
    const log = Math.log(p / q);
    index += (p - q) * log;
    // Delta method: derivatives of the index by p and by q, each share with its multinomial variance.
    spread += (p * (log + 1 - q / p) ** 2) / countA + (q * (-log + 1 - p / q) ** 2) / countB;
  }
  const { mean, variance } = chanceOfIndex(together, countA, countB, shareOf);
  const half = 1.96 * Math.sqrt(spread);
  const size = Math.max(0, index - mean);
  // One bin holds everything on both sides: nothing can differ.
  const [scale, freedom] =
    mean > 0 ? [variance / (2 * mean), (2 * mean * mean) / variance] : [0, 1];
  return {
    index,
    binCount,
    countA,
    countB,
    emptyBin,
    nullMean: mean,
    nullLine: scale * chiSquareQuantile(0.05, freedom),
    pValue: scale > 0 ? chiSquareTail(index / scale, freedom) : 1,
    severity: { size, low: Math.max(0, size - half), high: size + half },
  };
}
