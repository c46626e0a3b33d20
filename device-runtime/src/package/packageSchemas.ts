// What the parts of a model package look like when they arrive. Nothing that does not pass here reaches the runtime.
import {
  checkSchema,
  type Digest,
  decodeCbor,
  digestSchema,
  type LineId,
  lineIdSchema,
  type Outcome,
  refuse,
  TENSOR_COUNT_MAX,
  TENSOR_RANK_MAX,
} from "@attune/protocol";
import * as z from "zod/mini";
import type { FineTunePolicy } from "../core/learn/fineTunePlan.ts";
import type { GuardPolicy } from "../core/learn/localGuard.ts";
import {
  checkFeatureReference,
  type FeatureReference,
} from "../core/monitor/features/featureReference.ts";
import type { MonitorPolicy } from "../core/monitor/userMonitors.ts";
import { checkOodProfile } from "../core/ood/checkOodProfile.ts";
import { type OodKind, type OodProfile } from "../core/ood/oodProfile.ts";
import { checkPopulation } from "../core/ood/populationScores.ts";
import { areAxes } from "../core/ood/windowStatistics.ts";
import { checkProfile, type Profile } from "../core/profile/profile.ts";
import type { AlarmCause, TriggerPolicy } from "../core/trigger/trigger.ts";
import { type BusinessRule } from "../core/validation/businessRules.ts";
import { checkBusinessRules } from "../core/validation/checkBusinessRules.ts";
import { checkDataRules, type DataRules } from "../core/validation/dataRules.ts";
import type { TrainingPlan } from "../model/compile/trainingPlan.ts";
import type { Calibration } from "./calibration.ts";
import type { Learning } from "./learning.ts";
import type { LeftOutPair } from "./leaveOneOut.ts";
import {
  LEAVE_OUT_PAIRS_MAX,
  PACKAGE_CHANNELS_MAX,
  PACKAGE_LABELS_MAX,
  PACKAGE_NAME_LENGTH_MAX,
  PACKAGE_VECTORS_MAX,
  PLAN_DIMS_MAX,
  PROFILE_BINS_MAX,
  SERIES_NAME_LENGTH_MAX,
  WINDOW_VALUES_MAX,
} from "./limits.ts";
import type { PartBytes } from "./modelPackage.ts";
import type { OodInputSpec } from "./oodInput.ts";
import { PACKAGE_FORMAT } from "./packageFormat.ts";
import type { Preprocessing } from "./preprocessing.ts";
import type { ServingForm } from "./servingForm.ts";
import { watchedLayout } from "./watchedLayout.ts";

/** What is in a package file. */
interface PackageFile {
  readonly line: LineId;
  readonly checksum: Digest;
  readonly parts: PartBytes;
  /** See {@link parseServing}; files of before have none. */
  readonly serving?: Uint8Array | undefined;
}

const count = z.int().check(z.minimum(0));
const positiveCount = z.int().check(z.minimum(1));
const share = z.number().check(z.minimum(0), z.lt(1));
const positive = z.number().check(z.positive());
const name = z.string().check(z.minLength(1), z.maxLength(PACKAGE_NAME_LENGTH_MAX));

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, {
  message: "must be bytes",
});

const preprocessing: z.ZodMiniType<Preprocessing> = z
  .object({
    labels: z.array(name).check(
      z.minLength(2),
      z.maxLength(PACKAGE_LABELS_MAX),
      z.refine((labels) => new Set(labels).size === labels.length, {
        message: "must name each label once",
      }),
    ),
    channels: z
      .array(
        z.object({
          name,
          offset: z.number(),
          scale: z.number().check(z.refine((scale) => scale !== 0, { message: "must not be 0" })),
        }),
      )
      .check(z.minLength(1), z.maxLength(PACKAGE_CHANNELS_MAX)),
    windowSamples: positiveCount,
    hopSamples: positiveCount,
    sampleRateHz: positive,
    layout: z.enum(["channelsFirst", "samplesFirst"]),
  })
  .check(
    z.refine(
      ({ channels, windowSamples }) => channels.length * windowSamples <= WINDOW_VALUES_MAX,
      { message: `must have windows of at most ${WINDOW_VALUES_MAX} values` },
    ),
  );

const float64s = z.instanceof(Float64Array);
const gaussian = z.object({
  dimension: positiveCount,
  classCount: positiveCount,
  sampleCounts: z.instanceof(Uint32Array),
  means: float64s,
  factor: float64s,
  shrinkage: z.number().check(z.positive(), z.maximum(1)),
});

