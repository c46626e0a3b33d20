// Loads the HAPT data set: raw inertial streams of thirty people, cut into labelled windows. It decides nothing about who trains or
// tests.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "@attune/protocol";
import { ACTIVITY_COUNT } from "../people/activity.ts";
import {
  CHANNEL_COUNT,
  SAMPLE_RATE_HZ,
  WINDOW_SAMPLES,
  WINDOW_SIZE,
} from "../people/inertialWindow.ts";
import { dataFolder } from "./dataFolder.ts";
import { type HarHaptManifest, parseHarHaptManifest } from "./harHaptManifest.ts";

/** One window of a real person. */
export interface HaptWindow {
  /** ms since this person's first sample; the two or three sessions follow each other without a gap. */
  readonly startMs: number;
  /** When its last sample had arrived, `startMs + 2560`. */
  readonly endMs: number;
  /** The session, counted over all people. */
  readonly experiment: number;
  /** Class as in the data set: 1 to 6 activities, 7 to 12 transitions between postures. */
  readonly classId: number;
  /** Place in `activities`; `null` for a transition. */
  readonly label: number | null;
  /** Shape `(6, 128)`, channels first: acc x, y, z in g, gyro x, y, z in rad/s. */
  readonly samples: Float32Array;
  /** Shape `(36)`: the features that the data set ships, in the order of its manifest. */
  readonly features: Float32Array;
}

/** One real person. */
export interface HaptPerson {
  readonly subject: number;
  /** In time order. */
  readonly windows: readonly HaptWindow[];
}

/** The data set. */
export interface HarHapt {
  /** By subject number. */
  readonly people: readonly HaptPerson[];
  /** The nine people that its authors test on. */
  readonly officialTestSubjects: readonly number[];
  readonly officialTrainSubjects: readonly number[];
}

/**
 * Loads HAPT.
 *
 * - Every file's length and SHA-256 are checked before use.
 * - About 33 MB of windows, half a second.
 *
 * @param folder of the data sets; `har-hapt` is in it
 * @throws Fault `data.set_missing`, `data.manifest_invalid`, `data.digest_mismatch`
 * @see Reyes-Ortiz et al. 2015, "Transition-Aware Human Activity Recognition Using Smartphones"
 */
export async function loadHarHapt(folder: string = dataFolder()): Promise<HarHapt> {
  const root = join(folder, "har-hapt");
  const text = await readFile(join(root, "manifest.json"), "utf8").catch((cause: unknown) => {
    throw missing(root, cause);
  });
  const manifest = parseHarHaptManifest(text);
  const bytesOf = (name: keyof HarHaptManifest["files"]): Promise<ArrayBuffer> =>
    readChecked(root, manifest.files[name]);
  const [x, starts, labels, subjects, experiments, features] = await Promise.all([
    bytesOf("x").then((buffer) => new Int16Array(buffer)),
    bytesOf("windowStart").then((buffer) => new Uint32Array(buffer)),
    bytesOf("windowLabel").then((buffer) => new Uint8Array(buffer)),
    bytesOf("windowSubject").then((buffer) => new Uint8Array(buffer)),
    bytesOf("windowExperiment").then((buffer) => new Uint8Array(buffer)),
    bytesOf("windowFeatures").then((buffer) => new Float32Array(buffer)),
  ]);

  const firstRows = new Map<number, number>();
  for (const { subject, start } of manifest.streams) {
    firstRows.set(subject, Math.min(start, firstRows.get(subject) ?? start));
  }
  const windowsOf = new Map<number, HaptWindow[]>();
  const featureCount = manifest.featureColumns.length;
  starts.forEach((row, index) => {
    const subject = subjects[index] as number;
    const classId = labels[index] as number;
    const firstRow = firstRows.get(subject);
    if (
      firstRow === undefined ||
      row < firstRow ||
      (row + WINDOW_SAMPLES) * CHANNEL_COUNT > x.length
    ) {
      throw new Fault(`window ${index} of har-hapt begins at row ${row}, outside its stream`, {
        code: "data.manifest_invalid",
        hint: "take manifest.json and its arrays from the same place; they were made together",
      });
    }
    const startMs = ((row - firstRow) * 1000) / SAMPLE_RATE_HZ;
    const windows = windowsOf.get(subject) ?? [];
    windowsOf.set(subject, windows);
    windows.push({
      startMs,
      endMs: startMs + (WINDOW_SAMPLES * 1000) / SAMPLE_RATE_HZ,
      experiment: experiments[index] as number,
      classId,
      label: classId <= ACTIVITY_COUNT ? classId - 1 : null,
      samples: decodeWindow(x, row, manifest.scalePerChannel),
      features: features.subarray(index * featureCount, (index + 1) * featureCount),
    });
  });
  const people = [...windowsOf].map(([subject, windows]) => ({
    subject,
    windows: windows.sort((a, b) => a.startMs - b.startMs),
  }));
  return {
    people: people.sort((a, b) => a.subject - b.subject),
    officialTestSubjects: manifest.officialTestSubjects,
    officialTrainSubjects: manifest.officialTrainSubjects,
  };
}

/** `value = int16 * scale`, and from samples first to channels first. */
function decodeWindow(x: Int16Array, row: number, scales: readonly number[]): Float32Array {
  const window = new Float32Array(WINDOW_SIZE);
  for (let channel = 0; channel < CHANNEL_COUNT; channel++) {
    const scale = scales[channel] as number;
    for (let sample = 0; sample < WINDOW_SAMPLES; sample++) {
      const raw = x[(row + sample) * CHANNEL_COUNT + channel] as number;
      window[channel * WINDOW_SAMPLES + sample] = raw * scale;
    }
  }
  return window;
}

async function readChecked(
  root: string,
  entry: { readonly file: string; readonly bytes: number; readonly sha256: string },
): Promise<ArrayBuffer> {
  const path = join(root, entry.file);
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw missing(path, cause);
  });
  const digest = createHash("sha256").update(bytes).digest("hex");
  if (bytes.length !== entry.bytes || digest !== entry.sha256) {
    throw new Fault(
      `${path} has ${bytes.length} bytes and SHA-256 ${digest}, the manifest says ${entry.bytes} and ${entry.sha256}`,
      {
        code: "data.digest_mismatch",
        hint: "the file is damaged or of another version; copy it again",
      },
    );
  }
  // A copy of its own: a pooled buffer is not aligned for wider numbers.
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
}

function missing(path: string, cause: unknown): Fault {
  return new Fault(`HAPT is not at ${path}`, {
    code: "data.set_missing",
    hint:
      "set ATTUNE_DATA to the folder that holds har-hapt. The original is the UCI data set 341, " +
      '"Smartphone-Based Recognition of Human Activities and Postural Transitions" (RawData), ' +
      "free for research, not for commercial use",
    cause,
  });
}
