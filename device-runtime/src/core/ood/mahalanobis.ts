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
 * Solves one triangular system for the sample and compares the result with the class means solved beforehand, so that a
 * further class costs `dimension` multiplications and not another system. All is taken relative to the centre of the class means, because
 * the difference of two large whitened vectors would lose digits.
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

  const factor = Float64Array.from(profile.factor);
  const inverseDiagonal = new Float64Array(dimension);
  for (let i = 0; i < dimension; i++) {
    inverseDiagonal[i] = 1 / (factor[packedLength(i) + i] as number);
  }
  const centre = new Float64Array(dimension);
  for (const label of rows) {
    for (let i = 0; i < dimension; i++) {
      centre[i] =
        (centre[i] as number) + (profile.means[label * dimension + i] as number) / rows.length;
    }
  }
  const whitened = new Float64Array(dimension);

  function whiten(features: ArrayLike<number>, offset: number): void {
    for (let i = 0, at = 0; i < dimension; i++, at++) {
      let rest = (features[offset + i] as number) - (centre[i] as number);
      for (let k = 0; k < i; k++, at++) {
        rest -= (factor[at] as number) * (whitened[k] as number);
      }
      whitened[i] = rest * (inverseDiagonal[i] as number);
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