const relativeMahalanobis = z.object({
  kind: z.literal("relativeMahalanobis"),
  classes: gaussian,
  background: gaussian,
});
const knn = z.object({
  kind: z.literal("knn"),
  dimension: positiveCount,
  neighbours: positiveCount,
  centre: float64s,
  factor: float64s,
  references: z.instanceof(Float32Array),
  lengths: z.instanceof(Float32Array),
  lengthWeight: z.number(),
});
const scoreScale = z.object({ middle: z.number(), spread: z.number() });

// Shapes only: what belongs together is checked by checkOodProfile.
const oodProfile: z.ZodMiniType<OodProfile> = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("mahalanobis"), classes: gaussian }),
  relativeMahalanobis,
  z.object({
    kind: z.literal("combined"),
    neighbours: knn,
    relative: relativeMahalanobis,
    neighboursScale: scoreScale,
    relativeScale: scoreScale,
  }),
  knn,
  z.object({
    kind: z.literal("vim"),
    dimension: positiveCount,
    classCount: positiveCount,
    centre: float64s,
    scale: float64s,
    residual: float64s,
    weight: z.number(),
  }),
  z.object({ kind: z.literal("energy"), classCount: positiveCount, temperature: positive }),
  z.object({ kind: z.literal("maximumSoftmax"), classCount: positiveCount }),
  z.object({ kind: z.literal("maxLogit"), classCount: positiveCount }),
  z.object({
    kind: z.literal("isolationForest"),
    dimension: positiveCount,
    subsample: positiveCount,
    roots: z.instanceof(Uint32Array),
    cutFeatures: z.instanceof(Int16Array),
    cutValues: float64s,
    rights: z.instanceof(Uint32Array),
  }),
]);
const oodKind: z.ZodMiniType<OodKind> = z.enum([
  "combined",
  "mahalanobis",
  "relativeMahalanobis",
  "knn",
  "vim",
  "energy",
  "maximumSoftmax",
  "maxLogit",
  "isolationForest",
]);

const oodInput: z.ZodMiniType<OodInputSpec> = z.object({
  reads: z.enum(["features", "statistics", "both"]),
  vectors: z
    .array(
      z
        .array(count.check(z.maximum(PACKAGE_CHANNELS_MAX)))
        .check(z.minLength(2), z.maxLength(PACKAGE_VECTORS_MAX)),
    )
    .check(z.maxLength(PACKAGE_VECTORS_MAX)),
});

const rateUpToOne = z.number().check(z.minimum(0), z.maximum(1));

// Shapes only: what belongs together is checked by checkFeatureReference.
const featureReference: z.ZodMiniType<FeatureReference> = z.object({
  version: z.literal(2),
  layout: z.object({
    featureCount: positiveCount,
    series: z.array(
      z.object({
        name: z.string().check(z.maxLength(SERIES_NAME_LENGTH_MAX)),
        features: z.array(count),
        isChannel: z.boolean(),
      }),
    ),
    logFeatures: z.array(count),
    axes: z.array(z.array(count)),
    logFloor: positive,
  }),
  classCount: positiveCount,
  baselineCount: positiveCount,
  means: float64s,
  withinVariances: float64s,
  betweenVariances: float64s,
  factor: float64s,
  scoreLimits: float64s,
  changeFactor: float64s,
  changeLimits: float64s,
});

const calibration: z.ZodMiniType<Calibration> = z.object({
  temperature: positive,
  ood: z.object({
    version: z.literal(1),
    input: oodInput,
    profile: oodProfile,
    // Infinity where too few windows were seen; some scores are below 0.
    threshold: z.custom<number>((value) => typeof value === "number" && !Number.isNaN(value), {
      message: "must be a number",
    }),
    alpha: z.number().check(z.gt(0), z.lt(1)),
    count,
    population: z.object({ edges: float64s, shares: float64s, personCount: positiveCount }),
    personal: z.object({
      priorCount: positive.check(z.maximum(1e6)),
      halfLifeWindows: z.number().check(z.minimum(1), z.maximum(1e9)),
      baselineWindows: count,
      commonShare: rateUpToOne.check(z.gt(0)),
      commonWeight: z.number().check(z.minimum(1), z.maximum(1e3)),
    }),
    leaveOneOut: z.object({
      pairs: z
        .array(
          z.object({
            leftOut: count,
            answered: count,
            auroc: rateUpToOne,
            best: oodKind,
            bestAuroc: rateUpToOne,
            leftOutCount: count,
            answeredCount: count,
          }),
        )
        .check(z.maxLength(LEAVE_OUT_PAIRS_MAX)),
      isOptimistic: z.boolean(),
    }),
  }),
  abstention: z.object({
    confidenceMin: rateUpToOne,
    coverage: rateUpToOne,
    errorRate: rateUpToOne,
    errorRateOfAll: rateUpToOne,
    count,
  }),
  reference: z.object({
    errorRate: share,
    outlierShare: share,
    confidence: z.number().check(z.gt(0), z.maximum(1)),
    count,
  }),
  drift: z.optional(
    z.object({
      features: z.nullable(featureReference),
      errors: z.nullable(
        z.object({ threshold: rateUpToOne, errorRate: rateUpToOne, confidence: rateUpToOne }),
      ),
    }),
  ),
  // Checked by checkProfile, which says more.
  profile: z.optional(z.custom<Profile>((value) => typeof value === "object" && value !== null)),
});

