// How far the nearest known samples are, as an out-of-distribution score. It must not decide which score is too high.
import { accept, type Outcome, refuse } from "@attune/protocol";
import { intBelow, type Random } from "../../ports/random.ts";
import { fitMahalanobis } from "./fitMahalanobis.ts";
import { featureCountMax, packedLength } from "./gaussianProfile.ts";
import { assertFeatures, type OodSamples } from "./oodSamples.ts";
import type { OodScorer } from "./oodScorer.ts";
import { createRowBlocks } from "./rowBlocks.ts";
import { unmeasured } from "./unmeasured.ts";
import { createWhitening } from "./whitening.ts";

/** Known samples as directions and lengths of whitened features. */
export interface KnnProfile {
  readonly kind: "knn";
  readonly dimension: number;
  /** The distance to the so many-th nearest is the score, `[1, 64]`. */
  readonly neighbours: number;
  /** Mean features, `(dimension,)`. */
  readonly centre: Float64Array;
  /** Lower Cholesky factor of the covariance around class means, packed row by row. */
  readonly factor: Float64Array;
  /** Whitened and of length 1, `(n, dimension)` row by row. */
  readonly references: Float32Array;
  /** Logarithms of their lengths before that, `(n,)`. */
  readonly lengths: Float32Array;
  /** What a difference of lengths counts beside one of directions, `>= 0`. */
  readonly lengthWeight: number;
}

/** Settings of {@link fitKnn}. */
export interface KnnSettings {
  /** 10 when left out; fewer when there are fewer references. */
  readonly neighbours?: number | undefined;
  /** References in all, shared evenly among the classes; 120 when left out. */
  readonly referencesMax?: number | undefined;
  /** 0.25 when left out; 0 looks at directions only. */
  readonly lengthWeight?: number | undefined;
  /** Of the covariance, as in `fitMahalanobis`. */
  readonly shrinkage?: number | undefined;
}

/** The search keeps this many at most, in a sorted array. */
const neighboursMax = 64;

/** 4,096 references of 1,024 features take 16 MB; a score that reads more is slower than most models. */
const referencesMax = 4096;

const neighboursDefault = 10;
const referencesDefault = 120;
/** People differ in length more than in direction; ten times the usual length still counts as a right angle does. */
const lengthWeightDefault = 0.25;

/** A sample at the centre has no direction, and this length in place of 0. */
const lengthMin = 1e-6;

/**
 * Keeps a bounded, class-balanced draw of the samples.
 *
 * - The same samples and random give the same profile.
 *
 * @param samples ones that `checkOodSamples` accepts
 * @param random draws which samples are kept
 * @returns `input.shape_mismatch` for settings out of range, `input.not_finite` when values are too large to square
 */
export function fitKnn(
  samples: OodSamples,
  random: Random,
  settings: KnnSettings = {},
): Outcome<KnnProfile> {
  const { features, labels, dimension, classCount } = samples;
  const {
    neighbours: wanted = neighboursDefault,
    referencesMax: limit = referencesDefault,
    lengthWeight = lengthWeightDefault,
    shrinkage,
  } = settings;
  if (
    !(Number.isInteger(wanted) && wanted >= 1 && wanted <= neighboursMax) ||
    !(Number.isInteger(limit) && limit >= 1 && limit <= referencesMax)
  ) {
    return refuse(
      "input.shape_mismatch",
      `${wanted} neighbours of ${limit} references; the limits are 1 to ${neighboursMax} and 1 to ${referencesMax}`,
    );
  }
  const gaussian = fitMahalanobis(features, labels, { dimension, classCount, shrinkage });
  if (!gaussian.ok) return gaussian;
  const { factor } = gaussian.value;
  const centre = new Float64Array(dimension);
  for (let index = 0; index < features.length; index++) {
    const i = index % dimension;
    centre[i] = (centre[i] as number) + (features[index] as number) / labels.length;
  }
  const kept = drawBalanced(labels, classCount, limit, random);
  const whitening = createWhitening(factor, centre);
  const direction = new Float64Array(dimension);
  const references = new Float32Array(kept.length * dimension);
  const lengths = new Float32Array(kept.length);
  kept.forEach((sample, row) => {
    whitening.apply(features, sample * dimension, direction);
    lengths[row] = toSphere(direction);
    references.set(direction, row * dimension);
  });
  return checkKnn({
    kind: "knn",
    dimension,
    neighbours: Math.min(wanted, kept.length),
    centre,
    factor,
    references,
    lengths,
    lengthWeight,
  });
}

/**
 * Checks a profile from outside.
 *
 * @returns `input.shape_mismatch`, `input.not_finite`
 */
export function checkKnn(profile: KnnProfile): Outcome<KnnProfile> {
  const { dimension, neighbours, centre, factor, references, lengths, lengthWeight } = profile;
  const count = references.length / dimension;
  if (
    !(Number.isInteger(dimension) && dimension >= 1 && dimension <= featureCountMax) ||
    centre.length !== dimension ||
    factor.length !== packedLength(dimension) ||
    !(Number.isInteger(count) && count >= 1 && count <= referencesMax) ||
    !(Number.isInteger(neighbours) && neighbours >= 1 && neighbours <= neighboursMax) ||
    neighbours > count ||
    lengths.length !== count
  ) {
    return refuse(
      "input.shape_mismatch",
      `profile has ${dimension} features, ${references.length} numbers of references and ${neighbours} neighbours that do not fit each other; fit it again`,
    );
  }
  const areFinite = [centre, factor, references, lengths].every((values) =>
    values.every(Number.isFinite),
  );
  if (!areFinite || !(Number.isFinite(lengthWeight) && lengthWeight >= 0)) {
    return refuse("input.not_finite", "profile holds a number that is not finite; fit it again");
  }
  for (let row = 0; row < dimension; row++) {
    if (!((factor[packedLength(row) + row] as number) > 0)) {
      return refuse(
        "input.not_finite",
        `profile's covariance factor is not positive at feature ${row}; fit it again`,
      );
    }
  }
  return accept(profile);
}

