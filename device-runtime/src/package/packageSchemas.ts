// What the parts of a model package look like when they arrive. Sole owner of zod in this package; nothing that does not pass
// here reaches the runtime.
import {
  type Digest,
  decodeCbor,
  digestSchema,
  type LineId,
  lineIdSchema,
  type Outcome,
  refuse,
} from "@attune/protocol";
import { z } from "zod";
import type { FineTunePolicy } from "../core/learn/fineTunePlan.ts";
import type { GuardPolicy } from "../core/learn/localGuard.ts";
import type { MonitorPolicy } from "../core/monitor/userMonitors.ts";
import { checkOodProfile } from "../core/ood/oodProfile.ts";
import type { TriggerPolicy } from "../core/trigger/trigger.ts";
import { canonicalPlan, type TrainingPlan } from "../model/compile/trainingPlan.ts";
import type { Calibration } from "./calibration.ts";
import type { Learning } from "./learning.ts";
import {
  PACKAGE_CHANNELS_MAX,
  PACKAGE_LABELS_MAX,
  PACKAGE_NAME_LENGTH_MAX,
  WINDOW_VALUES_MAX,
} from "./limits.ts";
import type { PartBytes } from "./modelPackage.ts";
import type { Preprocessing } from "./preprocessing.ts";

/** First fields of a package file. */
export const PACKAGE_FORMAT = { format: "attune-model-package", formatVersion: 1 } as const;

const count = z.int().min(0);
const positiveCount = z.int().min(1);
const share = z.number().min(0).lt(1);
const positive = z.number().positive();
const name = z.string().min(1).max(PACKAGE_NAME_LENGTH_MAX);

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, {
  message: "must be bytes",
});

const preprocessing: z.ZodType<Preprocessing> = z
  .object({
    labels: z
      .array(name)
      .min(2)
      .max(PACKAGE_LABELS_MAX)
      .refine((labels) => new Set(labels).size === labels.length, {
        message: "must name each label once",
      }),
    channels: z
      .array(
        z.object({
          name,
          offset: z.number(),
          scale: z.number().refine((scale) => scale !== 0, { message: "must not be 0" }),
        }),
      )
      .min(1)
      .max(PACKAGE_CHANNELS_MAX),
    windowSamples: positiveCount,
    hopSamples: positiveCount,
    sampleRateHz: positive,
    layout: z.enum(["channelsFirst", "samplesFirst"]),
  })
  .refine(({ channels, windowSamples }) => channels.length * windowSamples <= WINDOW_VALUES_MAX, {
    message: `must have windows of at most ${WINDOW_VALUES_MAX} values`,
  });

const calibration: z.ZodType<Calibration> = z.object({
  temperature: positive,
  ood: z.object({
    profile: z.object({
      dimension: positiveCount,
      classCount: positiveCount,
      sampleCounts: z.instanceof(Uint32Array),
      means: z.instanceof(Float64Array),
      factor: z.instanceof(Float64Array),
      shrinkage: z.number().positive().max(1),
    }),
    // Infinity where too few windows were seen.
    threshold: z.custom<number>((value) => typeof value === "number" && value > 0, {
      message: "must be a number above 0",
    }),
    alpha: z.number().gt(0).lt(1),
    count,
  }),
  reference: z.object({
    errorRate: share,
    outlierShare: share,
    confidence: z.number().gt(0).max(1),
    count,
  }),
});

const plan: z.ZodType<TrainingPlan> = z.object({
  scope: z.union([
    z.enum(["head", "bias", "all"]),
    z.object({ lastLayers: positiveCount }),
    z.object({ names: z.array(z.string().max(512)).min(1).max(4096) }),
  ]),
  loss: z.object({
    // Devices learn from labels, each of which counts alike.
    kind: z.enum(["crossEntropy"]),
    sampleWeights: z.literal(false).optional(),
  }),
  optimizer: z.union([
    z.object({ kind: z.literal("sgd"), weightDecay: z.number().optional() }),
    z.object({
      kind: z.literal("momentum"),
      momentum: z.number().optional(),
      weightDecay: z.number().optional(),
    }),
    z.object({
      kind: z.enum(["adam", "adamw"]),
      beta1: z.number().optional(),
      beta2: z.number().optional(),
      epsilon: z.number().optional(),
      weightDecay: z.number().optional(),
    }),
  ]),
  pullToBase: z.number().optional(),
}) as unknown as z.ZodType<TrainingPlan>;

const fineTune: z.ZodType<FineTunePolicy> = z.object({
  batchSize: positiveCount.max(4096),
  epochs: positive,
  stepsMin: positiveCount,
  stepsMax: positiveCount,
  stepsPerSlice: positiveCount,
  learningRate: positive,
  learningRateFinalRatio: z.number().min(0).max(1),
  sampleCountMin: positiveCount,
  classCountMin: positiveCount,
  holdout: z.object({ blockLength: positiveCount, everyKth: count, overlapLength: count }),
});

