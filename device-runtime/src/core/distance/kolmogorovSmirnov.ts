// The largest distance between two distribution functions, and how often chance gives a larger one. It must not raise an alarm.
import { Defect } from "@attune/protocol";

/** What {@link ksTest} finds. */
export interface KsResult {
  /** Largest distance between the two empirical distribution functions, `[0, 1]`. */
  readonly statistic: number;
  /** Probability of this distance or a larger one between samples of one distribution, `[0, 1]`. */
  readonly pValue: number;
  /** `exact` counts paths; `asymptotic` uses the one-sample distribution of `n m / (n + m)` values. */
  readonly method: "exact" | "asymptotic";
}

/** Counting paths is O(n · m): at a million, 3 ms. */
const ksExactProductMax = 1_000_000;

/** Distances closer than this are the same: they are multiples of `1 / (n m)`, at least a millionth. */
const tieTolerance = 1e-12;

/**
 * Compares two samples by the two-sided two-sample Kolmogorov-Smirnov test.
 *
 * - Pure, O(n log n + m log m), and O(n · m) for the exact p-value, which is used up to `n · m` of a million.
 * - **For independent values only.** Windows of one person resemble each other: in drift-free sessions of HAPT a KS test with
 *   Bonferroni's correction flags 61 of 61. For streams use `createFeatureMonitor`.
 * - With ties the exact p-value is an upper bound, as in SciPy.
 *
 * @throws {@link Defect} `distance.sample_empty`, `distance.sample_not_finite`.
 * @example
 * const { statistic, pValue, method } = ksTest([1, 2, 3, 4], [3.5, 4.5, 5.5, 6.5]);
 * statistic; // => 0.75
 * pValue; // => ≈ 0.2286
 * method; // => "exact"
 * @see Hodges 1958, "The significance probability of the Smirnov two-sample test" (exact, by paths); Simard and L'Ecuyer 2011,
 *   "Computing the two-sided Kolmogorov-Smirnov distribution" (asymptotic). Deviation from SciPy's `ks_2samp`: it counts paths up to
 *   10,000 values a sample; beyond a million pairs the p-value here is asymptotic, and up to 3 % smaller than the exact one.
 */
export function ksTest(a: ArrayLike<number>, b: ArrayLike<number>): KsResult {
  const sortedA = Float64Array.from(a).sort();
  const sortedB = Float64Array.from(b).sort();
  if (sortedA.length === 0 || sortedB.length === 0) {
    throw new Defect(
      "distance.sample_empty",
      `samples have ${sortedA.length} and ${sortedB.length} values, each needs one or more`,
    );
  }
  if (!sortedA.every(Number.isFinite) || !sortedB.every(Number.isFinite)) {
    throw new Defect("distance.sample_not_finite", "a sample holds a value that is not finite");
  }
  const statistic = ksDistance(sortedA, sortedB);
  const [n, m] = [sortedA.length, sortedB.length];
  if (n * m <= ksExactProductMax) {
    return { statistic, pValue: ksExactTail(statistic, n, m), method: "exact" };
  }
  const pValue = kolmogorovTail(statistic, Math.round((n * m) / (n + m)));
  return { statistic, pValue, method: "asymptotic" };
}

/**
 * Largest distance between the distribution functions of two ascending samples, `[0, 1]`. Allocates nothing. NaN is in no order: without meaning then.
 *
 * @example
 * ksDistance([1, 2, 3], [2, 3, 4]); // => ≈ 0.3333
 */
export function ksDistance(sortedA: ArrayLike<number>, sortedB: ArrayLike<number>): number {
  const n = sortedA.length;
  const m = sortedB.length;
  let largest = 0;
  for (let i = 0, j = 0; i < n && j < m; ) {
    const x = sortedA[i] as number;
    const y = sortedB[j] as number;
    const value = x < y ? x : y;
    while (i < n && !((sortedA[i] as number) > value)) i++;
    while (j < m && !((sortedB[j] as number) > value)) j++;
    const apart = Math.abs(i / n - j / m);
    if (apart > largest) largest = apart;
  }
  return largest;
}

