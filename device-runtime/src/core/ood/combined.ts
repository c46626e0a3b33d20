// Nearest neighbours and relative Mahalanobis together, as one out-of-distribution score. It must not decide which score is too high.
import { accept, type Outcome, refuse } from "@attune/protocol";
import type { Random } from "../../ports/random.ts";
import {
  checkKnn,
  createNeighbourDistance,
  fitKnn,
  type KnnProfile,
  type KnnSettings,
} from "./knn.ts";
import { createNearestClass, createSquaredDistance } from "./mahalanobis.ts";
import { assertFeatures, type OodSamples } from "./oodSamples.ts";
import type { OodScorer } from "./oodScorer.ts";
import {
  checkRelativeMahalanobis,
  fitRelativeMahalanobis,
  type RelativeMahalanobisProfile,
} from "./relativeMahalanobis.ts";
import { unmeasured } from "./unmeasured.ts";
import { createWhitening } from "./whitening.ts";

/** Where the scores of known samples lie. */
export interface ScoreScale {
  /** Median. */
  readonly middle: number;
  /** From there to the 95th of 100, `> 0`. */
  readonly spread: number;
}

/** Both profiles, by one covariance within classes, and what a usual score of each is. */
export interface CombinedProfile {
  readonly kind: "combined";
  readonly neighbours: KnnProfile;
  readonly relative: RelativeMahalanobisProfile;
  readonly neighboursScale: ScoreScale;
  readonly relativeScale: ScoreScale;
}

/** Settings of {@link fitCombined}. */
export interface CombinedSettings extends KnnSettings {
  /** What relative Mahalanobis counts beside neighbours, `> 0`; 1 when left out. */
  readonly relativeWeight?: number | undefined;
}

/** Beside a second score fewer references do: ten of each of six classes. */
const defaults = { neighbours: 5, referencesMax: 60, lengthWeight: 0.25, relativeWeight: 1 };

/** Samples that the scales are measured on, at most: evenly spaced ones of more. */
const scaledMax = 2000;

/**
 * Fits both scores, and how they are made one.
 *
 * @param samples ones that `checkOodSamples` accepts
 * @param random draws the neighbours
 * @returns what `fitKnn` and `fitRelativeMahalanobis` refuse, `input.shape_mismatch` for a weight out of range
 */
export function fitCombined(
  samples: OodSamples,
  random: Random,
  settings: CombinedSettings = {},
): Outcome<CombinedProfile> {
  const { relativeWeight = defaults.relativeWeight, shrinkage } = settings;
  if (!(relativeWeight > 0 && relativeWeight < Number.POSITIVE_INFINITY)) {
    return refuse(
      "input.shape_mismatch",
      `relative Mahalanobis counts ${relativeWeight}, it must be above 0 and finite; name knn to leave it out`,
    );
  }
  const neighbours = fitKnn(samples, random, {
    neighbours: settings.neighbours ?? defaults.neighbours,
    referencesMax: settings.referencesMax ?? defaults.referencesMax,
    lengthWeight: settings.lengthWeight ?? defaults.lengthWeight,
    shrinkage,
  });
  if (!neighbours.ok) return neighbours;
  const relative = fitRelativeMahalanobis(samples, shrinkage);
  if (!relative.ok) return relative;
  const both = createBoth(neighbours.value, relative.value);
  const relativeScale = measureScale(samples, both.measure, both.root);
  return checkCombined({
    kind: "combined",
    neighbours: neighbours.value,
    relative: relative.value,
    neighboursScale: measureScale(samples, both.measure, both.distance),
    // A weight is a unit: what counts half has a spread that is twice as wide.
    relativeScale: { ...relativeScale, spread: relativeScale.spread / relativeWeight },
  });
}

/**
 * Checks a profile from outside.
 *
 * @returns `input.shape_mismatch`, `input.not_finite`
 */
