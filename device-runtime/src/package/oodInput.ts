// What out-of-distribution scores look at: the model's features, the raw window's statistics, or both. It must not score anything.
import { featureCountMax } from "../core/ood/gaussianProfile.ts";
import {
  createWindowStatistics,
  type WindowShape,
  windowStatisticsLength,
} from "../core/ood/windowStatistics.ts";
import type { Channel, Preprocessing } from "./preprocessing.ts";

/** What scores look at; plain data. */
export interface OodInputSpec {
  /**
   * A network's features forget what its classes do not need; the window's own statistics do not, and no training has seen them. Both together
   * are best where windows are sensor signals.
   */
  readonly reads: "features" | "statistics" | "both";
  /** Channels that are the axes of one sensor, for its length. */
  readonly vectors: readonly (readonly number[])[];
}

/** Writes what scores look at. One owner. */
export interface OodInput {
  readonly length: number;
  /**
   * Statistics of the window that was looked at last, as they are watched: of every channel, then of every vector of {@link vectorsOf}. Null
   * where none are looked at, or those of other vectors.
   */
  readonly statistics: Float64Array | null;
  /** Writes `length` numbers into `into` from `intoAt` on. Allocates nothing. */
  fill(
    windows: Float32Array,
    windowAt: number,
    features: Float32Array,
    featuresAt: number,
    into: Float32Array,
    intoAt: number,
  ): void;
}

/** In shorter windows statistics say little that the samples do not. */
const STATISTICS_SAMPLES_MIN = 8;

/** Whether windows are pieces of a signal, rather than features that were computed elsewhere. */
export function isSignal({ windowSamples }: Pick<Preprocessing, "windowSamples">): boolean {
  return windowSamples >= STATISTICS_SAMPLES_MIN;
}

/** How a package's windows are described when nothing else is said: by both where windows are signals, else by the features. */
export function defaultOodInput(preprocessing: Preprocessing, featureCount: number): OodInputSpec {
  const vectors = vectorsOf(preprocessing.channels);
  const both = featureCount + statisticsLength(preprocessing, vectors);
  return {
    reads: isSignal(preprocessing) && both <= featureCountMax ? "both" : "features",
    vectors,
  };
}

/** Numbers that scores look at. */
export function oodInputLength(
  { reads, vectors }: OodInputSpec,
  preprocessing: Preprocessing,
  featureCount: number,
): number {
  return (
    (reads === "statistics" ? 0 : featureCount) +
    (reads === "features" ? 0 : statisticsLength(preprocessing, vectors))
  );
}

/** Creates what writes the input of scores. */
export function createOodInput(
  spec: OodInputSpec,
  preprocessing: Preprocessing,
  featureCount: number,
): OodInput {
  const { reads } = spec;
  const kept = reads === "statistics" ? 0 : featureCount;
  const statistics =
    reads === "features" ? null : createWindowStatistics(shapeOf(preprocessing, spec.vectors));
  const described = new Float64Array(statistics?.length ?? 0);
  const areWatched =
    statistics !== null &&
    isSignal(preprocessing) &&
    JSON.stringify(spec.vectors) === JSON.stringify(vectorsOf(preprocessing.channels));
  return {
    length: kept + described.length,
    statistics: areWatched ? described : null,
    fill(windows, windowAt, features, featuresAt, into, intoAt) {
      for (let index = 0; index < kept; index += 1) {
        into[intoAt + index] = features[featuresAt + index] as number;
      }
      statistics?.describe(windows, windowAt, described, 0);
      for (let index = 0; index < described.length; index += 1) {
        into[intoAt + kept + index] = described[index] as number;
      }
    },
  };
}

/**
 * Channels that are the axes of one sensor, by their names: neighbours that differ in a last letter x, y, z only, such as `acc-x`,
 * `acc-y`, `acc-z`.
 *
 * @example
 * vectorsOf(["acc-x", "acc-y", "acc-z", "heart"].map((name) => ({ name, offset: 0, scale: 1 }))); // => [[0, 1, 2]]
 */
export function vectorsOf(channels: readonly Channel[]): readonly (readonly number[])[] {
  const vectors: number[][] = [];
  channels.forEach(({ name }, channel) => {
    const axis = "xyz".indexOf(name.slice(-1).toLowerCase());
    const stem = name.slice(0, -1);
    const before = channels[channel - 1]?.name;
    if (axis === 0) vectors.push([channel]);
    else if (axis > 0 && before?.slice(0, -1) === stem) vectors.at(-1)?.push(channel);
  });
  return vectors.filter((axes) => axes.length >= 2);
}

function statisticsLength(
  preprocessing: Preprocessing,
  vectors: readonly (readonly number[])[],
): number {
  return windowStatisticsLength(shapeOf(preprocessing, vectors));
}

function shapeOf(
  { channels, windowSamples, layout }: Preprocessing,
  vectors: readonly (readonly number[])[],
): WindowShape {
  return { channelCount: channels.length, windowSamples, layout, vectors };
}