/**
 * Probability that two samples of `n` and `m` values of one continuous distribution are `statistic` apart or more.
 *
 * A random order of both samples is a random path from (0, 0) to (n, m); the sum is over the points where a path first leaves
 * the band, so nothing cancels and small p-values keep their digits. O(n · m).
 */
export function ksExactTail(statistic: number, n: number, m: number): number {
  if (statistic <= tieTolerance) return 1;
  const limit = statistic - tieTolerance;
  // reach[j]: probability to be at (i, j) without having left the band.
  const reach = new Float64Array(m + 1);
  let left = 0;
  for (let i = 0; i <= n; i++) {
    for (let j = 0; j <= m; j++) {
      let arriving = i === 0 && j === 0 ? 1 : 0;
      if (i > 0) arriving += ((reach[j] as number) * (n - i + 1)) / (n + m - i - j + 1);
      if (j > 0) arriving += ((reach[j - 1] as number) * (m - j + 1)) / (n + m - i - j + 1);
      if (Math.abs(i / n - j / m) >= limit) {
        left += arriving;
        reach[j] = 0;
      } else {
        reach[j] = arriving;
      }
    }
  }
  return Math.min(1, left);
}

/** Beyond this `n d²` the two-sided tail is twice the one-sided one: both at once is rarer than 2e-14. */
const oneSidedSquare = 4;
/** The matrix has `2 n d` rows, at most four times the root of this. */
const matrixCountMax = 1000;

/**
 * Probability that the distribution function of `count` independent values is `statistic` or more away from the true one.
 *
 * - Range `[0, 1]`. By matrix powers up to 1000 values (exact), by Pelz and Good's series beyond (to about 1e-6); far in the tail, twice the one-sided
 *   probability.
 *
 * @see Marsaglia, Tsang and Wang 2003, "Evaluating Kolmogorov's distribution"; Pelz and Good 1976, "Approximating the lower tail
 *   areas of the Kolmogorov-Smirnov one-sample statistic"; Birnbaum and Tingey 1951 (one-sided).
 */
export function kolmogorovTail(statistic: number, count: number): number {
  if (statistic <= 0.5 / count) return 1;
  if (statistic >= 1) return 0;
  if (count * statistic * statistic > oneSidedSquare) {
    return Math.min(1, 2 * oneSidedTail(statistic, count));
  }
  const below =
    count <= matrixCountMax ? matrixCdf(statistic, count) : pelzGoodCdf(statistic, count);
  return Math.min(1, Math.max(0, 1 - below));
}

function oneSidedTail(statistic: number, count: number): number {
  let sum = 0;
  let logChoose = 0;
  for (let j = 0; j <= Math.floor(count * (1 - statistic)); j++) {
    const up = statistic + j / count;
    const down = 1 - up;
    const log = logChoose + (j - 1) * Math.log(up) + (down > 0 ? (count - j) * Math.log(down) : 0);
    if (down > 0 || j === count) sum += Math.exp(log);
    logChoose += Math.log((count - j) / (j + 1));
  }
  return Math.min(1, statistic * sum);
}

