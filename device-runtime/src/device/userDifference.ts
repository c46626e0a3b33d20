// How one person's windows differ from those that the model was measured on, in names. It must not be an alarm, nor keep anything.
import { unwrap } from "@attune/protocol";
import { compareProfiles, type FeatureDifference } from "../core/distance/compareProfiles.ts";
import { profileOf } from "../core/profile/profile.ts";
import { watchedLayout, watchedNames } from "../package/watchedLayout.ts";
import type { NamedDifference, UserDifference } from "./device.ts";
import type { ProfilePair } from "./userChecks.ts";

/** Compares a person with the reference; null before the first window. */
export function userDifference({
  preprocessing,
  reference,
  own: counts,
}: ProfilePair): UserDifference | null {
  const layout = watchedLayout(preprocessing);
  if (layout === null || counts.windowCount === 0) return null;
  const own = profileOf(reference.layout, counts);
  const names = watchedNames(layout, preprocessing);
  const shareOf = ({ classCounts }: typeof own, label: number): number =>
    (classCounts[label] as number) / Math.max(1, sumOf(classCounts));
  const named = ({ feature, ...difference }: FeatureDifference): NamedDifference => ({
    ...(names[feature] as (typeof names)[number]),
    ...difference,
  });
  return {
    windows: own.windowCount,
    referenceWindows: reference.windowCount,
    features: unwrap(compareProfiles(reference, own)).features.map(named),
    labels: preprocessing.labels
      .map((label, index) => ({
        label,
        share: shareOf(own, index),
        referenceShare: shareOf(reference, index),
      }))
      .sort((a, b) => moved(b) - moved(a)),
  };
}

function moved({ share, referenceShare }: UserDifference["labels"][number]): number {
  return Math.abs(share - referenceShare);
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
