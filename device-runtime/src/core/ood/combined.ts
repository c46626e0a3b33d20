// Nearest neighbours and relative Mahalanobis together, as one out-of-distribution score. It must not decide which score is too high.
import { accept, type Outcome, refuse } from "@attune/protocol";
import type { Random } from "../../ports/random.ts";
import { checkKnn, createKnnScorer, fitKnn, type KnnProfile, type KnnSettings } from "./knn.ts";
import type { OodSamples } from "./oodSamples.ts";
import type { OodScorer } from "./oodScorer.ts";
import {
  checkRelativeMahalanobis,
  createRelativeMahalanobisScorer,
  fitRelativeMahalanobis,
  type RelativeMahalanobisProfile,
} from "./relativeMahalanobis.ts";

/** Where the scores of known samples lie. */
export interface ScoreScale {
  /** Median. */
  readonly middle: number;
  /** From there to the 95th of 100, `> 0`. */
  readonly spread: number;
}

/** Both profiles, and what a usual score of each is. */
export interface CombinedProfile {
  readonly kind: "combined";
  readonly neighbours: KnnProfile;
  readonly relative: RelativeMahalanobisProfile;
  readonly neighboursScale: ScoreScale;
  readonly relativeScale: ScoreScale;
}

/** Beside a second score fewer references do: ten of each of six classes. */
const defaults: Required<KnnSettings> = { neighbours: 5, referencesMax: 60, lengthWeight: 0.25 };

/** Samples that the scales are measured on, at most: evenly spaced ones of more. */
const scaledMax = 2000;

/**
 * Fits both scores, and how they are made one.
 *
 * @param samples ones that `checkOodSamples` accepts
 * @param random draws the neighbours
 * @returns what `fitKnn` and `fitRelativeMahalanobis` refuse
 */
export function fitCombined(
  samples: OodSamples,
  random: Random,
  settings: KnnSettings = {},
): Outcome<CombinedProfile> {
  const neighbours = fitKnn(samples, random, {
    neighbours: settings.neighbours ?? defaults.neighbours,
    referencesMax: settings.referencesMax ?? defaults.referencesMax,
    lengthWeight: settings.lengthWeight ?? defaults.lengthWeight,
  });
  if (!neighbours.ok) return neighbours;
  const relative = fitRelativeMahalanobis(samples);
  if (!relative.ok) return relative;
  return checkCombined({
    kind: "combined",
    neighbours: neighbours.value,
    relative: relative.value,
    neighboursScale: measureScale(samples, createKnnScorer(neighbours.value)),
    relativeScale: measureScale(samples, createRootScorer(relative.value)),
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
 * - Range: unbounded; about 0 for usual samples, 2 where both are at the 95th of 100. O(dimension² · 1.5 + references · dimension).
 *
 * Neighbours see what lies between classes and far out; relative Mahalanobis sees what differs from a class in a direction in which classes do not
 * differ. Where one is weak on people whom nobody has seen, the other mostly is not.
 *
 * @param profile one that {@link checkCombined} accepts
 * @see Sun et al. 2022 and Ren et al. 2021, as in `createKnnScorer` and `createRelativeMahalanobisScorer`. The sum is our own.
 */
export function createCombinedScorer(profile: CombinedProfile): OodScorer {
  const neighbours = createKnnScorer(profile.neighbours);
  const relative = createRootScorer(profile.relative);
  const { neighboursScale, relativeScale } = profile;
  return {
    dimension: neighbours.dimension,
    classCount: 0,
    score: (features, featuresAt = 0) =>
      (neighbours.score(features, featuresAt) - neighboursScale.middle) / neighboursScale.spread +
      (relative.score(features, featuresAt) - relativeScale.middle) / relativeScale.spread,
  };
}

/** Relative Mahalanobis with the root of its size: in standard deviations it has no long tail that drowns the other score. */
function createRootScorer(profile: RelativeMahalanobisProfile): OodScorer {
  const relative = createRelativeMahalanobisScorer(profile);
  return {
    ...relative,
    score(features, featuresAt = 0) {
      const squares = relative.score(features, featuresAt);
      return Math.sign(squares) * Math.sqrt(Math.abs(squares));
    },
  };
}

function measureScale({ features, labels, dimension }: OodSamples, scorer: OodScorer): ScoreScale {
  const stride = Math.ceil(labels.length / scaledMax);
  const count = Math.ceil(labels.length / stride);
  const sorted = Float64Array.from({ length: count }, (_, index) =>
    scorer.score(features, index * stride * dimension),
  ).sort();
  const middle = sorted[Math.floor(count / 2)] as number;
  const spread = (sorted[Math.floor(0.95 * (count - 1))] as number) - middle;
  // Samples that are all the same have no spread, and any unit is as good.
  return { middle, spread: spread > 0 ? spread : 1 };
}
