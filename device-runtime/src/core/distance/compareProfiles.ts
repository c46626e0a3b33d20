// What differs between two profiles, the feature that differs most first. It must not be an alarm.
import { accept, type Outcome, refuse } from "@attune/protocol";
import { isSameLayout, type Profile } from "../profile/profile.ts";
import { type ChiSquareResult, chiSquareTest } from "./chiSquare.ts";
import { hellinger, jensenShannon } from "./countDistance.ts";
import { type PopulationStability, populationStability } from "./populationStability.ts";
import { histogramWasserstein } from "./sampleDistance.ts";
import { type EffectSize, standardizedDifference } from "./standardizedDifference.ts";

/** How one feature differs. */
export interface FeatureDifference {
  /** Index of the feature. */
  readonly feature: number;
  /** Null where one side has no value, or the feature has one bin. */
  readonly stability: PopulationStability | null;
  /** Nats, `[0, ln 2]`. */
  readonly jensenShannon: number | null;
  /** `[0, 1]`. */
  readonly hellinger: number | null;
  /** In the feature's own unit, between the outermost edges. */
  readonly wasserstein: number | null;
  readonly effect: EffectSize;
  /** Share of windows without a usable value, second minus first. */
  readonly missingChange: number;
}

/** How two profiles differ. */
export interface ProfileDifference {
  /**
   * Most severe first: by the drift that the stability index shows beyond chance, with windows that have no usable value as a bin of their own. What
   * never varied and has another value now comes before all.
   */
  readonly features: readonly FeatureDifference[];
  /** Shares of predicted classes; null where one side has none. */
  readonly classes: ChiSquareResult | null;
}

/**
 * Compares two profiles of the same layout, such as a person's with the reference.
 *
 * - Pure, O(features · bins · √windows). A look back, for reports; what is watched as it comes is watched by `createFeatureMonitor`.
 *
 * @returns the differences, or `input.shape_mismatch` when bins or classes differ.
 */
export function compareProfiles(first: Profile, second: Profile): Outcome<ProfileDifference> {
  if (!isSameLayout(first.layout, second.layout)) {
    return refuse(
      "input.shape_mismatch",
      "profiles have other bins or classes; make both with the layout of one reference",
    );
  }
  const features = first.features.map((own, feature): FeatureDifference => {
    const other = second.features[feature] as Profile["features"][number];
    const edges = first.layout.edges[feature] as readonly number[];
    const [a, b] = [own.binCounts, other.binCounts];
    const hasBoth = own.moments.count > 0 && other.moments.count > 0 && a.length >= 2;
    return {
      feature,
      stability: hasBoth ? populationStability(a, b) : null,
      jensenShannon: hasBoth ? jensenShannon(a, b) : null,
      hellinger: hasBoth ? hellinger(a, b) : null,
      wasserstein: hasBoth ? histogramWasserstein(edges, a, b) : null,
      effect: standardizedDifference(own.moments, other.moments),
      missingChange:
        other.missingCount / Math.max(1, second.windowCount) -
        own.missingCount / Math.max(1, first.windowCount),
    };
  });
  const severities = features.map(({ feature, effect }) => {
    if (Math.abs(effect.size) === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
    const [a, b] = [first, second].map(({ features: all }) => {
      const { binCounts, missingCount } = all[feature] as Profile["features"][number];
      return [...binCounts, missingCount];
    }) as [number[], number[]];
    const isSeen = first.windowCount > 0 && second.windowCount > 0;
    return isSeen ? populationStability(a, b).severity.size : 0;
  });
  features.sort(
    (a, b) => (severities[b.feature] as number) - (severities[a.feature] as number) || 0,
  );
  const hasClasses = [first, second].every(({ classCounts }) =>
    classCounts.some((count) => count > 0),
  );
  const classes = hasClasses ? chiSquareTest(first.classCounts, second.classCounts) : null;
  return accept({ features, classes });
}