const parameterNames = z
  .array(z.string().check(z.maxLength(512)))
  .check(z.minLength(1), z.maxLength(4096));
const plan: z.ZodMiniType<TrainingPlan> = z.object({
  scope: z.union(
    [
      z.enum(["head", "bias", "norm", "all"]),
      z.strictObject({ lastLayers: positiveCount }),
      z.strictObject({
        lowRank: positiveCount,
        scale: z.optional(positive),
        weights: z.optional(parameterNames),
      }),
      z.strictObject({ names: parameterNames }),
    ],
    {
      message:
        'a scope is one of "head", "bias", "norm", "all", { lastLayers }, { lowRank } and { names }',
    },
  ),
  loss: z.object({
    // Devices learn from labels, each of which counts alike.
    kind: z.enum(["crossEntropy"]),
    sampleWeights: z.optional(z.literal(false)),
    labelSmoothing: z.optional(z.number()),
    classWeights: z.optional(z.array(z.number()).check(z.maxLength(4096))),
    distillation: z.optional(z.object({ weight: z.number(), temperature: z.optional(z.number()) })),
  }),
  optimizer: z.union([
    z.object({ kind: z.literal("sgd"), weightDecay: z.optional(z.number()) }),
    z.object({
      kind: z.enum(["momentum", "nesterov"]),
      momentum: z.optional(z.number()),
      weightDecay: z.optional(z.number()),
    }),
    z.object({
      kind: z.enum(["adam", "adamw"]),
      beta1: z.optional(z.number()),
      beta2: z.optional(z.number()),
      epsilon: z.optional(z.number()),
      weightDecay: z.optional(z.number()),
    }),
  ]),
  pullToBase: z.optional(z.number()),
  clipNorm: z.optional(z.number()),
  dims: z.optional(
    z
      .record(z.string().check(z.maxLength(512)), positiveCount.check(z.maximum(WINDOW_VALUES_MAX)))
      .check(
        z.refine((dims) => Object.keys(dims).length <= PLAN_DIMS_MAX, {
          message: `must fix at most ${PLAN_DIMS_MAX} dimensions`,
        }),
      ),
  ),
  batchNormalization: z.optional(z.enum(["frozen", "train"])),
  lowering: z.optional(
    z.object({
      engine: z.optional(z.enum(["node", "wasm", "webgpu"])),
      batchSize: z.optional(positiveCount),
      forms: z.optional(
        z.record(z.string().check(z.maxLength(512)), z.string().check(z.maxLength(64))),
      ),
    }),
  ),
}) as unknown as z.ZodMiniType<TrainingPlan>;

const fineTune: z.ZodMiniType<FineTunePolicy> = z.object({
  batchSize: positiveCount.check(z.maximum(4096)),
  epochs: positive,
  stepsMin: positiveCount,
  stepsMax: positiveCount,
  stepsPerSlice: positiveCount,
  learningRate: positive,
  learningRateFinalRatio: z.number().check(z.minimum(0), z.maximum(1)),
  sampleCountMin: positiveCount,
  classCountMin: positiveCount,
  holdout: z.object({ blockLength: positiveCount, everyKth: count, overlapLength: count }),
});

const alarmCause: z.ZodMiniType<AlarmCause> = z.enum([
  "errorRate",
  "outlierShare",
  "uncertainty",
  "features",
  "businessRule",
]);

const trigger: z.ZodMiniType<TriggerPolicy> = z.object({
  rules: z
    .array(
      z.union([
        z.object({
          kind: z.literal("alarm"),
          alarm: alarmCause,
          countMin: positiveCount,
          withinMs: positive,
          action: z.enum(["train", "ask-feedback"]),
        }),
        z.object({ kind: z.literal("newFeedback"), countMin: positiveCount }),
        z.object({ kind: z.literal("schedule"), everyMs: positive }),
      ]),
    )
    .check(z.maxLength(64)),
  feedbackMin: count,
  coolDownMs: count,
  budget: z.object({ stepsPerDayMax: count }),
});