const kind = z.enum(["errorRate", "outlierShare", "uncertainty"]);

const trigger: z.ZodType<TriggerPolicy> = z.object({
  rules: z
    .array(
      z.union([
        z.object({
          kind: z.literal("alarm"),
          alarm: kind,
          countMin: positiveCount,
          withinMs: positive,
          action: z.enum(["train", "ask-feedback"]),
        }),
        z.object({ kind: z.literal("newFeedback"), countMin: positiveCount }),
        z.object({ kind: z.literal("schedule"), everyMs: positive }),
      ]),
    )
    .max(64),
  feedbackMin: count,
  coolDownMs: count,
  budget: z.object({ stepsPerDayMax: count }),
});

const guard: z.ZodType<GuardPolicy> = z.object({
  rule: z.enum(["evidence", "never", "always"]),
  adoptLimit: z.number().min(1),
  dropLimit: z.number().min(1),
  revertLimit: z.number().min(1),
  afterAdoption: z.enum(["follow", "test"]),
  pairsMax: positiveCount,
  blockLength: positiveCount,
  overlapLength: count,
});

const rate = z.object({
  blockLength: positiveCount,
  averageRunLengthMin: z.number().min(10),
  slack: share,
  baselineBlocks: count,
  priorBlocks: z.number().min(0),
});
const monitor: z.ZodType<MonitorPolicy> = z.object({
  errorRate: rate,
  outlierShare: rate,
  uncertainty: rate,
});

const learning: z.ZodType<Learning> = z.object({
  plan,
  fineTune,
  trigger,
  guard,
  monitor,
  validation: z.object({ countMin: count, lossesOverWinsMax: count }),
  limits: z.object({
    replayBytesMax: positiveCount,
    pendingPredictionsMax: positiveCount.max(65_536),
    clipNorm: positive,
    reportIntervalMs: count,
  }),
  rehearsal: z
    .object({ windows: z.instanceof(Float32Array), labels: z.instanceof(Int32Array) })
    .optional(),
});

const packageFile: z.ZodType<{
  readonly line: LineId;
  readonly checksum: Digest;
  readonly parts: PartBytes;
}> = z.object({
  format: z.literal(PACKAGE_FORMAT.format),
  formatVersion: z.literal(PACKAGE_FORMAT.formatVersion),
  line: lineIdSchema,
  checksum: digestSchema,
  parts: z.object({
    graph: bytes,
    parameters: bytes,
    preprocessing: bytes,
    calibration: bytes,
    learning: bytes,
  }),
});

function parse<T>(what: string, schema: z.ZodType<T>, value: unknown): Outcome<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return { ok: true, value: parsed.data };
  const issue = parsed.error.issues[0];
  const path = [what, ...(issue?.path ?? [])].join(".");
  return refuse(
    "message.schema_invalid",
    `${path}: ${issue?.message ?? "invalid"}; make the package again with createModelPackage`,
  );
}

function parsePart<T>(what: string, schema: z.ZodType<T>, part: Uint8Array): Outcome<T> {
  const decoded = decodeCbor(part);
  return decoded.ok ? parse(what, schema, decoded.value) : decoded;
}

/** Reads a preprocessing part. */
export function parsePreprocessing(part: Uint8Array): Outcome<Preprocessing> {
  return parsePart("preprocessing", preprocessing, part);
}

/** Reads a calibration part, whose profile must be of so many classes. */
export function parseCalibration(part: Uint8Array, classCount: number): Outcome<Calibration> {
  const parsed = parsePart("calibration", calibration, part);
  if (!parsed.ok) return parsed;
  const profile = checkOodProfile(parsed.value.ood.profile);
  if (!profile.ok) return profile;
  if (profile.value.classCount !== classCount) {
    return refuse(
      "input.shape_mismatch",
      `calibration is of ${profile.value.classCount} classes, preprocessing names ${classCount}; make them of one model`,
    );
  }
  return parsed;
}

/** Reads a learning part. */
export function parseLearning(part: Uint8Array): Outcome<Learning> {
  const parsed = parsePart("learning", learning, part);
  if (!parsed.ok) return parsed;
  const checked = canonicalPlan(parsed.value.plan);
  return checked.ok ? parsed : checked;
}

/** Reads the outside of a package file. */
export function parsePackageFile(
  value: unknown,
): Outcome<{ readonly line: LineId; readonly checksum: Digest; readonly parts: PartBytes }> {
  return parse("package", packageFile, value);
}
