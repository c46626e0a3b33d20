// What people's windows look like to a device, as counts: the profile that each person's own is compared with. It runs where a package is
// made, not on devices.
import { quantileEdges } from "../core/profile/binEdges.ts";
import { isCountable } from "../core/profile/moments.ts";
import { createProfile, type Profile } from "../core/profile/profile.ts";
import type { LabelledWindows } from "./labelledWindows.ts";
import { PROFILE_BINS_MAX } from "./limits.ts";
import { type Preprocessing, windowLength } from "./preprocessing.ts";
import { createWatchedFeatures } from "./watchedFeatures.ts";
import { watchedLayout } from "./watchedLayout.ts";

/**
 * The profile of the watched features, on bins of about the same count each, and of the answers.
 *
 * - About 220 bytes a feature in the package: 8 KB for the 36 of six channels, 56 KB for the 256 that are watched at most.
 *
 * @param answered class that the model gave each window
 * @returns null when there are too many features to watch
 */
export function measureProfile(
  preprocessing: Preprocessing,
  { windows, labels }: Pick<LabelledWindows, "windows" | "labels">,
  answered: ArrayLike<number>,
): Profile | null {
  const layout = watchedLayout(preprocessing);
  if (layout === null) return null;
  const { featureCount } = layout;
  const length = windowLength(preprocessing);
  const describe = createWatchedFeatures(preprocessing);
  const rows = new Float64Array(labels.length * featureCount);
  for (let index = 0; index < labels.length; index += 1) {
    const window = windows.subarray(index * length, (index + 1) * length);
    rows.set(describe.of(window), index * featureCount);
  }
  const edges = Array.from({ length: featureCount }, (_, feature) => {
    const column = Float64Array.from(
      labels,
      (_label, index) => rows[index * featureCount + feature] as number,
    ).filter(isCountable);
    return column.length === 0 ? [] : quantileEdges(column, PROFILE_BINS_MAX);
  });
  const profile = createProfile({ edges, classCount: preprocessing.labels.length });
  for (let index = 0; index < labels.length; index += 1) {
    const row = rows.subarray(index * featureCount, (index + 1) * featureCount);
    profile.observe(row, answered[index] as number);
  }
  return profile.profile();
}