const guard: z.ZodMiniType<GuardPolicy> = z.object({
  rule: z.enum(["evidence", "never", "always"]),
  winMargin: share,
  adoptLimit: z.number().check(z.minimum(1)),
  dropLimit: z.number().check(z.minimum(1)),
  revertLimit: z.number().check(z.minimum(1)),
  afterAdoption: z.enum(["follow", "test"]),
  pairsMax: positiveCount,
  blockLength: positiveCount,
  overlapLength: count,
});

const rate = z.object({
  blockLength: positiveCount,
  averageRunLengthMin: z.number().check(z.minimum(10)),
  slack: share,
  baselineBlocks: count,
  priorBlocks: z.number().check(z.minimum(0)),
});
const monitor: z.ZodMiniType<MonitorPolicy> = z.object({
  errorRate: rate,
  outlierShare: rate,
  uncertainty: rate,
});

// Shapes only: whether they can be kept is checked by checkDataRules and checkBusinessRules.
const dataRules: z.ZodMiniType<DataRules> = z.object({
  channels: z
    .array(
      z.object({
        channel: name,
        range: z.optional(z.object({ min: z.number(), max: z.number() })),
        missing: z.optional(z.object({ value: z.number(), shareMax: z.number() })),
        stuckSamples: z.optional(positiveCount),
        saturation: z.optional(
          z.object({ low: z.number(), high: z.number(), shareMax: z.number() }),
        ),
      }),
    )
    .check(z.maxLength(PACKAGE_CHANNELS_MAX)),
  duplicateMemory: count,
  gapMsMax: z.nullable(z.number()),
});
const businessRule: z.ZodMiniType<BusinessRule> = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("duration"), name, label: name, windowsMax: positiveCount }),
  z.object({
    kind: z.literal("rate"),
    name,
    label: name,
    windows: positiveCount,
    shareMin: z.number(),
    shareMax: z.number(),
  }),
  z.object({ kind: z.literal("transition"), name, from: name, to: name }),
]);

const learning: z.ZodMiniType<Learning> = z.object({
  plan,
  fineTune,
  trigger,
  guard,
  monitor,
  validation: z.object({ countMin: count, lossesOverWinsMax: count }),
  dataRules,
  businessRules: z.array(businessRule),
  limits: z.object({
    replayBytesMax: positiveCount,
    pendingPredictionsMax: positiveCount.check(z.maximum(65_536)),
    clipNorm: positive,
    reportIntervalMs: count,
  }),
  rehearsal: z.optional(
    z.object({ windows: z.instanceof(Float32Array), labels: z.instanceof(Int32Array) }),
  ),
});

const packageFile: z.ZodMiniType<PackageFile> = z.object({
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
  serving: z.optional(bytes),
});

const dims = z.array(count).check(z.maxLength(TENSOR_RANK_MAX));
// Shapes only: whether gaps fit graph and parameters shows when they are filled.
const serving: z.ZodMiniType<ServingForm> = z.object({
  madeOf: z.object({ graph: digestSchema, learning: digestSchema }),
  graph: bytes,
  gaps: z
    .array(z.object({ name: z.string(), offset: count, length: count }))
    .check(z.maxLength(TENSOR_COUNT_MAX)),
  names: z.object({ data: z.string(), logits: z.string(), features: z.string() }),
  parameters: z.array(z.object({ name: z.string(), dims })).check(z.maxLength(TENSOR_COUNT_MAX)),
  sampleDims: dims,
  logitCount: positiveCount,
  featureCount: positiveCount,
  areFeaturesShared: z.boolean(),
});

const schemas = { preprocessing, calibration, learning, packageFile, serving, oodInput };

/** What the parts of a package look like that are data. */
export const partSchemas: Readonly<Record<string, z.ZodMiniType>> = {
  preprocessing: schemas.preprocessing,
  calibration: schemas.calibration,
  learning: schemas.learning,
};

/** How the windows are described that scores look at. */
export const oodInputSchema: z.ZodMiniType<OodInputSpec> = schemas.oodInput;

function parse<T>(what: string, schema: z.ZodMiniType<T>, value: unknown): Outcome<T> {
  return checkSchema(schema, value, what, "make the package again with createModelPackage");
}

function parsePart<T>(what: string, schema: z.ZodMiniType<T>, part: Uint8Array): Outcome<T> {
  const decoded = decodeCbor(part);
  return decoded.ok ? parse(what, schema, decoded.value) : decoded;
}

