// Which features of a raw window are watched, and what they are called: each channel's statistics, or the channels themselves where windows
// are no signals. It must not compute them.
import {
  type FeatureLayout,
  seriesMax,
  watchedClassMax,
  watchedFeatureMax,
} from "../core/monitor/features/featureLayout.ts";
import { isSignal, vectorsOf } from "./oodInput.ts";
import type { Preprocessing } from "./preprocessing.ts";

/** Of a channel, and of a vector's length: in the order of the features. */
const channelStatistics = ["mean", "deviation", "least", "largest", "mean step"] as const;
const vectorStatistics = ["mean", "deviation", "mean step"] as const;
const perChannel = channelStatistics.length;
const perVector = vectorStatistics.length;

/** What a sensor's noise cannot tell from nothing, in units of what the model takes as one. */
const noiseShare = 1e-2;

/** How the features of a package's windows are laid out; null when there are too many to watch. */
export function watchedLayout(preprocessing: Preprocessing): FeatureLayout | null {
  const layout = isSignal(preprocessing)
    ? signalLayout(preprocessing)
    : vectorLayout(preprocessing);
  const { labels } = preprocessing;
  return layout.featureCount <= watchedFeatureMax &&
    layout.series.length <= seriesMax &&
    labels.length <= watchedClassMax
    ? layout
    : null;
}

function signalLayout({ channels }: Preprocessing): FeatureLayout {
  const count = channels.length;
  const vectors = vectorsOf(channels);
  const vectorAt = (vector: number): number => perChannel * count + perVector * vector;
  return {
    featureCount: vectorAt(vectors.length),
    series: [
      ...channels.map(({ name }, channel) => ({
        name,
        features: Array.from({ length: perChannel }, (_, index) => index * count + channel),
        isChannel: true,
      })),
      ...vectors.map((axes, vector) => ({
        name: axes.map((axis) => channels[axis]?.name).join("+"),
        features: Array.from({ length: perVector }, (_, index) => vectorAt(vector) + index),
        isChannel: false,
      })),
    ],
    // Deviations and steps are sizes.
    logFeatures: [
      ...channels.flatMap((_, channel) => [count + channel, 4 * count + channel]),
      ...vectors.flatMap((_, vector) => [vectorAt(vector) + 1, vectorAt(vector) + 2]),
    ],
    axes: vectors,
    logFloor: noiseShare / Math.max(...channels.map(({ scale }) => Math.abs(scale))),
  };
}

function vectorLayout({ channels, windowSamples, layout }: Preprocessing): FeatureLayout {
  return {
    featureCount: channels.length * windowSamples,
    series: channels.map(({ name }, channel) => ({
      name,
      features: Array.from({ length: windowSamples }, (_, sample) =>
        layout === "channelsFirst"
          ? channel * windowSamples + sample
          : sample * channels.length + channel,
      ),
      isChannel: true,
    })),
    logFeatures: [],
    axes: [],
    logFloor: 1,
  };
}

/** What one feature is. */
export interface WatchedName {
  /** A channel, or the channels of a vector, such as `acc-x+acc-y+acc-z`. */
  readonly series: string;
  /** Such as `mean`, or `sample 3` where windows are no signals. */
  readonly statistic: string;
}

/** What the features of a layout are called, `(featureCount,)`. */
export function watchedNames(
  { series, featureCount }: FeatureLayout,
  preprocessing: Preprocessing,
): readonly WatchedName[] {
  const names = Array.from({ length: featureCount }, () => ({ series: "", statistic: "" }));
  for (const { name, features, isChannel } of series) {
    const statistics = isChannel ? channelStatistics : vectorStatistics;
    features.forEach((feature, at) => {
      const statistic = isSignal(preprocessing) ? statistics[at] : `sample ${at}`;
      names[feature] = { series: name, statistic: statistic as string };
    });
  }
  return names;
}
