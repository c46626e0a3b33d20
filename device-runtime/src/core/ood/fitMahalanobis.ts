// Fits class Gaussians with one covariance. It runs where a package is made, not on a device's hot path.
import { type Outcome, refuse } from "@attune/protocol";
import type { GaussianProfile } from "./gaussianProfile.ts";
import {
  checkGaussianProfile,
  classCountMax,
  featureCountMax,
  packedLength,
} from "./gaussianProfile.ts";
import { resolvedDeviation } from "./resolvedDeviation.ts";

/** How {@link fitMahalanobis} reads its samples. */
export interface MahalanobisFit {
  /** Length of a feature vector. */
  readonly dimension: number;
  readonly classCount: number;
  /** Shrinkage of the correlations towards none, `[1e-9, 1]`; estimated from the samples when left out. */
  readonly shrinkage?: number | undefined;
}

/** Below it two features that copy each other leave no positive definite covariance in double precision. */
const shrinkageMin = 1e-9;

/**
 * Fits one Gaussian a class with a covariance that all classes share.
 *
 * - Shape: `features` is `(n, dimension)` row by row, `labels` `(n,)` in `[0, classCount)`; `n >= 2`.
 * - Pure, O(n · dimension²).
 *
 * The covariance is that of the samples around their class means, divided by `n`. It is shrunk in units of each feature's own
 * deviation: correlations towards none, deviations not at all, so that the units of a feature do not matter. A feature that never
 * varies by more than rounding does (`resolvedDeviation`) counts as if it varied like the average other one, and alone; otherwise the
 * first change of a dead unit would drown everything.
 *
 * @returns the profile, or `input.shape_mismatch`, `input.not_finite`.
 * @see Lee et al. 2018, "A simple unified framework for detecting out-of-distribution samples", section 2.1; shrinkage by Chen,
 *   Wiesel, Eldar and Hero 2010, "Shrinkage algorithms for MMSE covariance estimation", equation 23 (OAS). Deviation: applied to
 *   the correlation matrix.
 */
export function fitMahalanobis(
  features: ArrayLike<number>,
  labels: ArrayLike<number>,
  fit: MahalanobisFit,
): Outcome<GaussianProfile> {
  const { dimension, classCount } = fit;
  const sampleCount = labels.length;
  if (
    !(dimension >= 1 && dimension <= featureCountMax) ||
    !(classCount >= 1 && classCount <= classCountMax) ||
    sampleCount < 2 ||
    features.length !== sampleCount * dimension
  ) {
    return refuse(
      "input.shape_mismatch",
      `${features.length} features and ${sampleCount} labels for ${dimension} features a sample and ${classCount} classes; pass two samples or more, one label each, at most ${featureCountMax} features and ${classCountMax} classes`,
    );
  }
  if (fit.shrinkage !== undefined && !(fit.shrinkage >= shrinkageMin && fit.shrinkage <= 1)) {
    return refuse(
      "input.shape_mismatch",
      `shrinkage is ${fit.shrinkage}, it must be ${shrinkageMin} to 1, or left out to be estimated`,
    );
  }
  for (let index = 0; index < features.length; index++) {
    if (!Number.isFinite(features[index])) {
      return refuse(
        "input.not_finite",
        `feature ${index % dimension} of sample ${Math.floor(index / dimension)} is ${features[index]}; leave out samples that are not finite`,
      );
    }
  }

  const sampleCounts = new Uint32Array(classCount);
  const means = new Float64Array(classCount * dimension);
  for (let sample = 0; sample < sampleCount; sample++) {
    const label = labels[sample] as number;
    if (!(Number.isInteger(label) && label >= 0 && label < classCount)) {
      return refuse(
        "input.shape_mismatch",
        `label of sample ${sample} is ${label}, it must be 0 to ${classCount - 1}`,
      );
    }
    sampleCounts[label] = (sampleCounts[label] as number) + 1;
    for (let i = 0; i < dimension; i++) {
      const at = label * dimension + i;
      means[at] = (means[at] as number) + (features[sample * dimension + i] as number);
    }
  }
  for (let at = 0; at < means.length; at++) {
    const count = sampleCounts[Math.floor(at / dimension)] as number;
    if (count > 0) means[at] = (means[at] as number) / count;
  }

  const covariance = new Float64Array(packedLength(dimension));
  const centred = new Float64Array(dimension);
  for (let sample = 0; sample < sampleCount; sample++) {
    const label = labels[sample] as number;
    for (let i = 0; i < dimension; i++) {
      centred[i] =
        (features[sample * dimension + i] as number) - (means[label * dimension + i] as number);
    }
    for (let i = 0, at = 0; i < dimension; i++) {
      const centredI = (centred[i] as number) / sampleCount;
      for (let j = 0; j <= i; j++, at++) {
        covariance[at] = (covariance[at] as number) + centredI * (centred[j] as number);
      }
    }
  }

  const resolved = new Float64Array(dimension);
  for (let index = 0; index < features.length; index++) {
    const i = index % dimension;
    const least = resolvedDeviation(Math.abs(features[index] as number));
    if (least > (resolved[i] as number)) resolved[i] = least;
  }
  const isVarying = Array.from(resolved, (least, i) => deviationOf(covariance, i) > least);
  const deviations = deviationsOf(covariance, isVarying, resolved);
  const correlation = covariance;
  for (let i = 0, at = 0; i < dimension; i++) {
    for (let j = 0; j < i; j++, at++) {
      // What rounding is correlated with says nothing.
      const together = isVarying[i] && isVarying[j] ? (correlation[at] as number) : 0;
      correlation[at] = together / ((deviations[i] as number) * (deviations[j] as number));
    }
    correlation[at++] = 1;
  }
  const classesSeen = sampleCounts.reduce((count, samples) => count + (samples > 0 ? 1 : 0), 0);
  const shrinkage =
    fit.shrinkage ?? estimateShrinkage(correlation, dimension, sampleCount - classesSeen);
  for (let i = 0, at = 0; i < dimension; i++, at++) {
    for (let j = 0; j < i; j++, at++) {
      correlation[at] = (correlation[at] as number) * (1 - shrinkage);
    }
  }
  const factor = factorize(correlation, dimension);
  for (let i = 0, at = 0; i < dimension; i++) {
    for (let j = 0; j <= i; j++, at++) {
      factor[at] = (factor[at] as number) * (deviations[i] as number);
    }
  }
  return checkGaussianProfile({ dimension, classCount, sampleCounts, means, factor, shrinkage });
}

