// What is watched of a raw window: each channel's statistics, or the channels themselves where windows are no signals. No model has a part
// in it, so that what is normal for a person outlasts every version. It must not compare anything.
import type { FeatureReference } from "../core/monitor/features/featureReference.ts";
import { fitFeatureReference } from "../core/monitor/features/fitFeatureReference.ts";
import { createWindowStatistics } from "../core/ood/windowStatistics.ts";
import type { LabelledWindows } from "./labelledWindows.ts";
import { isSignal, vectorsOf } from "./oodInput.ts";
import { type Preprocessing, windowLength } from "./preprocessing.ts";
import { watchedLayout } from "./watchedLayout.ts";

/** So many first windows of a class are a person's past. */
const baselineWindows = 12;

/** Windows behind people's first ones that limits are taken from: ten of them are above a quantile of 95 %. */
const measuredMin = 200;

/** Describes windows as {@link watchedLayout} says. One owner. */
export interface WatchedFeatures {
  /** The features of a window, valid until the next call. Allocates nothing. */
  of(window: Float32Array): ArrayLike<number>;
}

/** Creates a description of a package's windows. */
export function createWatchedFeatures(preprocessing: Preprocessing): WatchedFeatures {
  if (!isSignal(preprocessing)) return { of: (window) => window };
  const { channels, windowSamples, layout } = preprocessing;
  const statistics = createWindowStatistics({
    channelCount: channels.length,
    windowSamples,
    layout,
    vectors: vectorsOf(channels),
  });
  const into = new Float64Array(statistics.length);
  return {
    of(window) {
      statistics.describe(window, 0, into, 0);
      return into;
    },
  };
}

/**
 * What is normal for people's own deviations from themselves, measured on people whom the model was not trained on.
 *
 * @param answered class that the model gave each window
 * @returns null when there are not two people to measure, or too few of their windows: then features are not watched
 */
export function measureFeatures(
  preprocessing: Preprocessing,
  { windows, labels, persons }: LabelledWindows,
  answered: ArrayLike<number>,
): FeatureReference | null {
  const layout = watchedLayout(preprocessing);
  if (layout === null || persons === undefined || new Set(persons).size < 2) return null;
  const length = windowLength(preprocessing);
  const describe = createWatchedFeatures(preprocessing);
  const people = new Map<number, { features: number[]; predictedClasses: number[] }>();
  for (let index = 0; index < labels.length; index += 1) {
    const person = persons[index] as number;
    const own = people.get(person) ?? { features: [], predictedClasses: [] };
    people.set(person, own);
    const features = describe.of(windows.subarray(index * length, (index + 1) * length));
    for (let at = 0; at < layout.featureCount; at += 1) own.features.push(features[at] as number);
    own.predictedClasses.push(answered[index] as number);
  }
  const classCount = preprocessing.labels.length;
  let measured = 0;
  for (const { predictedClasses } of people.values()) {
    const counts = new Uint32Array(classCount);
    for (const label of predictedClasses) counts[label] = (counts[label] as number) + 1;
    for (const count of counts) measured += Math.max(0, count - baselineWindows);
  }
  if (measured < measuredMin) return null;
  const fitted = fitFeatureReference([...people.values()], {
    layout,
    classCount,
    baselineCount: baselineWindows,
  });
  return fitted.ok ? fitted.value : null;
}
