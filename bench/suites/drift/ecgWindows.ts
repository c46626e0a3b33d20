// Reads MIT-BIH records whose rhythm does not change as windows of features. It must not monitor anything.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { FeatureLayout } from "@attune/device-runtime/monitor";
import { momentsOf } from "./haptWindows.ts";
import type { Wearing } from "./watchedStreams.ts";

/** Six seconds at 120 Hz: five beats or more of most hearts. */
const windowSamples = 720;
export const ecgWindowHours: number = windowSamples / 120 / 3600;
/** Records with fewer normal beats have episodes of another rhythm, or of noise in which beats are not told apart. */
const normalShareMin = 0.99;
const normalClass = 1;

/** Five features of the lead, and how even the beats are; how fast they are is no drift: a heart follows its person. */
export const ecgLayout: FeatureLayout = {
  featureCount: 6,
  series: [
    { name: "lead", features: [0, 1, 2, 3, 4], isChannel: true },
    { name: "beats", features: [5], isChannel: true },
  ],
  logFeatures: [1, 4, 5],
  axes: [],
  logFloor: 0.01,
};

interface EcgManifest {
  readonly scale: number;
  readonly records: readonly {
    readonly index: number;
    readonly start: number;
    readonly length: number;
    readonly paced: boolean;
  }[];
}

/** One wearing a record: half an hour of a person whose heart beats normally throughout. */
export async function readSteadyHearts(dataFolder: string): Promise<readonly Wearing[]> {
  const folder = join(dataFolder, "ecg-mitbih");
  const read = (name: string): Promise<Buffer> => readFile(join(folder, name));
  const manifest = JSON.parse((await read("manifest.json")).toString()) as EcgManifest;
  const bytes = await read("ecg.i16.bin");
  const signal = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
  const records = await read("beat-record.u8.bin");
  const classes = await read("beat-class.u8.bin");
  const samples = await read("beat-sample.u32.bin");
  const wearings: Wearing[] = [];
  for (const { index, start, length, paced } of manifest.records) {
    const beats = [...records.keys()].filter((beat) => records[beat] === index);
    const normalCount = beats.filter((beat) => classes[beat] === normalClass).length;
    if (paced || normalCount < normalShareMin * beats.length) continue;
    const places = beats.map((beat) => samples.readUInt32LE(beat * 4));
    const windowCount = Math.floor(length / windowSamples);
    const features = new Float64Array(windowCount * ecgLayout.featureCount);
    const values = new Float64Array(windowSamples);
    const beat = new Float64Array(5);
    for (let window = 0; window < windowCount; window++) {
      const from = window * windowSamples;
      for (let at = 0; at < windowSamples; at++) {
        values[at] = (signal[start + from + at] as number) * manifest.scale;
      }
      const to = window * ecgLayout.featureCount;
      momentsOf(values, features.subarray(to, to + 5));
      momentsOf(Float64Array.from(intervalsWithin(places, from, from + windowSamples)), beat);
      features[to + 5] = beat[1] as number;
    }
    const predictedClasses = new Uint8Array(windowCount);
    wearings.push({ person: index, features, predictedClasses });
  }
  return wearings;
}

/** Seconds between neighbouring beats that end in a window; one of no length when there is none. */
function intervalsWithin(places: readonly number[], from: number, to: number): number[] {
  const intervals: number[] = [];
  for (let beat = 1; beat < places.length; beat++) {
    const at = places[beat] as number;
    if (at >= from && at < to) intervals.push((at - (places[beat - 1] as number)) / 120);
  }
  return intervals.length === 0 ? [0, 0] : [...intervals, intervals.at(-1) as number];
}
