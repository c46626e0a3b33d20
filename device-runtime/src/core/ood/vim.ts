// What a sample has outside the directions in which known samples vary, against its class scores. It must not decide which score is too
// high.
import { accept, type Outcome, refuse } from "@attune/protocol";
import { largestLogit, logSumExp } from "./energy.ts";
import { classCountMax, featureCountMax } from "./gaussianProfile.ts";
import { assertFeatures, assertLogits, type OodSamples } from "./oodSamples.ts";
import type { OodScorer } from "./oodScorer.ts";
import { resolvedDeviation } from "./resolvedDeviation.ts";
import { symmetricEigen } from "./symmetricEigen.ts";
import { unmeasured } from "./unmeasured.ts";

/** The directions in which known samples hardly vary, and what a length in them is worth in class scores. */
export interface VimProfile {
  readonly kind: "vim";
  readonly dimension: number;
  readonly classCount: number;
  /** Mean features, `(dimension,)`. */
  readonly centre: Float64Array;
  /** One over each feature's deviation, `(dimension,)`. */
  readonly scale: Float64Array;
  /** `(r, dimension)` row by row, of length 1 and square to each other. */
  readonly residual: Float64Array;
  /** `>= 0`. */
  readonly weight: number;
}

/** Settings of {@link fitVim}. */
export interface VimSettings {
  /** Directions that count as known; half of the features when left out. */
  readonly principalCount?: number | undefined;
}

/**
 * Finds the directions in which samples hardly vary.
 *
 * @param samples ones that `checkOodSamples` accepts
 * @returns `input.shape_mismatch` for settings out of range, `input.not_finite` when values are too large to square
 */
export function fitVim(samples: OodSamples, settings: VimSettings = {}): Outcome<VimProfile> {
  const { features, logits, labels, dimension, classCount } = samples;
  const count = labels.length;
  const { principalCount = Math.floor(dimension / 2) } = settings;
  if (!(Number.isInteger(principalCount) && principalCount >= 0 && principalCount < dimension)) {
    return refuse(
      "input.shape_mismatch",
      `${principalCount} principal directions of ${dimension} features; leave one or more over`,
    );
  }
  const centre = new Float64Array(dimension);
  for (let index = 0; index < features.length; index++) {
    const i = index % dimension;
    centre[i] = (centre[i] as number) + (features[index] as number) / count;
  }
  const variance = new Float64Array(dimension);
  const resolved = new Float64Array(dimension);
  for (let index = 0; index < features.length; index++) {
    const i = index % dimension;
    variance[i] =
      (variance[i] as number) + ((features[index] as number) - (centre[i] as number)) ** 2 / count;
    const least = resolvedDeviation(Math.abs(features[index] as number));
    if (least > (resolved[i] as number)) resolved[i] = least;
  }
  // A feature that never varied by more than rounding has no unit; one that wakes counts as it is.
  const scale = variance.map((value, i) => {
    const deviation = Math.sqrt(value);
    const least = resolved[i] as number;
    return 1 / (deviation > least ? deviation : Math.max(1, least));
  });
  const correlation = new Float64Array(dimension * dimension);
  const scaled = new Float64Array(dimension);
  for (let sample = 0; sample < count; sample++) {
    for (let i = 0; i < dimension; i++) {
      scaled[i] =
        ((features[sample * dimension + i] as number) - (centre[i] as number)) *
        (scale[i] as number);
    }
    for (let i = 0; i < dimension; i++) {
      const share = (scaled[i] as number) / count;
      for (let j = 0; j < dimension; j++) {
        const at = i * dimension + j;
        correlation[at] = (correlation[at] as number) + share * (scaled[j] as number);
      }
    }
  }
  if (!correlation.every(Number.isFinite)) {
    return refuse("input.not_finite", "features are too large to square; scale them down");
  }
  const { vectors } = symmetricEigen(correlation, dimension);
  const residual = vectors.slice(principalCount * dimension);
  const unweighted: VimProfile = {
    kind: "vim",
    dimension,
    classCount,
    centre,
    scale,
    residual,
    weight: 1,
  };
  const lengthOf = createResidual(unweighted);
  let lengths = 0;
  let largest = 0;
  for (let sample = 0; sample < count; sample++) {
    lengths += lengthOf(features, sample * dimension) / count;
    largest += largestLogit(logits, sample * classCount, classCount) / count;
  }
  // Samples without any residual, such as copies of one, give no exchange rate.
  const weight = lengths > 0 ? Math.max(0, largest) / lengths : 0;
  return checkVim({ ...unweighted, weight });
}

/**
 * Checks a profile from outside.
 *
 * @returns `input.shape_mismatch`, `input.not_finite`
 */
export function checkVim(profile: VimProfile): Outcome<VimProfile> {
  const { dimension, classCount, centre, scale, residual, weight } = profile;
  const rows = residual.length / dimension;
  if (
    !(Number.isInteger(dimension) && dimension >= 1 && dimension <= featureCountMax) ||
    !(Number.isInteger(classCount) && classCount >= 1 && classCount <= classCountMax) ||
    centre.length !== dimension ||
    scale.length !== dimension ||
    !(Number.isInteger(rows) && rows >= 1 && rows <= dimension)
  ) {
    return refuse(
      "input.shape_mismatch",
      `profile's ${centre.length} means, ${scale.length} scales and ${residual.length} numbers of directions do not fit ${dimension} features; fit it again`,
    );
  }
  const isFinite = [centre, scale, residual].every((values) => values.every(Number.isFinite));
  if (!isFinite || !(Number.isFinite(weight) && weight >= 0)) {
    return refuse("input.not_finite", "profile holds a number that is not finite; fit it again");
  }
  return accept(profile);
}

/**
 * Creates a scorer that sets what a sample has outside the known directions against what its class scores say.
 *
 * - Range: unbounded. Units: those of class scores. O(residual directions · dimension + classes).
 *
 * @param profile one that {@link checkVim} accepts
 * @see Wang et al. 2022, "ViM: out-of-distribution with virtual-logit matching", section 4. Deviation: the virtual score against the
 *   log-sum-exp of the others in place of its softmax, which is the same order; the origin is the mean of the features, not the point at
 *   which the head gives zero; features are taken in units of their deviations.
 */
export function createVimScorer(profile: VimProfile): OodScorer {
  const { dimension, classCount, weight } = profile;
  const lengthOf = createResidual(profile);
  return {
    dimension,
    classCount,
    score(features, featuresAt = 0, logits, logitsAt = 0) {
      assertFeatures(features, featuresAt, dimension);
      assertLogits(logits, logitsAt, classCount);
      const scores = logSumExp(logits, logitsAt, classCount, 1);
      const virtual = weight * lengthOf(features, featuresAt) - scores;
      if (Number.isFinite(virtual) || Number.isNaN(scores)) return virtual;
      return unmeasured(features, featuresAt, dimension);
    },
  };
}

function createResidual({
  dimension,
  centre,
  scale,
  residual,
}: VimProfile): (features: ArrayLike<number>, featuresAt: number) => number {
  const scaled = new Float64Array(dimension);
  return (features, featuresAt) => {
    for (let i = 0; i < dimension; i++) {
      scaled[i] =
        ((features[featuresAt + i] as number) - (centre[i] as number)) * (scale[i] as number);
    }
    let square = 0;
    for (let at = 0; at < residual.length; ) {
      let sum = 0;
      for (let i = 0; i < dimension; i++, at++) {
        sum += (residual[at] as number) * (scaled[i] as number);
      }
      square += sum * sum;
    }
    return Math.sqrt(square);
  };
}
