// The chi-square distribution and test. It must not know what was counted.
import { Defect } from "@attune/protocol";

/** What {@link chiSquareTest} finds. */
export interface ChiSquareResult {
  readonly statistic: number;
  readonly freedom: number;
  /** Probability of this statistic or a larger one when both counts are of one distribution. */
  readonly pValue: number;
  /** Cramér's V, `[0, 1]`: how large the difference is, whatever the counts. */
  readonly effect: number;
}

/**
 * Compares two lists of counts over the same categories.
 *
 * - Categories that neither has are left out. Pure, O(categories). For independent counts, about five or more expected a cell.
 *
 * @throws {@link Defect} `distance.counts_invalid`.
 * @example
 * const { statistic, freedom, pValue } = chiSquareTest([50, 30, 20], [40, 35, 25]);
 * statistic; // => ≈ 2.0513
 * freedom; // => 2
 * pValue; // => ≈ 0.35857
 * @see Pearson 1900; without continuity correction, as SciPy's `chi2_contingency(correction=False)`.
 */
export function chiSquareTest(a: ArrayLike<number>, b: ArrayLike<number>): ChiSquareResult {
  const totalA = totalOf(a);
  const totalB = totalOf(b);
  if (a.length !== b.length || !(totalA > 0 && totalB > 0)) {
    throw new Defect(
      "distance.counts_invalid",
      `counts of ${a.length} and ${b.length} categories that add up to ${totalA} and ${totalB}; both need the same categories and a count`,
    );
  }
  const total = totalA + totalB;
  let statistic = 0;
  let categories = 0;
  for (let index = 0; index < a.length; index++) {
    const countA = a[index] as number;
    const countB = b[index] as number;
    const both = countA + countB;
    if (both === 0) continue;
    categories++;
    const expectedA = (both * totalA) / total;
    const expectedB = (both * totalB) / total;
    statistic += (countA - expectedA) ** 2 / expectedA + (countB - expectedB) ** 2 / expectedB;
  }
  const freedom = categories - 1;
  const pValue = freedom === 0 ? 1 : chiSquareTail(statistic, freedom);
  return { statistic, freedom, pValue, effect: Math.sqrt(Math.min(1, statistic / total)) };
}

/** Sum of counts; a Defect when one is negative or not finite. */
export function totalOf(counts: ArrayLike<number>): number {
  let total = 0;
  for (let index = 0; index < counts.length; index++) {
    const count = counts[index] as number;
    if (!(count >= 0 && count < Number.POSITIVE_INFINITY)) {
      throw new Defect(
        "distance.counts_invalid",
        `count ${index} is ${count}, it must be 0 or more`,
      );
    }
    total += count;
  }
  return total;
}

/**
 * Probability that a chi-square variable with so many degrees of freedom is at least `value`.
 *
 * @example
 * chiSquareTail(3.841458820694124, 1); // => ≈ 0.05
 * @see Abramowitz and Stegun 1964, 26.4.19 with 6.5.29 (series) and 6.5.31 (continued fraction).
 */
export function chiSquareTail(value: number, freedom: number): number {
  if (!(value > 0)) return 1;
  if (value === Number.POSITIVE_INFINITY) return 0;
  const shape = freedom / 2;
  const x = value / 2;
  const front = Math.exp(shape * Math.log(x) - x - logGamma(shape));
  return x < shape + 1
    ? Math.max(0, 1 - front * lowerSeries(shape, x))
    : Math.min(1, front * upperFraction(shape, x));
}

/**
 * The value that a chi-square variable exceeds with probability `tail`.
 *
 * @param tail `(0, 1)`.
 * @param freedom above 0; need not be whole.
 * @throws {@link Defect} `distance.probability_invalid`.
 */
export function chiSquareQuantile(tail: number, freedom: number): number {
  if (!(tail > 0 && tail < 1 && freedom > 0 && freedom < Number.POSITIVE_INFINITY)) {
    throw new Defect(
      "distance.probability_invalid",
      `probability ${tail} with ${freedom} degrees of freedom; pass one between 0 and 1, and a freedom above 0`,
    );
  }
  let low = 0;
  let high = freedom + 10;
  while (chiSquareTail(high, freedom) > tail) high *= 2;
  for (let step = 0; step < 100; step++) {
    const middle = (low + high) / 2;
    if (chiSquareTail(middle, freedom) > tail) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Both expansions are at double precision long before. */
const termMax = 10_000;

function lowerSeries(shape: number, x: number): number {
  let term = 1 / shape;
  let sum = term;
  for (let n = 1; n < termMax && term > sum * 1e-17; n++) {
    term *= x / (shape + n);
    sum += term;
  }
  return sum;
}

/** Lentz's evaluation of the continued fraction. */
function upperFraction(shape: number, x: number): number {
  const tiny = 1e-300;
  let b = x + 1 - shape;
  let c = 1 / tiny;
  let d = 1 / b;
  let result = d;
  for (let n = 1; n < termMax; n++) {
    const a = -n * (n - shape);
    b += 2;
    d = 1 / (Math.abs(a * d + b) < tiny ? tiny : a * d + b);
    c = Math.abs(b + a / c) < tiny ? tiny : b + a / c;
    const change = c * d;
    result *= change;
    if (Math.abs(change - 1) < 1e-16) break;
  }
  return result;
}

const lanczos = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313,
  -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6,
  1.5056327351493116e-7,
] as const;

/** Logarithm of the gamma function by Lanczos' approximation, to 1e-14 for arguments of 0.5 and more. */
export function logGamma(x: number): number {
  let sum: number = lanczos[0];
  for (let i = 1; i < lanczos.length; i++) sum += (lanczos[i] as number) / (x - 1 + i);
  const t = x + 6.5;
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}
