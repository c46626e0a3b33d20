// The out-of-distribution score of one feature vector. It must not decide which score is too high.
import { Defect } from "@attune/protocol";
import { type OodProfile, packedLength } from "./oodProfile.ts";

/** Scores feature vectors against a profile. One owner: it works in its own buffer. */
export interface OodScorer {
  readonly dimension: number;
  /**
   * The distance of `features` to the nearest class.
   *
   * - Shape: `(dimension,)`, or a longer array in which the vector begins at `offset`.
   * - Range: `[0, ∞)`, **higher means more out-of-distribution**; NaN when a feature is. Units: standard deviations.
   * - O(dimension² / 2 + classes · dimension), allocates nothing.
   *
   * @throws {@link Defect} `ood.features_too_short`.
   */
  score(features: ArrayLike<number>, offset?: number): number;
}

/**
 * Creates a scorer that measures the Mahalanobis distance to the nearest class mean.
 *
 * Whitens the sample once, by the inverse of the covariance's factor, and compares the result with the class means whitened
 * beforehand: a further class costs `dimension` multiplications only. The inverse in place of solving the triangular system
 * lets each sum run without waiting for the one before. All is taken relative to the centre of the class means, because the
 * difference of two large whitened vectors would lose digits.
 *
 * @param profile one that `checkOodProfile` accepts; it is read once and not kept.
 * @throws {@link Defect} `ood.profile_empty` when no class has samples.
 * @see Lee et al. 2018, "A simple unified framework for detecting out-of-distribution samples", equation 2. Deviation: the root of
 *   the distance, so that the unit is a standard deviation, and without the sign.
 */
export function createMahalanobisScorer(profile: OodProfile): OodScorer {
  const { dimension, classCount } = profile;
  const rows: number[] = [];
  for (let label = 0; label < classCount; label++) {
    if ((profile.sampleCounts[label] as number) > 0) rows.push(label);
  }
  if (rows.length === 0) throw new Defect("ood.profile_empty", "no class has samples");

  const inverse = invertTriangle(profile.factor, dimension);
  const centre = new Float64Array(dimension);
  for (const label of rows) {
    for (let i = 0; i < dimension; i++) {
      centre[i] =
        (centre[i] as number) + (profile.means[label * dimension + i] as number) / rows.length;
    }
  }
  const centred = new Float64Array(dimension);
  const whitened = new Float64Array(dimension);

  function whiten(features: ArrayLike<number>, offset: number): void {
    for (let i = 0; i < dimension; i++) {
      centred[i] = (features[offset + i] as number) - (centre[i] as number);
    }
    for (let i = 0, at = 0; i < dimension; i++) {
      let sum = 0;
      for (let k = 0; k <= i; k++, at++) sum += (inverse[at] as number) * (centred[k] as number);
      whitened[i] = sum;
    }
  }

  const whitenedMeans = new Float64Array(rows.length * dimension);
  rows.forEach((label, row) => {
    whiten(profile.means, label * dimension);
    whitenedMeans.set(whitened, row * dimension);
  });

  return {
    dimension,
    score(features, offset = 0) {
      if (features.length < offset + dimension) {
        throw new Defect(
          "ood.features_too_short",
          `${features.length} features from ${offset} on, the profile has ${dimension}`,
        );
      }
      whiten(features, offset);
      let nearest = Number.POSITIVE_INFINITY;
      for (let at = 0; at < whitenedMeans.length; ) {
        let square = 0;
        for (let i = 0; i < dimension; i++, at++) {
          const apart = (whitened[i] as number) - (whitenedMeans[at] as number);
          square += apart * apart;
        }
        // Not Math.min alone: a NaN must come out and not be passed over.
        if (!(square >= nearest)) nearest = square;
      }
      return Math.sqrt(nearest);
    },
  };
}

/** The inverse of a packed lower triangle, packed alike. */
function invertTriangle(triangle: Float64Array, dimension: number): Float64Array {
  const inverse = new Float64Array(triangle.length);
  for (let j = 0; j < dimension; j++) {
    inverse[packedLength(j) + j] = 1 / (triangle[packedLength(j) + j] as number);
    for (let i = j + 1; i < dimension; i++) {
      const row = packedLength(i);
      let sum = 0;
      for (let k = j; k < i; k++) {
        sum += (triangle[row + k] as number) * (inverse[packedLength(k) + j] as number);
      }
      inverse[row + j] = -sum / (triangle[row + i] as number);
    }
  }
  return inverse;
}
