// Gaussians of the features that a model was trained on, as a model package carries them. It must not score anything.
import { accept, type Outcome, refuse } from "@attune/protocol";

/**
 * Class-conditional Gaussians with one covariance for all classes: plain data, made once by `fitMahalanobis`, shipped in the model
 * package, read by every device.
 */
export interface GaussianProfile {
  /** Length of a feature vector. */
  readonly dimension: number;
  readonly classCount: number;
  /** How many samples each class was fitted on, `(classCount,)`. A class with none is not used. */
  readonly sampleCounts: Uint32Array;
  /** Mean features of each class, `(classCount, dimension)` row by row. */
  readonly means: Float64Array;
  /** Lower Cholesky factor of the covariance, packed row by row, `(dimension · (dimension + 1) / 2,)`; diagonal above 0. */
  readonly factor: Float64Array;
  /** How far the correlations were shrunk towards none, `(0, 1]`. */
  readonly shrinkage: number;
}

/** A feature vector above this length makes a profile of over 4 MB (`1024 · 1025 / 2 · 8` bytes) and a score of half a millisecond. */
export const featureCountMax = 1024;

/** More classes than any model of this kind tells apart. */
export const classCountMax = 4096;

/**
 * Checks a profile that came from outside, such as in a model package.
 *
 * @returns the profile, or `input.shape_mismatch`, `input.not_finite`.
 */
export function checkGaussianProfile(profile: GaussianProfile): Outcome<GaussianProfile> {
  const { dimension, classCount } = profile;
  if (!isCount(dimension, featureCountMax) || !isCount(classCount, classCountMax)) {
    return refuse(
      "input.shape_mismatch",
      `profile has ${dimension} features and ${classCount} classes, the limits are 1 to ${featureCountMax} and 1 to ${classCountMax}; fit it again`,
    );
  }
  const expected = [
    ["sampleCounts", profile.sampleCounts.length, classCount],
    ["means", profile.means.length, classCount * dimension],
    ["factor", profile.factor.length, packedLength(dimension)],
  ] as const;
  for (const [name, length, wanted] of expected) {
    if (length !== wanted) {
      return refuse(
        "input.shape_mismatch",
        `profile's ${name} has ${length} numbers, ${dimension} features and ${classCount} classes need ${wanted}; fit it again`,
      );
    }
  }
  if (!profile.sampleCounts.some((count) => count > 0)) {
    return refuse("input.shape_mismatch", "profile has no class with samples; fit it again");
  }
  if (!profile.means.every(Number.isFinite) || !profile.factor.every(Number.isFinite)) {
    return refuse("input.not_finite", "profile holds a number that is not finite; fit it again");
  }
  for (let row = 0; row < dimension; row++) {
    if (!((profile.factor[packedLength(row) + row] as number) > 0)) {
      return refuse(
        "input.not_finite",
        `profile's covariance factor is not positive at feature ${row}, so no distance can be taken; fit it again`,
      );
    }
  }
  return accept(profile);
}

/** Where row `rows` of a packed lower triangle begins: the length of the `rows` rows before it. */
export function packedLength(rows: number): number {
  return (rows * (rows + 1)) / 2;
}

function isCount(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= max;
}
