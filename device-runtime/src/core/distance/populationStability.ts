// The population stability index, with all that is needed to read it. It must not be an alarm.
import { Defect } from "@attune/protocol";
import { chiSquareQuantile, chiSquareTail, totalOf } from "./chiSquare.ts";

/** An index with what it rests on: a bare PSI says nothing. */
export interface PopulationStability {
  /** `Σ (p - q) ln(p / q)`, 0 or more. */
  readonly index: number;
  readonly binCount: number;
  /** Values behind `a` and behind `b`. */
  readonly countA: number;
  readonly countB: number;
  /** What an empty bin counted as: a share of so much. */
  readonly zeroShare: number;
  /** Mean of the index without any drift: `(1 / countA + 1 / countB) (bins - 1)`. */
  readonly nullMean: number;
  /** Without drift, one index in twenty is above this. */
  readonly nullLine: number;
  /** Probability of an index as large without drift, for independent values. */
  readonly pValue: number;
  /** The index beyond what chance gives: the size of the drift, at least 0, and a range that holds it with about 95 %. */
  readonly severity: { readonly size: number; readonly low: number; readonly high: number };
}

/**
 * Population stability index between counts over the same bins.
 *
 * - Symmetric. Pure, O(bins). Severity only: for an alarm on a stream use `createFeatureMonitor`.
 * - An empty bin counts as a share of `zeroShare`; libraries differ here (1e-4, 1e-6, one half of a count), and with few values
 *   the choice moves the index more than most drifts.
 *
 * **The rules of thumb .1 and .25 are for thousands of values.** Without drift the index is distributed about as
 * `(1/n + 1/m) χ²(bins - 1)`: with ten bins and 50 values against a large reference its mean is .18.
 *
 * @param zeroShare above 0; 1e-4 when left out.
 * @throws {@link Defect} `distance.counts_invalid`.
 * @example
 * const stability = populationStability([50, 30, 20], [40, 35, 25]);
 * stability.index; // => ≈ 0.0412
 * stability.nullLine; // => ≈ 0.1198
 * @see Yurdakul and Naranjo 2020, "Statistical properties of the population stability index" (its null distribution).
 */
export function populationStability(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  zeroShare = 1e-4,
): PopulationStability {
  const countA = totalOf(a);
  const countB = totalOf(b);
  const binCount = a.length;
  if (binCount !== b.length || binCount < 2 || !(countA > 0 && countB > 0 && zeroShare > 0)) {
    throw new Defect(
      "distance.counts_invalid",
      `counts of ${a.length} and ${b.length} bins that add up to ${countA} and ${countB}; both need the same bins, two or more, and a count`,
    );
  }
  let index = 0;
  let spread = 0;
  for (let bin = 0; bin < binCount; bin++) {
    const p = (a[bin] as number) === 0 ? zeroShare : (a[bin] as number) / countA;
    const q = (b[bin] as number) === 0 ? zeroShare : (b[bin] as number) / countB;
    const log = Math.log(p / q);
    index += (p - q) * log;
    // Delta method: derivatives of the index by p and by q, each share with its multinomial variance.
    spread += (p * (log + 1 - q / p) ** 2) / countA + (q * (-log + 1 - p / q) ** 2) / countB;
  }
  const scale = 1 / countA + 1 / countB;
  const nullMean = scale * (binCount - 1);
  const half = 1.96 * Math.sqrt(spread);
  const size = Math.max(0, index - nullMean);
  return {
    index,
    binCount,
    countA,
    countB,
    zeroShare,
    nullMean,
    nullLine: scale * chiSquareQuantile(0.05, binCount - 1),
    pValue: chiSquareTail(index / scale, binCount - 1),
    severity: { size, low: Math.max(0, size - half), high: size + half },
  };
}
