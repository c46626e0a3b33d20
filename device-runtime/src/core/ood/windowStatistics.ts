// Plain statistics of one raw window: what a window looks like before any model has seen it. It must not compare anything.
import { Defect } from "@attune/protocol";

/** How a raw window is laid out, and which of its channels are the axes of one sensor. */
export interface WindowShape {
  readonly channelCount: number;
  readonly windowSamples: number;
  readonly layout: "channelsFirst" | "samplesFirst";
  /** Channel numbers that make one vector each, such as the three axes of an accelerometer; two or more each. */
  readonly vectors: readonly (readonly number[])[];
}

/** Describes windows of one shape. One owner: it works in a buffer of its own. */
export interface WindowStatistics {
  /** Numbers that describe a window. */
  readonly length: number;
  /**
   * Describes one window.
   *
   * - Shape: the window lies in `windows` from `windowAt` on, `length` numbers are written into `into` from `intoAt` on.
   * - O(window), allocates nothing. NaN comes out where one goes in.
   */
  describe(
    windows: ArrayLike<number>,
    windowAt: number,
    into: Float32Array | Float64Array,
    intoAt: number,
  ): void;
}

/** Of each channel: mean, deviation, least, largest, mean step. */
const perChannel = 5;
/** Of each vector's length: mean, deviation, mean step. The least and largest are of little use: they are noise. */
const perVector = 3;

/** How many numbers describe a window; 0 for windows of one sample, which are described by themselves. */
export function windowStatisticsLength(shape: WindowShape): number {
  return shape.windowSamples < 2
    ? 0
    : perChannel * shape.channelCount + perVector * shape.vectors.length;
}

/**
 * Creates a description of windows.
 *
 * The numbers are grouped by statistic: the means of all channels, their deviations (of the population), least values, largest values and mean
 * absolute steps from sample to sample; then mean, deviation and mean step of the length of each vector, which does not change when the
 * sensor is turned.
 *
 * @throws {@link Defect} `ood.vectors_invalid` for a channel that is not there
 * @example
 * const into = new Float32Array(5);
 * createWindowStatistics({ channelCount: 1, windowSamples: 4, layout: "channelsFirst", vectors: [] }).describe([1, 3, 1, 3], 0, into, 0);
 * into; // => Float32Array.of(2, 1, 1, 3, 2)
 */
export function createWindowStatistics(shape: WindowShape): WindowStatistics {
  const { channelCount, windowSamples, layout, vectors } = shape;
  if (!vectors.every((axes) => areAxes(axes, channelCount))) {
    throw new Defect(
      "ood.vectors_invalid",
      `vectors are of channels 0 to ${channelCount - 1}, two or more each`,
    );
  }
  const length = windowStatisticsLength(shape);
  const channelStep = layout === "channelsFirst" ? windowSamples : 1;
  const sampleStep = layout === "channelsFirst" ? 1 : channelCount;
  // One channel, or the length of one vector: always of one kind of number, so that the loop over it is compiled once.
  const line = new Float64Array(windowSamples);
  const squaredLengths = new Float64Array(vectors.length * windowSamples);
  // mean, deviation, least, largest, step of what was looked at last.
  const found = new Float64Array(perChannel);

  /** Looks at the line. Relative to its first value, so that a large mean costs no digits; odd and even places side by side. */
  function look(): void {
    const first = line[0] as number;
    const even = windowSamples & ~1;
    let before = first;
    let sum = 0;
    let otherSum = 0;
    let squares = 0;
    let otherSquares = 0;
    let steps = 0;
    let otherSteps = 0;
    let least = first;
    let largest = first;
    for (let sample = 0; sample < even; sample += 2) {
      const value = line[sample] as number;
      const other = line[sample + 1] as number;
      const apart = value - first;
      const otherApart = other - first;
      sum += apart;
      otherSum += otherApart;
      squares += apart * apart;
      otherSquares += otherApart * otherApart;
      steps += Math.abs(value - before);
      otherSteps += Math.abs(other - value);
      if (value < least) least = value;
      if (value > largest) largest = value;
      if (other < least) least = other;
      if (other > largest) largest = other;
      before = other;
    }
    if (even < windowSamples) {
      const value = line[even] as number;
      const apart = value - first;
      sum += apart;
      squares += apart * apart;
      steps += Math.abs(value - before);
      if (value < least) least = value;
      if (value > largest) largest = value;
    }
    const mean = (sum + otherSum) / windowSamples;
    const variance = (squares + otherSquares) / windowSamples - mean * mean;
    found[0] = first + mean;
    // A NaN must come out, which Math.max lets through.
    found[1] = Math.sqrt(Math.max(0, variance));
    // Comparisons pass over it.
    found[2] = Number.isNaN(mean) ? mean : least;
    found[3] = Number.isNaN(mean) ? mean : largest;
    found[4] = (steps + otherSteps) / (windowSamples - 1);
  }

  return {
    length,
    describe(windows, windowAt, into, intoAt) {
      if (length === 0) return;
      squaredLengths.fill(0);
      for (let channel = 0; channel < channelCount; channel++) {
        let place = windowAt + channel * channelStep;
        for (let sample = 0; sample < windowSamples; sample++, place += sampleStep) {
          line[sample] = windows[place] as number;
        }
        look();
        for (let statistic = 0; statistic < perChannel; statistic++) {
          into[intoAt + statistic * channelCount + channel] = found[statistic] as number;
        }
        for (let vector = 0; vector < vectors.length; vector++) {
          if (!(vectors[vector] as readonly number[]).includes(channel)) continue;
          let at = vector * windowSamples;
          for (let sample = 0; sample < windowSamples; sample++, at++) {
            const value = line[sample] as number;
            squaredLengths[at] = (squaredLengths[at] as number) + value * value;
          }
        }
      }
      for (let vector = 0; vector < vectors.length; vector++) {
        for (let sample = 0; sample < windowSamples; sample++) {
          line[sample] = Math.sqrt(squaredLengths[vector * windowSamples + sample] as number);
        }
        look();
        const at = intoAt + perChannel * channelCount + perVector * vector;
        into[at] = found[0] as number;
        into[at + 1] = found[1] as number;
        into[at + 2] = found[4] as number;
      }
    },
  };
}

/** Whether channels can be the axes of one vector: two or more of those that are there. */
export function areAxes(axes: readonly number[], channelCount: number): boolean {
  return (
    axes.length >= 2 &&
    axes.every((channel) => Number.isInteger(channel) && channel >= 0 && channel < channelCount)
  );
}
