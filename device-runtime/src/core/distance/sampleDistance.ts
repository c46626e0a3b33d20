// Distances between two samples of numbers or vectors. It must not decide which is too far.
import { Defect } from "@attune/protocol";
import { totalOf } from "./chiSquare.ts";

/**
 * First Wasserstein distance: the least total way to move one sample onto the other.
 *
 * - Range `[0, ∞)`, in the samples' own unit: 0.1 g is a tenth of a g. Pure, O(n log n + m log m).
 *
 * @throws {@link Defect} `distance.sample_empty`, `distance.sample_not_finite`.
 * @example
 * wasserstein([0, 1, 3], [5, 6, 8]); // => 5
 * @see Ramdas, García Trillos and Cuturi 2017, "On Wasserstein two-sample testing", section 3 (in one dimension).
 */
export function wasserstein(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const sortedA = sortedSample(a);
  const sortedB = sortedSample(b);
  const n = sortedA.length;
  const m = sortedB.length;
  let sum = 0;
  let before = Math.min(sortedA[0] as number, sortedB[0] as number);
  for (let i = 0, j = 0; i < n || j < m; ) {
    const x = i < n ? (sortedA[i] as number) : Number.POSITIVE_INFINITY;
    const y = j < m ? (sortedB[j] as number) : Number.POSITIVE_INFINITY;
    const value = Math.min(x, y);
    // In halves: the way between the largest doubles of both signs is no double.
    sum += Math.abs(i / n - j / m) * (value / 2 - before / 2);
    before = value;
    if (x <= y) i++;
    else j++;
  }
  return 2 * sum;
}

function sortedSample(sample: ArrayLike<number>): Float64Array {
  const sorted = Float64Array.from(sample).sort();
  if (sorted.length === 0) {
    throw new Defect("distance.sample_empty", "a sample is empty; pass one value or more");
  }
  if (!sorted.every(Number.isFinite)) throw notFinite();
  return sorted;
}

const notFinite = (): Defect =>
  new Defect("distance.sample_not_finite", "a sample holds a value that is not finite");

/**
 * First Wasserstein distance between two histograms on the same inner edges: what is left of {@link wasserstein} when only
 * counts were kept.
 *
 * - In the edges' unit. The open end bins count as standing on their edge, so what lies beyond the outermost edges is not seen.
 *
 * @param edges ascending inner edges; the counts have one more.
 * @throws {@link Defect} `distance.counts_invalid`.
 * @example
 * histogramWasserstein([0, 1, 2], [4, 0, 0, 0], [0, 0, 0, 4]); // => 2
 */
export function histogramWasserstein(
  edges: ArrayLike<number>,
  a: ArrayLike<number>,
  b: ArrayLike<number>,
): number {
  const totalA = totalOf(a);
  const totalB = totalOf(b);
  if (a.length !== edges.length + 1 || b.length !== a.length || !(totalA > 0 && totalB > 0)) {
    throw new Defect(
      "distance.counts_invalid",
      `${a.length} and ${b.length} counts for ${edges.length} edges; both need one more than there are edges, and a count`,
    );
  }
  let below = 0;
  let sum = 0;
  for (let bin = 0; bin + 1 < edges.length; bin++) {
    below += (a[bin] as number) / totalA - (b[bin] as number) / totalB;
    const at = below + ((a[bin + 1] as number) / totalA - (b[bin + 1] as number) / totalB) / 2;
    sum += Math.abs(at) * ((edges[bin + 1] as number) - (edges[bin] as number));
  }
  return sum;
}

/** Rows of each sample that {@link linearMmd} needs: its p-value rests on the mean of half as many. */
export const mmdRowsMin = 40;

/** What {@link linearMmd} finds. */
export interface MmdResult {
  /** Estimate of the squared distance of the two mean embeddings; around 0 without a difference, and then also below. */
  readonly squared: number;
  /** Standard error of it. */
  readonly error: number;
  /** Probability of a value as large without a difference, one-sided, by the central limit theorem. */
  readonly pValue: number;
}

/**
 * Maximum mean discrepancy in linear time, with a Gaussian kernel: vectors are compared in pairs of pairs.
 *
 * - Shape: `a` and `b` are `(n, dimension)` row by row, the same `n` of each used (the first `min(n, m)`, rounded down to even);
 *   {@link mmdRowsMin} or more. O(n · dimension), nothing to keep but two vectors of each.
 * - For independent rows. Less power than the quadratic one, and a p-value that needs no permutations. It is the normal's, and therefore a little too
 *   small for few rows: at a nominal .05, about .07 with 40 of them.
 *
 * @param bandwidth σ of `exp(-|x - y|² / 2σ²)`, above 0; the median distance is usual.
 * @throws {@link Defect} `distance.sample_empty`, `distance.sample_not_finite`.
 * @example
 * const still = Array.from({ length: 40 }, (_, index) => (index % 2) / 10);
 * linearMmd(still, still.map((value) => value + 5), 1, 1).squared; // => ≈ 1.99
 * @see Gretton et al. 2012, "A kernel two-sample test", section 6 (lemma 14 and corollary 16).
 */
export function linearMmd(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  dimension: number,
  bandwidth: number,
): MmdResult {
  const pairCount = Math.floor(Math.min(a.length, b.length) / dimension / 2);
  if (
    !(Number.isInteger(dimension) && dimension >= 1 && 2 * pairCount >= mmdRowsMin && bandwidth > 0)
  ) {
    throw new Defect(
      "distance.sample_empty",
      `${a.length} and ${b.length} numbers of ${dimension} features, bandwidth ${bandwidth}; pass ${mmdRowsMin} vectors or more of each and a bandwidth above 0`,
    );
  }
  for (let index = 0; index < 2 * pairCount * dimension; index++) {
    if (!(Number.isFinite(a[index]) && Number.isFinite(b[index]))) throw notFinite();
  }
  const kernel = (x: ArrayLike<number>, i: number, y: ArrayLike<number>, j: number): number => {
    let square = 0;
    for (let k = 0; k < dimension; k++) {
      square += ((x[i * dimension + k] as number) - (y[j * dimension + k] as number)) ** 2;
    }
    return Math.exp(-square / (2 * bandwidth * bandwidth));
  };
  let mean = 0;
  let squares = 0;
  for (let pair = 0; pair < pairCount; pair++) {
    const [i, j] = [2 * pair, 2 * pair + 1];
    const value = kernel(a, i, a, j) + kernel(b, i, b, j) - kernel(a, i, b, j) - kernel(a, j, b, i);
    const before = value - mean;
    mean += before / (pair + 1);
    squares += before * (value - mean);
  }
  const error = Math.sqrt(squares / (pairCount - 1) / pairCount);
  // Where every pair says the same, what their signs alone can show.
  const pValue = error > 0 ? normalTail(mean / error) : mean > 0 ? 2 ** -pairCount : 1;
  return { squared: mean, error, pValue };
}

/** Upper tail of the standard normal, to 1e-7: Abramowitz and Stegun 1964, 26.2.17. */
function normalTail(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const polynomial =
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * polynomial;
  return z >= 0 ? tail : 1 - tail;
}