function deviationOf(covariance: Float64Array, feature: number): number {
  return Math.sqrt(covariance[packedLength(feature) + feature] as number);
}

/** Square roots of the diagonal; a feature that never varies gets the average deviation of those that do, at least its own steps. */
function deviationsOf(
  covariance: Float64Array,
  isVarying: readonly boolean[],
  resolved: Float64Array,
): Float64Array {
  let sum = 0;
  let varyingCount = 0;
  isVarying.forEach((isOne, i) => {
    if (!isOne) return;
    sum += deviationOf(covariance, i);
    varyingCount++;
  });
  const typical = varyingCount > 0 ? sum / varyingCount : 1;
  return resolved.map((least, i) =>
    isVarying[i] ? deviationOf(covariance, i) : Math.max(typical, least),
  );
}

/** Oracle approximating shrinkage of a correlation matrix estimated with so many degrees of freedom. */
function estimateShrinkage(correlation: Float64Array, dimension: number, freedom: number): number {
  if (dimension === 1) return 1;
  // Trace of the square; the trace itself is the dimension.
  let squares = dimension;
  for (let i = 0, at = 0; i < dimension; i++, at++) {
    for (let j = 0; j < i; j++, at++) squares += 2 * (correlation[at] as number) ** 2;
  }
  const numerator = (1 - 2 / dimension) * squares + dimension * dimension;
  const denominator = (Math.max(1, freedom) + 1 - 2 / dimension) * (squares - dimension);
  return denominator > 0 ? Math.max(shrinkageMin, Math.min(1, numerator / denominator)) : 1;
}

/** Cholesky factor of a packed, positive definite matrix. */
function factorize(matrix: Float64Array, dimension: number): Float64Array {
  const factor = Float64Array.from(matrix);
  for (let i = 0; i < dimension; i++) {
    const row = packedLength(i);
    for (let j = 0; j <= i; j++) {
      const other = packedLength(j);
      let rest = factor[row + j] as number;
      for (let k = 0; k < j; k++) {
        rest -= (factor[row + k] as number) * (factor[other + k] as number);
      }
      factor[row + j] = i === j ? Math.sqrt(rest) : rest / (factor[other + j] as number);
    }
  }
  return factor;
}
