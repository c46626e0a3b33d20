// Distance to the nearest class relative to the distance to everything known. It must not decide which score is too high.
import { accept, type Outcome, refuse } from "@attune/protocol";
import { fitMahalanobis } from "./fitMahalanobis.ts";
import { checkGaussianProfile, type GaussianProfile } from "./gaussianProfile.ts";
import { createSquaredDistance } from "./mahalanobis.ts";
import type { OodSamples } from "./oodSamples.ts";
import type { OodScorer } from "./oodScorer.ts";
import { unmeasured } from "./unmeasured.ts";

/** Class Gaussians, and one Gaussian of all samples. */
export interface RelativeMahalanobisProfile {
  readonly kind: "relativeMahalanobis";
  readonly classes: GaussianProfile;
  readonly background: GaussianProfile;
}

/**
 * Fits class Gaussians and a background.
 *
 * @param samples ones that `checkOodSamples` accepts
 * @param shrinkage of both covariances, as in `fitMahalanobis`
 * @returns `input.not_finite` when values are too large to square, `input.shape_mismatch` for a shrinkage out of range
 */
export function fitRelativeMahalanobis(
  samples: OodSamples,
  shrinkage?: number,
): Outcome<RelativeMahalanobisProfile> {
  const { features, labels, dimension, classCount } = samples;
  const classes = fitMahalanobis(features, labels, { dimension, classCount, shrinkage });
  if (!classes.ok) return classes;
  const oneLabel = new Uint8Array(labels.length);
  const background = fitMahalanobis(features, oneLabel, { dimension, classCount: 1, shrinkage });
  if (!background.ok) return background;
  return accept({
    kind: "relativeMahalanobis",
    classes: classes.value,
    background: background.value,
  });
}

/**
 * Checks a profile from outside.
 *
 * @returns `input.shape_mismatch`, `input.not_finite`
 */
export function checkRelativeMahalanobis(
  profile: RelativeMahalanobisProfile,
): Outcome<RelativeMahalanobisProfile> {
  const classes = checkGaussianProfile(profile.classes);
  if (!classes.ok) return classes;
  const background = checkGaussianProfile(profile.background);
  if (!background.ok) return background;
  const { dimension, classCount } = profile.background;
  if (dimension !== profile.classes.dimension || classCount !== 1) {
    return refuse(
      "input.shape_mismatch",
      `the background is ${classCount} Gaussians of ${dimension} features, must be one of ${profile.classes.dimension}; fit the profile again`,
    );
  }
  return accept(profile);
}

/**
 * Creates a scorer that measures how much farther a sample is from the nearest class than from everything known taken together.
 *
 * - Range: unbounded, below 0 for typical samples. Units: squared standard deviations.
 * - O(dimension²): two whitenings.
 *
 * What is unusual for every class alike, such as a loud environment, cancels out. It also cancels where a sample lies far outside: far from
 * everything is not far from a class in particular.
 *
 * @see Ren et al. 2021, "A simple fix to Mahalanobis distance for improving near-OOD detection", section 3. Deviation: the covariances
 *   are shrunk as `fitMahalanobis` says.
 */
export function createRelativeMahalanobisScorer(profile: RelativeMahalanobisProfile): OodScorer {
  const { dimension } = profile.classes;
  const toClass = new Float64Array(1);
  const toAll = new Float64Array(1);
  const measureClass = createSquaredDistance(profile.classes, toClass);
  const measureAll = createSquaredDistance(profile.background, toAll);
  return {
    dimension,
    classCount: 0,
    score(features, featuresAt = 0) {
      measureClass(features, featuresAt);
      measureAll(features, featuresAt);
      const farther = (toClass[0] as number) - (toAll[0] as number);
      return Number.isFinite(farther) ? farther : unmeasured(features, featuresAt, dimension);
    },
  };
}
