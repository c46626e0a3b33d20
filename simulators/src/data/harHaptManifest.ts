// What the manifest of the HAPT folder must say before any of its bytes is believed. It reads no files.
import { Fault } from "@attune/protocol";
import { z } from "zod";
import {
  CHANNEL_COUNT,
  HOP_SAMPLES,
  SAMPLE_RATE_HZ,
  WINDOW_SAMPLES,
} from "../people/inertialWindow.ts";

/** One file of numbers. */
export interface HarHaptArray<DataType extends string> {
  readonly file: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly bytes: number;
  readonly sha256: string;
}

/** A manifest whose numbers fit each other. */
export interface HarHaptManifest {
  /** `value = int16 * scalePerChannel[channel]`. */
  readonly scalePerChannel: readonly number[];
  readonly streams: readonly {
    readonly experiment: number;
    readonly subject: number;
    readonly start: number;
    readonly length: number;
  }[];
  readonly featureColumns: readonly string[];
  readonly officialTestSubjects: readonly number[];
  readonly officialTrainSubjects: readonly number[];
  readonly files: {
    readonly x: HarHaptArray<"int16">;
    readonly windowStart: HarHaptArray<"uint32">;
    readonly windowLabel: HarHaptArray<"uint8">;
    readonly windowSubject: HarHaptArray<"uint8">;
    readonly windowExperiment: HarHaptArray<"uint8">;
    readonly windowFeatures: HarHaptArray<"float32">;
  };
}

const count: z.ZodNumber = z.number().int().nonnegative();

function arrayOf<DataType extends string>(dtype: DataType): z.ZodType<HarHaptArray<DataType>> {
  return z.object({
    // A plain name: a manifest cannot point outside its folder.
    file: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/),
    dtype: z.literal(dtype),
    endian: z.literal("little"),
    order: z.literal("row-major"),
    shape: z.array(count).min(1).max(2),
    bytes: count,
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
  });
}

const schema: z.ZodType<HarHaptManifest> = z
  .object({
    name: z.literal("har-hapt"),
    sampleRateHz: z.literal(SAMPLE_RATE_HZ),
    channels: z.array(z.string()).length(CHANNEL_COUNT),
    scalePerChannel: z.array(z.number().positive()).length(CHANNEL_COUNT),
    streams: z
      .array(z.object({ experiment: count, subject: count, start: count, length: count }))
      .min(1),
    window: z.object({ length: z.literal(WINDOW_SAMPLES), hop: z.literal(HOP_SAMPLES) }),
    featureColumns: z.array(z.string()).min(1),
    officialTestSubjects: z.array(count).min(1),
    officialTrainSubjects: z.array(count).min(1),
    files: z.object({
      x: arrayOf("int16"),
      windowStart: arrayOf("uint32"),
      windowLabel: arrayOf("uint8"),
      windowSubject: arrayOf("uint8"),
      windowExperiment: arrayOf("uint8"),
      windowFeatures: arrayOf("float32"),
    }),
  })
  .superRefine(({ files, featureColumns }, context) => {
    const windows = files.windowStart.shape[0] ?? 0;
    const expected = {
      x: [files.x.shape[0] ?? 0, CHANNEL_COUNT],
      windowStart: [windows],
      windowLabel: [windows],
      windowSubject: [windows],
      windowExperiment: [windows],
      windowFeatures: [windows, featureColumns.length],
    };
    const width = { int16: 2, uint32: 4, uint8: 1, float32: 4 };
    for (const name of Object.keys(expected) as (keyof typeof expected)[]) {
      const dims = expected[name];
      const { shape, bytes, dtype } = files[name];
      const size = dims.reduce((product, dim) => product * dim, width[dtype]);
      if (shape.join() !== dims.join() || bytes !== size) {
        context.addIssue({
          code: "custom",
          path: ["files", name],
          message: `shape [${shape.join(", ")}] of ${bytes} bytes, must be [${dims.join(", ")}] of ${size}`,
        });
      }
    }
  });

/**
 * Reads a manifest.
 *
 * @param text JSON
 * @throws Fault `data.manifest_invalid`
 */
export function parseHarHaptManifest(text: string): HarHaptManifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid("it is not JSON", cause);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const [first] = parsed.error.issues;
    throw invalid(`${first?.path.join(".")}: ${first?.message}`, parsed.error);
  }
  return parsed.data;
}

function invalid(why: string, cause: unknown): Fault {
  return new Fault(`the manifest of har-hapt cannot be used: ${why}`, {
    code: "data.manifest_invalid",
    hint: "take manifest.json and its arrays from the same place; they were made together",
    cause,
  });
}
