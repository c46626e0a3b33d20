// A data set of HAPT's form with two people and four windows, made up: for tests of what reads the real one.
import { createHash } from "node:crypto";

const ROWS = 400;
const starts = [0, 64, 200, 264];
const labels = [1, 1, 4, 7];
const subjects = [1, 1, 2, 2];

/** The manifest and the bytes of every file; both may be spoiled by whoever asked for them. */
export function tinyHapt(): {
  manifest: Record<string, unknown> & { files: Record<string, Record<string, unknown>> };
  files: Map<string, Uint8Array>;
} {
  const features = Float32Array.from({ length: starts.length * 36 }, (_, index) => index);
  const arrays = {
    x: {
      numbers: Int16Array.from({ length: ROWS * 6 }, (_, index) => index % 1000),
      dtype: "int16",
      shape: [ROWS, 6],
    },
    windowStart: { numbers: Uint32Array.from(starts), dtype: "uint32", shape: [4] },
    windowLabel: { numbers: Uint8Array.from(labels), dtype: "uint8", shape: [4] },
    windowSubject: { numbers: Uint8Array.from(subjects), dtype: "uint8", shape: [4] },
    windowExperiment: { numbers: Uint8Array.from(subjects), dtype: "uint8", shape: [4] },
    windowFeatures: { numbers: features, dtype: "float32", shape: [4, 36] },
  };
  const files = new Map<string, Uint8Array>();
  const entries: Record<string, Record<string, unknown>> = {};
  for (const [name, { numbers, dtype, shape }] of Object.entries(arrays)) {
    const bytes = new Uint8Array(numbers.buffer);
    const file = `${name.toLowerCase()}.bin`;
    files.set(file, bytes);
    entries[name] = {
      file,
      dtype,
      endian: "little",
      order: "row-major",
      shape,
      bytes: bytes.length,
      sha256: createHash("sha256").update(bytes).digest("hex"),
    };
  }
  return {
    manifest: {
      name: "har-hapt",
      sampleRateHz: 50,
      channels: ["a", "b", "c", "d", "e", "f"],
      scalePerChannel: [0.5, 0.5, 0.5, 2, 2, 2],
      streams: [
        { experiment: 1, subject: 1, start: 0, length: 200 },
        { experiment: 2, subject: 2, start: 200, length: 200 },
      ],
      window: { length: 128, hop: 64 },
      featureColumns: Array.from({ length: 36 }, (_, index) => `feature ${index}`),
      officialTestSubjects: [2],
      officialTrainSubjects: [1],
      files: entries,
    },
    files,
  };
}
