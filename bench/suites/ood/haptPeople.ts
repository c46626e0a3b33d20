// Reads HAPT's people: their windows in time order, activities and transitions alike. It must not know any score.
import { readFile } from "node:fs/promises";
import { join } from "node:path";

export const channelCount = 6;
export const windowSamples = 128;
export const windowSize: number = channelCount * windowSamples;
export const activities: readonly string[] = [
  "WALKING",
  "WALKING_UPSTAIRS",
  "WALKING_DOWNSTAIRS",
  "SITTING",
  "STANDING",
  "LAYING",
];

/** One person. */
export interface HaptPerson {
  readonly subject: number;
  /** `(n, 6, 128)`, g and rad/s, in time order. */
  readonly windows: Float32Array;
  /** Activity 0 to 5, or -1 for a change of posture, which no model knows, `(n,)`. */
  readonly labels: Int32Array;
}

/** All thirty people, and the nine that the data set's authors test on. */
export interface Hapt {
  readonly people: readonly HaptPerson[];
  readonly testSubjects: readonly number[];
}

interface Manifest {
  readonly scalePerChannel: readonly number[];
  readonly officialTestSubjects: readonly number[];
}

/** Reads the data set. */
export async function readHaptPeople(dataFolder: string): Promise<Hapt> {
  const folder = join(dataFolder, "har-hapt");
  const read = async (name: string): Promise<ArrayBuffer> => {
    const bytes = await readFile(join(folder, name));
    // A copy of its own: a pooled buffer is not aligned for wider numbers.
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  };
  const manifest = JSON.parse(await readFile(join(folder, "manifest.json"), "utf8")) as Manifest;
  const stream = new Int16Array(await read("stream.i16.bin"));
  const classes = new Uint8Array(await read("window-label.u8.bin"));
  const subjects = new Uint8Array(await read("window-subject.u8.bin"));
  const starts = new Uint32Array(await read("window-start.u32.bin"));
  const bySubject = Map.groupBy([...subjects.keys()], (window) => subjects[window] as number);
  const people = [...bySubject].map(([subject, indices]): HaptPerson => {
    const inTime = indices.toSorted((a, b) => (starts[a] as number) - (starts[b] as number));
    const windows = new Float32Array(inTime.length * windowSize);
    inTime.forEach((window, place) => {
      const row = starts[window] as number;
      for (let at = 0; at < windowSize; at++) {
        const channel = Math.floor(at / windowSamples);
        const raw = stream[(row + (at % windowSamples)) * channelCount + channel] as number;
        windows[place * windowSize + at] = raw * (manifest.scalePerChannel[channel] as number);
      }
    });
    const labels = Int32Array.from(inTime, (window) => {
      const classId = classes[window] as number;
      return classId <= activities.length ? classId - 1 : -1;
    });
    return { subject, windows, labels };
  });
  return {
    people: people.sort((a, b) => a.subject - b.subject),
    testSubjects: manifest.officialTestSubjects,
  };
}