function matrixCdf(statistic: number, count: number): number {
  const k = Math.floor(count * statistic) + 1;
  const size = 2 * k - 1;
  const h = k - count * statistic;
  let matrix = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) matrix[i * size + j] = i - j + 1 < 0 ? 0 : 1;
  }
  for (let i = 0; i < size; i++) {
    matrix[i * size] = (matrix[i * size] as number) - h ** (i + 1);
    const last = (size - 1) * size + i;
    matrix[last] = (matrix[last] as number) - h ** (size - i);
  }
  const corner = (size - 1) * size;
  matrix[corner] = (matrix[corner] as number) + (2 * h - 1 > 0 ? (2 * h - 1) ** size : 0);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      let value = matrix[i * size + j] as number;
      for (let divisor = 1; divisor <= i - j + 1; divisor++) value /= divisor;
      matrix[i * size + j] = value;
    }
  }
  let power = identity(size);
  let powerExponent = 0;
  let squareExponent = 0;
  const middle = (k - 1) * size + (k - 1);
  for (let rest = count; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) {
      power = multiply(power, matrix, size);
      powerExponent += squareExponent;
      if ((power[middle] as number) > 1e140) {
        power = power.map((value) => value * 1e-140);
        powerExponent += 140;
      }
    }
    matrix = multiply(matrix, matrix, size);
    squareExponent *= 2;
    if ((matrix[middle] as number) > 1e140) {
      matrix = matrix.map((value) => value * 1e-140);
      squareExponent += 140;
    }
  }
  let result = power[middle] as number;
  for (let i = 1; i <= count; i++) {
    result = (result * i) / count;
    if (result < 1e-140) {
      result *= 1e140;
      powerExponent -= 140;
    }
  }
  return result * 10 ** powerExponent;
}

function identity(size: number): Float64Array<ArrayBuffer> {
  const matrix = new Float64Array(size * size);
  for (let i = 0; i < size; i++) matrix[i * size + i] = 1;
  return matrix;
}

function multiply(a: Float64Array, b: Float64Array, size: number): Float64Array<ArrayBuffer> {
  const product = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < size; k++) {
      const factor = a[i * size + k] as number;
      if (factor === 0) continue;
      for (let j = 0; j < size; j++) {
        product[i * size + j] =
          (product[i * size + j] as number) + factor * (b[k * size + j] as number);
      }
    }
  }
  return product;
}

/** Terms of a series that falls like `exp(-k²)`. */
const seriesTerms = 20;

function pelzGoodCdf(statistic: number, count: number): number {
  const z = statistic * Math.sqrt(count);
  const z2 = z * z;
  const z4 = z2 * z2;
  const z6 = z4 * z2;
  const pi2 = Math.PI ** 2;
  const root = Math.sqrt(2 * Math.PI);
  let k0 = 0;
  let k1 = 0;
  let k2 = 0;
  let k2b = 0;
  let k3 = 0;
  let k3b = 0;
  for (let k = 0; k < seriesTerms; k++) {
    const odd = (k + 0.5) ** 2;
    const weight = Math.exp((-pi2 * odd) / (2 * z2));
    k0 += weight;
    k1 += (pi2 * odd - z2) * weight;
    k2 +=
      (6 * z6 + 2 * z4 + pi2 * (2 * z4 - 5 * z2) * odd + pi2 ** 2 * (1 - 2 * z2) * odd ** 2) *
      weight;
    k3 +=
      (-30 * z6 -
        90 * z4 * z4 +
        pi2 * (135 * z4 - 96 * z6) * odd +
        pi2 ** 2 * (212 * z4 - 60 * z2) * odd ** 2 +
        pi2 ** 3 * (5 - 30 * z2) * odd ** 3) *
      weight;
    const whole = (k + 1) ** 2;
    const wholeWeight = Math.exp((-pi2 * whole) / (2 * z2));
    k2b += whole * wholeWeight;
    k3b += (3 * pi2 * whole * z2 - pi2 ** 2 * whole ** 2) * wholeWeight;
  }
  const first = (root / z) * k0;
  const second = ((root / (6 * z4)) * 2 * k1) / 2;
  const third = (root / (72 * z6 * z)) * k2 - ((root * pi2) / (36 * z2 * z)) * k2b;
  const fourth = (root / (6480 * z6 * z4)) * k3 + (root / (108 * z6)) * k3b;
  return first + second / Math.sqrt(count) + third / count + fourth / (count * Math.sqrt(count));
}