export function checkCombined(profile: CombinedProfile): Outcome<CombinedProfile> {
  const neighbours = checkKnn(profile.neighbours);
  if (!neighbours.ok) return neighbours;
  const relative = checkRelativeMahalanobis(profile.relative);
  if (!relative.ok) return relative;
  if (profile.neighbours.dimension !== profile.relative.classes.dimension) {
    return refuse(
      "input.shape_mismatch",
      `one half of the profile has ${profile.neighbours.dimension} features, the other ${profile.relative.classes.dimension}; fit it again`,
    );
  }
  const { factor } = profile.relative.classes;
  if (!profile.neighbours.factor.every((value, at) => value === factor[at])) {
    return refuse(
      "input.shape_mismatch",
      "the halves of the profile have not the same covariance within classes; fit it again",
    );
  }
  for (const { middle, spread } of [profile.neighboursScale, profile.relativeScale]) {
    if (!(Number.isFinite(middle) && Number.isFinite(spread) && spread > 0)) {
      return refuse(
        "input.not_finite",
        `a scale lies at ${middle} with a spread of ${spread}; finite, the spread above 0`,
      );
    }
  }
  return accept(profile);
}

/**
 * Creates a scorer that adds both scores, each in units of how it spreads over known samples.
 *
 * - Range: unbounded; about 0 for usual samples, 2 where both are at the 95th of 100 and count alike. O(dimension² + (references + classes) · dimension).
 *
 * Neighbours see what lies between classes and far out; relative Mahalanobis sees what differs from a class in a direction in which classes do not
 * differ. Where one is weak on people whom nobody has seen, the other mostly is not.
 *
 * @param profile one that {@link checkCombined} accepts
 * @see Sun et al. 2022 and Ren et al. 2021, as in `createKnnScorer` and `createRelativeMahalanobisScorer`. The sum is our own.
 */
export function createCombinedScorer(profile: CombinedProfile): OodScorer {
  const { neighbours, relative, neighboursScale, relativeScale } = profile;
  const { dimension } = neighbours;
  const { distance, root, measure } = createBoth(neighbours, relative);
  // In an array for the same reason as both parts.
  const found = new Float64Array(1);

  function addBoth(features: ArrayLike<number>, featuresAt: number): void {
    const sum =
      ((distance[0] as number) - neighboursScale.middle) / neighboursScale.spread +
      ((root[0] as number) - relativeScale.middle) / relativeScale.spread;
    found[0] = Number.isFinite(sum) ? sum : unmeasured(features, featuresAt, dimension);
  }

  return {
    dimension,
    classCount: 0,
    score(features, featuresAt = 0) {
      measure(features, featuresAt);
      addBoth(features, featuresAt);
      return found[0] as number;
    },
  };
}

/** Both scores of a sample, each in the first place of an array: a number that a long function returns is made anew on the heap. */
interface Both {
  readonly distance: Float64Array;
  /** Relative Mahalanobis with the root of its size: in standard deviations it has no long tail that drowns the other score. */
  readonly root: Float64Array;
  measure(features: ArrayLike<number>, featuresAt: number): void;
}

/** Whitens once for neighbours and classes, whose covariance is the same, and once for the background. */
function createBoth(neighbours: KnnProfile, relative: RelativeMahalanobisProfile): Both {
  const { dimension } = neighbours;
  const whitening = createWhitening(neighbours.factor, neighbours.centre);
  const whitened = new Float64Array(dimension);
  const distance = new Float64Array(1);
  const toClass = new Float64Array(1);
  const toAll = new Float64Array(1);
  const root = new Float64Array(1);
  const measureNeighbours = createNeighbourDistance(neighbours, whitened, distance);
  const measureClass = createNearestClass(relative.classes, whitening, whitened, toClass);
  const measureAll = createSquaredDistance(relative.background, toAll);
  return {
    distance,
    root,
    measure(features, featuresAt) {
      assertFeatures(features, featuresAt, dimension);
      whitening.apply(features, featuresAt, whitened);
      measureNeighbours();
      measureClass();
      measureAll(features, featuresAt);
      const squares = (toClass[0] as number) - (toAll[0] as number);
      root[0] = Math.sign(squares) * Math.sqrt(Math.abs(squares));
    },
  };
}

function measureScale(
  { features, labels, dimension }: OodSamples,
  measure: Both["measure"],
  found: Float64Array,
): ScoreScale {
  const stride = Math.ceil(labels.length / scaledMax);
  const count = Math.ceil(labels.length / stride);
  const sorted = Float64Array.from({ length: count }, (_, index) => {
    measure(features, index * stride * dimension);
    return found[0] as number;
  }).sort();
  const middle = sorted[Math.floor(count / 2)] as number;
  const spread = (sorted[Math.floor(0.95 * (count - 1))] as number) - middle;
  // Samples that are all the same have no spread, and any unit is as good.
  return { middle, spread: spread > 0 ? spread : 1 };
}