/**
 * Creates a scorer that measures the distance to the k-th nearest known sample, mostly by direction.
 *
 * - Range: `[0, ∞)`: 0 the same as known samples; the root of 2 nothing in common at the usual length.
 * - O(dimension² / 2 + references · dimension).
 *
 * Directions from the centre, in units of the spread within a class: how far a sample lies out differs from person to person, where it lies
 * differs from activity to activity. Lengths count by their logarithms and less, so that a sensor that is far off does not hide in a usual
 * direction.
 *
 * @param profile one that {@link checkKnn} accepts
 * @see Sun et al. 2022, "Out-of-distribution detection with deep nearest neighbors", section 3. Deviation: features are whitened by
 *   the covariance within classes before they are normalised, lengths are not forgotten, and references are a bounded draw with equal shares of
 *   the classes. With `lengthWeight` 0 it is the distance of the paper in whitened space.
 */
export function createKnnScorer(profile: KnnProfile): OodScorer {
  const { dimension } = profile;
  const whitening = createWhitening(profile.factor, profile.centre);
  const whitened = new Float64Array(dimension);
  const distance = new Float64Array(1);
  const measure = createNeighbourDistance(profile, whitened, distance);
  return {
    dimension,
    classCount: 0,
    score(features, featuresAt = 0) {
      assertFeatures(features, featuresAt, dimension);
      whitening.apply(features, featuresAt, whitened);
      measure();
      const found = distance[0] as number;
      return Number.isNaN(found) ? unmeasured(features, featuresAt, dimension) : found;
    },
  };
}

/**
 * The distance of a whitened sample to its k-th nearest reference, as a function that writes it: a number that a long function returns is
 * made anew on the heap, one in an array is not.
 *
 * @param whitened read at each call, relative to the profile's centre
 * @param distance its first place is written; NaN for what is not finite
 */
export function createNeighbourDistance(
  profile: KnnProfile,
  whitened: Float64Array,
  distance: Float64Array,
): () => void {
  const { dimension, neighbours, lengthWeight } = profile;
  const references = createRowBlocks(
    profile.lengths.length,
    () => dimension,
    (row, column) => profile.references[row * dimension + column] as number,
  );
  const cosines = new Float64Array(references.paddedCount);
  const lengths = Float64Array.from(profile.lengths);
  const direction = new Float64Array(dimension);
  // Least squared distances so far, rising.
  const nearest = new Float64Array(neighbours);
  return () => {
    direction.set(whitened);
    const length = toSphere(direction);
    if (Number.isNaN(length)) {
      distance[0] = Number.NaN;
      return;
    }
    nearest.fill(Number.POSITIVE_INFINITY);
    references.multiply(direction, cosines);
    for (let row = 0; row < lengths.length; row++) {
      const apart = length - (lengths[row] as number);
      const turned = 2 - 2 * (cosines[row] as number);
      insert(nearest, turned + lengthWeight * apart * apart);
    }
    distance[0] = Math.sqrt(Math.max(0, nearest[neighbours - 1] as number));
  };
}

/** Puts a value into a rising array; the last one drops out. */
function insert(nearest: Float64Array, value: number): void {
  let place = nearest.length - 1;
  if (!(value < (nearest[place] as number))) return;
  for (; place > 0 && value < (nearest[place - 1] as number); place--) {
    nearest[place] = nearest[place - 1] as number;
  }
  nearest[place] = value;
}

/**
 * Normalises a whitened vector in place, and gives the logarithm of its length; NaN for what is not finite. The centre itself has no
 * direction: all zeros, at a right angle to everything.
 */
function toSphere(vector: Float64Array): number {
  let largest = 0;
  for (let i = 0; i < vector.length; i++) {
    const size = Math.abs(vector[i] as number);
    if (!(size < Number.POSITIVE_INFINITY)) return Number.NaN;
    if (size > largest) largest = size;
  }
  if (largest === 0) return Math.log(lengthMin);
  // Scaled first: the square of a number above 1e154 is infinite.
  let square = 0;
  for (let i = 0; i < vector.length; i++) {
    const part = (vector[i] as number) / largest;
    vector[i] = part;
    square += part * part;
  }
  const length = Math.sqrt(square);
  for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] as number) / length;
  return Math.log(Math.max(lengthMin, largest * length));
}

/** Sample numbers, as many of each class as its even share of `limit`, or all that it has. */
function drawBalanced(
  labels: ArrayLike<number>,
  classCount: number,
  limit: number,
  random: Random,
): number[] {
  const byClass: number[][] = Array.from({ length: classCount }, () => []);
  for (let sample = 0; sample < labels.length; sample++) {
    byClass[labels[sample] as number]?.push(sample);
  }
  let left = limit;
  // Small classes first: what they leave goes to the larger ones.
  const present = byClass
    .filter((samples) => samples.length > 0)
    .sort((a, b) => a.length - b.length);
  return present.flatMap((samples, index) => {
    const share = Math.min(samples.length, Math.floor(left / (present.length - index)));
    left -= share;
    for (let place = 0; place < share; place++) {
      const other = place + intBelow(random, samples.length - place);
      const moved = samples[place] as number;
      samples[place] = samples[other] as number;
      samples[other] = moved;
    }
    return samples.slice(0, share);
  });
}