/** Reads a preprocessing part. */
export function parsePreprocessing(part: Uint8Array): Outcome<Preprocessing> {
  return parsePart("preprocessing", schemas.preprocessing, part);
}

/** Reads a calibration part, which must be of these windows and classes. */
export function parseCalibration(part: Uint8Array, windows: Preprocessing): Outcome<Calibration> {
  const { labels, channels } = windows;
  const parsed = parsePart("calibration", schemas.calibration, part);
  if (!parsed.ok) return parsed;
  const { profile, population, input, leaveOneOut } = parsed.value.ood;
  const soundProfile = checkOodProfile(profile);
  if (!soundProfile.ok) return soundProfile;
  const soundPopulation = checkPopulation(population);
  if (!soundPopulation.ok) return soundPopulation;
  if (!input.vectors.every((axes) => areAxes(axes, channels.length))) {
    return refuse(
      "input.shape_mismatch",
      `calibration has vectors of channels that are not there; there are ${channels.length}`,
    );
  }
  const classCount = labels.length;
  const namedClassCount =
    profile.kind === "mahalanobis" || profile.kind === "relativeMahalanobis"
      ? profile.classes.classCount
      : profile.kind === "combined"
        ? profile.relative.classes.classCount
        : classCount;
  const isOfThese = ({ leftOut, answered }: LeftOutPair): boolean =>
    leftOut < classCount && answered < classCount;
  if (namedClassCount !== classCount || !leaveOneOut.pairs.every(isOfThese)) {
    return refuse(
      "input.shape_mismatch",
      `calibration is of other classes than the ${classCount} that preprocessing names; make them of one model`,
    );
  }
  const people = parsed.value.profile;
  if (people !== undefined) {
    const soundPeople = checkPeople(people, windows);
    if (!soundPeople.ok) return soundPeople;
  }
  const watched = parsed.value.drift?.features ?? null;
  return watched === null ? parsed : checkWatched(parsed, watched, windows);
}

/** A profile must be of the features that a device makes of its windows. */
function checkPeople(people: Profile, windows: Preprocessing): Outcome<Profile> {
  const sound = checkProfile(people);
  if (!sound.ok) return sound;
  const { edges, classCount } = people.layout;
  const featureCount = watchedLayout(windows)?.featureCount;
  if (edges.some((own) => own.length >= PROFILE_BINS_MAX)) {
    return refuse(
      "input.shape_mismatch",
      `calibration profiles a feature in more than ${PROFILE_BINS_MAX} bins; measure it with buildReference`,
    );
  }
  if (edges.length === featureCount && classCount === windows.labels.length) return sound;
  return refuse(
    "input.shape_mismatch",
    `calibration profiles ${edges.length} features in ${classCount} classes, its windows have ${featureCount ?? "too many"} in ${windows.labels.length}; make them of one model`,
  );
}

/** Features must be those that a device makes of its windows. */
function checkWatched(
  parsed: Outcome<Calibration>,
  watched: FeatureReference,
  windows: Preprocessing,
): Outcome<Calibration> {
  const sound = checkFeatureReference(watched);
  if (!sound.ok) return sound;
  const layout = watchedLayout(windows);
  const isOfThese =
    layout?.featureCount === watched.layout.featureCount &&
    watched.classCount === windows.labels.length;
  if (isOfThese) return parsed;
  return refuse(
    "input.shape_mismatch",
    `calibration watches ${watched.layout.featureCount} features in ${watched.classCount} classes, its windows have ${layout?.featureCount ?? "too many"} in ${windows.labels.length}; make them of one model`,
  );
}

/**
 * Reads a learning part, whose rules must be about these channels and labels. Of the plan only the shape is checked: whether it compiles
 * the training compiler says, where a package is made and before a device takes a version on.
 */
export function parseLearning(
  part: Uint8Array,
  { channels, labels, windowSamples }: Preprocessing,
): Outcome<Learning> {
  const parsed = parsePart("learning", schemas.learning, part);
  if (!parsed.ok) return parsed;
  const { dataRules: data, businessRules } = parsed.value;
  const soundData = checkDataRules(
    data,
    channels.map((channel) => channel.name),
    windowSamples,
  );
  if (!soundData.ok) return soundData;
  const soundRules = checkBusinessRules(businessRules, labels);
  return soundRules.ok ? parsed : soundRules;
}

/** Reads the form that a package's model answers in. */
export function parseServing(part: Uint8Array): Outcome<ServingForm> {
  return parsePart("serving", schemas.serving, part);
}

/** Reads the outside of a package file. */
export function parsePackageFile(value: unknown): Outcome<PackageFile> {
  return parse("package", schemas.packageFile, value);
}
