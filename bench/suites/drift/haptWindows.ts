// Reads HAPT's streams as windows, sessions and the 36 features, also with an injected sensor fault. It must not monitor anything.
import type { FeatureLayout } from "@attune/device-runtime/monitor";
import { loadHarHapt } from "@attune/simulators";

const channelCount = 6;
export const classCount = 6;
const featureCount = 36;
const windowSamples = 128;
/** Hop of 64 samples at 50 Hz. */
export const windowHours: number = 64 / 50 / 3600;

/** One session of one person: the windows of known activities in the order of time. */
export interface HaptSession {
  readonly person: number;
  /** Raw windows, `(n, 128, 6)`, g and rad/s. */
  readonly raw: Float32Array;
  /** True activity, 0 to 5. */
  readonly labels: Uint8Array;
  readonly windowCount: number;
}

/** Six activities of 30 people in 61 sessions. */
export async function readHapt(dataFolder: string): Promise<readonly HaptSession[]> {
  const { people } = await loadHarHapt(dataFolder);
  const known = people.flatMap(({ subject, windows }) =>
    windows.flatMap(({ experiment, label, samples }) =>
      label === null ? [] : [{ person: subject, experiment, label, samples }],
    ),
  );
  const sessions = [...Map.groupBy(known, ({ experiment }) => experiment)];
  return sessions
    .sort(([a], [b]) => a - b)
    .map(([, windows]): HaptSession => {
      const size = windowSamples * channelCount;
      const raw = new Float32Array(windows.length * size);
      windows.forEach(({ samples }, window) => {
        for (let at = 0; at < size; at++) {
          const channel = at % channelCount;
          const sample = Math.floor(at / channelCount);
          raw[window * size + at] = samples[channel * windowSamples + sample] as number;
        }
      });
      return {
        person: (windows[0] as { readonly person: number }).person,
        raw,
        labels: Uint8Array.from(windows, ({ label }) => label),
        windowCount: windows.length,
      };
    });
}

/** Mean, deviation, least, largest and mean step of each channel; mean, deviation and mean step of both magnitudes. */
export const haptLayout: FeatureLayout = {
  featureCount,
  series: [
    ...["acc x", "acc y", "acc z", "gyro x", "gyro y", "gyro z"].map((name, channel) => ({
      name,
      features: [0, 6, 12, 18, 24].map((kind) => kind + channel),
      isChannel: true,
    })),
    { name: "|acc|", features: [30, 31, 32], isChannel: false },
    { name: "|gyro|", features: [33, 34, 35], isChannel: false },
  ],
  logFeatures: [6, 7, 8, 9, 10, 11, 24, 25, 26, 27, 28, 29, 31, 32, 34, 35],
  axes: [
    [0, 1, 2],
    [3, 4, 5],
  ],
  logFloor: 1e-3,
};

/** A sensor fault: changes one sample of six channels in place. */
export interface SensorFault {
  readonly name: string;
  /** Names in the layout; either is right for a swap. */
  readonly channels: readonly string[];
  apply(sample: Float64Array): void;
}

function channelName(channel: number): string {
  return haptLayout.series[channel]?.name ?? "";
}

export function gainFault(channel: number): SensorFault {
  return {
    name: `gain 1.5 on ${channelName(channel)}`,
    channels: [channelName(channel)],
    apply(sample) {
      sample[channel] = 1.5 * (sample[channel] as number);
    },
  };
}

export function biasFault(channel: number): SensorFault {
  return {
    name: `bias 0.3 g on ${channelName(channel)}`,
    channels: [channelName(channel)],
    apply(sample) {
      sample[channel] = (sample[channel] as number) + 0.3;
    },
  };
}

export function deadFault(channel: number): SensorFault {
  return {
    name: `dead ${channelName(channel)}`,
    channels: [channelName(channel)],
    apply(sample) {
      sample[channel] = 0;
    },
  };
}

export function swapFault(first: number, second: number): SensorFault {
  return {
    name: `swapped ${channelName(first)} and ${channelName(second)}`,
    channels: [channelName(first), channelName(second)],
    apply(sample) {
      const kept = sample[first] as number;
      sample[first] = sample[second] as number;
      sample[second] = kept;
    },
  };
}

/** The 36 features of every window of a session, `(n, 36)`. */
export function featuresOf(session: HaptSession, fault?: SensorFault): Float64Array {
  const features = new Float64Array(session.windowCount * featureCount);
  const extract = windowFeatures(fault);
  for (let window = 0; window < session.windowCount; window++) {
    extract(session.raw, window * windowSamples * channelCount, features, window * featureCount);
  }
  return features;
}

/** Writes the 36 features of the window that begins at `from` to `to`; allocates nothing. */
type ExtractFeatures = (
  raw: Float32Array,
  from: number,
  features: Float64Array,
  to: number,
) => void;

/** Creates an extractor with buffers of its own. */
function windowFeatures(fault?: SensorFault): ExtractFeatures {
  const sample = new Float64Array(channelCount);
  const lines = Array.from({ length: 8 }, () => new Float64Array(windowSamples));
  const moments = new Float64Array(5);
  return (raw, from, features, to) => {
    for (let step = 0; step < windowSamples; step++) {
      for (let channel = 0; channel < channelCount; channel++) {
        sample[channel] = raw[from + step * channelCount + channel] as number;
      }
      fault?.apply(sample);
      let acc = 0;
      let gyro = 0;
      for (let channel = 0; channel < channelCount; channel++) {
        const value = sample[channel] as number;
        (lines[channel] as Float64Array)[step] = value;
        if (channel < 3) acc += value * value;
        else gyro += value * value;
      }
      (lines[6] as Float64Array)[step] = Math.sqrt(acc);
      (lines[7] as Float64Array)[step] = Math.sqrt(gyro);
    }
    for (let line = 0; line < lines.length; line++) {
      momentsOf(lines[line] as Float64Array, moments);
      if (line < channelCount) {
        for (let kind = 0; kind < 5; kind++) {
          features[to + kind * channelCount + line] = moments[kind] as number;
        }
      } else {
        const at = to + 30 + 3 * (line - channelCount);
        features[at] = moments[0] as number;
        features[at + 1] = moments[1] as number;
        features[at + 2] = moments[4] as number;
      }
    }
  };
}

/** Writes mean, deviation, least, largest and mean step of some values. */
export function momentsOf(values: Float64Array, moments: Float64Array): void {
  let sum = 0;
  let least = Number.POSITIVE_INFINITY;
  let largest = Number.NEGATIVE_INFINITY;
  let steps = 0;
  let before = values[0] as number;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    sum += value;
    if (value < least) least = value;
    if (value > largest) largest = value;
    steps += Math.abs(value - before);
    before = value;
  }
  const mean = sum / values.length;
  let squares = 0;
  for (let index = 0; index < values.length; index++) {
    squares += ((values[index] as number) - mean) ** 2;
  }
  moments[0] = mean;
  moments[1] = Math.sqrt(squares / values.length);
  moments[2] = least;
  moments[3] = largest;
  moments[4] = steps / (values.length - 1);
}
