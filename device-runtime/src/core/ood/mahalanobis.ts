// Distance to the nearest class, as an out-of-distribution score. It must not decide which score is too high.
import { Defect } from "@attune/protocol";
import type { GaussianProfile } from "./gaussianProfile.ts";
import { assertFeatures } from "./oodSamples.ts";
import type { OodScorer } from "./oodScorer.ts";
import { unmeasured } from "./unmeasured.ts";
import { createWhitening, type Whitening } from "./whitening.ts";

/**
 * Creates a scorer that measures the Mahalanobis distance to the nearest class mean.
 *
 * - Range: `[0, ∞)`. Units: standard deviations.
 * - O(dimension² / 2 + classes · dimension).
 *
 * Whitens the sample once, by the inverse of the covariance's factor, and compares the result with the class means whitened
 * beforehand: a further class costs `dimension` multiplications only. All is taken relative to the centre of the class means, because
 * the difference of two large whitened vectors would lose digits.
 *
 * @param profile one that `checkGaussianProfile` accepts; it is read once and not kept.
 * @throws {@link Defect} `ood.profile_empty` when no class has samples.
 * @see Lee et al. 2018, "A simple unified framework for detecting out-of-distribution samples", equation 2. Deviation: the root of
 *   the distance, so that the unit is a standard deviation, and without the sign.
 */
export function createMahalanobisScorer(profile: GaussianProfile): OodScorer {
  const square = new Float64Array(1);
  const measure = createSquaredDistance(profile, square);
  return {
    dimension: profile.dimension,
    classCount: 0,
    score(features, featuresAt = 0) {
      measure(features, featuresAt);
      const root = Math.sqrt(square[0] as number);
      return Number.isNaN(root) ? unmeasured(features, featuresAt, profile.dimension) : root;
    },
  };
}

/**
 * The squared Mahalanobis distance to the nearest class, as a function of features and where they begin.
 *
 * @param square as in {@link createNearestClass}
 * @throws {@link Defect} `ood.profile_empty`
 */
export function createSquaredDistance(
  profile: GaussianProfile,
  square: Float64Array,
): (features: ArrayLike<number>, featuresAt: number) => void {
  const { dimension } = profile;
  const whitening = createWhitening(profile.factor, centreOf(profile));
  const whitened = new Float64Array(dimension);
  const measure = createNearestClass(profile, whitening, whitened, square);
  return (features, featuresAt) => {
    assertFeatures(features, featuresAt, dimension);
    whitening.apply(features, featuresAt, whitened);
    measure();
  };
}

/**
 * The squared distance of a whitened sample to the nearest class mean, as a function that writes it: a number that a long function returns
 * is made anew on the heap, one in an array is not.
 *
 * @param whitening by the profile's covariance, relative to a centre among the means
 * @param whitened read at each call
 * @param square its first place is written; NaN for what is not a number, or infinite
 * @throws {@link Defect} `ood.profile_empty`
 */
export function createNearestClass(
  profile: GaussianProfile,
  whitening: Whitening,
  whitened: Float64Array,
  square: Float64Array,
): () => void {
  const { dimension } = profile;
  const rows = rowsOf(profile);
  const whitenedMeans = new Float64Array(rows.length * dimension);
  rows.forEach((label, row) => {
    whitening.apply(profile.means, label * dimension, whitenedMeans, row * dimension);
  });
  return () => {
    let nearest = Number.POSITIVE_INFINITY;
    for (let at = 0; at < whitenedMeans.length; ) {
      let sum = 0;
      for (let i = 0; i < dimension; i++, at++) {
        const apart = (whitened[i] as number) - (whitenedMeans[at] as number);
        sum += apart * apart;
      }
      // Not Math.min alone: a NaN must come out and not be passed over.
      if (!(sum >= nearest)) nearest = sum;
    }
    square[0] = nearest;
  };
}

/** Mean of the class means. */
function centreOf(profile: GaussianProfile): Float64Array {
  const { dimension, means } = profile;
  const rows = rowsOf(profile);
  const centre = new Float64Array(dimension);
  for (const label of rows) {
    for (let i = 0; i < dimension; i++) {
      centre[i] = (centre[i] as number) + (means[label * dimension + i] as number) / rows.length;
    }
  }
  return centre;
}

/** Classes with samples. */
function rowsOf({ classCount, sampleCounts }: GaussianProfile): readonly number[] {
  const rows: number[] = [];
  for (let label = 0; label < classCount; label++) {
    if ((sampleCounts[label] as number) > 0) rows.push(label);
  }
  if (rows.length === 0) throw new Defect("ood.profile_empty", "no class has samples");
  return rows;
}
