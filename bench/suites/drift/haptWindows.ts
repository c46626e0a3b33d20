// Reads HAPT's streams as windows, sessions and the 36 features, also with an injected sensor fault. It must not monitor anything.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { FeatureLayout } from "@attune/device-runtime/monitor";

export const channelCount = 6;
export const classCount = 6;
export const featureCount = 36;
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

interface HaptManifest {
  readonly scalePerChannel: readonly number[];
}

/** Six activities of 30 people in 61 sessions. */
export async function readHapt(dataFolder: string): Promise<readonly HaptSession[]> {
  const folder = join(dataFolder, "har-hapt");
  const read = (name: string): Promise<Buffer> => readFile(join(folder, name));
  const manifest = JSON.parse((await read("manifest.json")).toString()) as HaptManifest;
  const bytes = await read("stream.i16.bin");
  const stream = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
  const labels = await read("window-label.u8.bin");
  const people = await read("window-subject.u8.bin");
  const experiments = await read("window-experiment.u8.bin");
  const starts = await read("window-start.u32.bin");
  const sessions: HaptSession[] = [];
  for (let experiment = 1; experiment <= Math.max(...experiments); experiment++) {
    const windows = [...labels.keys()].filter(
      (window) => experiments[window] === experiment && (labels[window] as number) <= classCount,
    );
    const raw = new Float32Array(windows.length * windowSamples * channelCount);
    windows.forEach((window, index) => {
      const from = starts.readUInt32LE(window * 4) * channelCount;
      for (let at = 0; at < windowSamples * channelCount; at++) {
        raw[index * windowSamples * channelCount + at] =
          (stream[from + at] as number) * (manifest.scalePerChannel[at % channelCount] as number);
      }
    });
    sessions.push({
      person: people[windows[0] as number] as number,
      raw,
      labels: Uint8Array.from(windows, (window) => (labels[window] as number) - 1),
      windowCount: windows.length,
    });
  }
  return sessions;
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
  const sample = new Float64Array(channelCount);
  const series = new Float64Array(8 * windowSamples);
  for (let window = 0; window < session.windowCount; window++) {
    for (let step = 0; step < windowSamples; step++) {
      const from = (window * windowSamples + step) * channelCount;
      for (let channel = 0; channel < channelCount; channel++) {
        sample[channel] = session.raw[from + channel] as number;
      }
      fault?.apply(sample);
      const [x = 0, y = 0, z = 0, p = 0, q = 0, r = 0] = sample;
      for (let channel = 0; channel < channelCount; channel++) {
        series[channel * windowSamples + step] = sample[channel] as number;
      }
      series[6 * windowSamples + step] = Math.hypot(x, y, z);
      series[7 * windowSamples + step] = Math.hypot(p, q, r);
    }
    const to = features.subarray(window * featureCount, (window + 1) * featureCount);
    for (let line = 0; line < 8; line++) {
      const moments = momentsOf(series.subarray(line * windowSamples, (line + 1) * windowSamples));
      if (line < channelCount) {
        [to[line], to[6 + line], to[12 + line], to[18 + line], to[24 + line]] = [
          moments.mean,
          moments.deviation,
          moments.least,
          moments.largest,
          moments.meanStep,
        ];
      } else {
        const at = 30 + 3 * (line - channelCount);
        [to[at], to[at + 1], to[at + 2]] = [moments.mean, moments.deviation, moments.meanStep];
      }
    }
  }
  return features;
}

interface Moments {
  readonly mean: number;
  readonly deviation: number;
  readonly least: number;
  readonly largest: number;
  readonly meanStep: number;
}

export function momentsOf(values: Float64Array): Moments {
  let sum = 0;
  let least = Number.POSITIVE_INFINITY;
  let largest = Number.NEGATIVE_INFINITY;
  let steps = 0;
  let before = values[0] as number;
  for (const value of values) {
    sum += value;
    if (value < least) least = value;
    if (value > largest) largest = value;
    steps += Math.abs(value - before);
    before = value;
  }
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return {
    mean,
    deviation: Math.sqrt(squares / values.length),
    least,
    largest,
    meanStep: steps / (values.length - 1),
  };
}
