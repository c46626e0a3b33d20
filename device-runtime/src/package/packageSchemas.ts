// What the parts of a model package look like when they arrive. Nothing that does not pass
// here reaches the runtime.
import {
  accept,
  type Digest,
  decodeCbor,
  digestSchema,
  type LineId,
  lineIdSchema,
  type Outcome,
  refuse,
  schema as s,
} from "@attune/protocol";
import type { FineTunePolicy } from "../core/learn/fineTunePlan.ts";
import type { GuardPolicy } from "../core/learn/localGuard.ts";
import {
  checkFeatureReference,
  type FeatureReference,
} from "../core/monitor/features/featureReference.ts";
import type { MonitorPolicy } from "../core/monitor/userMonitors.ts";
import {
  checkOodProfile,
  type OodKind,
  type OodMethod,
  type OodProfile,
} from "../core/ood/oodProfile.ts";
import { checkPopulation } from "../core/ood/populationScores.ts";
import { areAxes } from "../core/ood/windowStatistics.ts";
import type { AlarmCause, TriggerPolicy } from "../core/trigger/trigger.ts";
import { type BusinessRule, checkBusinessRules } from "../core/validation/businessRules.ts";
import { checkDataRules, type DataRules } from "../core/validation/dataRules.ts";
import type { TrainingPlan } from "../model/compile/trainingPlan.ts";
import type { OodPlan } from "./buildReference.ts";
import type { Calibration } from "./calibration.ts";
import type { Learning } from "./learning.ts";
import type { LeftOutPair } from "./leaveOneOut.ts";
import {
  LEAVE_OUT_PAIRS_MAX,
  PACKAGE_CHANNELS_MAX,
  PACKAGE_LABELS_MAX,
  PACKAGE_NAME_LENGTH_MAX,
  PACKAGE_VECTORS_MAX,
  SERIES_NAME_LENGTH_MAX,
  WINDOW_VALUES_MAX,
} from "./limits.ts";
import type { PartBytes } from "./modelPackage.ts";
import type { OodInputSpec } from "./oodInput.ts";
import type { Preprocessing } from "./preprocessing.ts";
import { watchedLayout } from "./watchedFeatures.ts";

/** First fields of a package file. */
export const PACKAGE_FORMAT = { format: "attune-model-package", formatVersion: 1 } as const;

const count = s.int().min(0);
const positiveCount = s.int().min(1);
const share = s.number().min(0).lt(1);
const positive = s.number().positive();
const name = s.string().min(1).max(PACKAGE_NAME_LENGTH_MAX);

const bytes = s.custom<Uint8Array>((value) => value instanceof Uint8Array, {
  message: "must be bytes",
});

const preprocessing: s.Schema<Preprocessing> = s
  .object({
    labels: s
      .array(name)
      .min(2)
      .max(PACKAGE_LABELS_MAX)
      .refine((labels) => new Set(labels).size === labels.length, {
        message: "must name each label once",
      }),
    channels: s
      .array(
        s.object({
          name,
          offset: s.number(),
          scale: s.number().refine((scale) => scale !== 0, { message: "must not be 0" }),
        }),
      )
      .min(1)
      .max(PACKAGE_CHANNELS_MAX),
    windowSamples: positiveCount,
    hopSamples: positiveCount,
    sampleRateHz: positive,
    layout: s.oneOf(["channelsFirst", "samplesFirst"]),
  })
  .refine(({ channels, windowSamples }) => channels.length * windowSamples <= WINDOW_VALUES_MAX, {
    message: `must have windows of at most ${WINDOW_VALUES_MAX} values`,
  });

const float64s = s.instance(Float64Array);
const gaussian = s.object({
  dimension: positiveCount,
  classCount: positiveCount,
  sampleCounts: s.instance(Uint32Array),
  means: float64s,
  factor: float64s,
  shrinkage: s.number().positive().max(1),
});

const relativeMahalanobis = s.object({
  kind: s.literal("relativeMahalanobis"),
  classes: gaussian,
  background: gaussian,
});
const knn = s.object({
  kind: s.literal("knn"),
  dimension: positiveCount,
  neighbours: positiveCount,
  centre: float64s,
  factor: float64s,
  references: s.instance(Float32Array),
  lengths: s.instance(Float32Array),
  lengthWeight: s.number(),
});
const scoreScale = s.object({ middle: s.number(), spread: s.number() });

// Shapes only: what belongs together is checked by checkOodProfile.
const oodProfile: s.Schema<OodProfile> = s.variants("kind", [
  s.object({ kind: s.literal("mahalanobis"), classes: gaussian }),
  relativeMahalanobis,
  s.object({
    kind: s.literal("combined"),
    neighbours: knn,
    relative: relativeMahalanobis,
    neighboursScale: scoreScale,
    relativeScale: scoreScale,
  }),
  knn,
  s.object({
    kind: s.literal("vim"),
    dimension: positiveCount,
    classCount: positiveCount,
    centre: float64s,
    scale: float64s,
    residual: float64s,
    weight: s.number(),
  }),
  s.object({ kind: s.literal("energy"), classCount: positiveCount, temperature: positive }),
  s.object({ kind: s.literal("maximumSoftmax"), classCount: positiveCount }),
  s.object({ kind: s.literal("maxLogit"), classCount: positiveCount }),
  s.object({
    kind: s.literal("isolationForest"),
    dimension: positiveCount,
    subsample: positiveCount,
    roots: s.instance(Uint32Array),
    cutFeatures: s.instance(Int16Array),
    cutValues: float64s,
    rights: s.instance(Uint32Array),
  }),
]);
const oodKind: s.Schema<OodKind> = s.oneOf([
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

const oodInput: s.Schema<OodInputSpec> = s.object({
  reads: s.oneOf(["features", "statistics", "both"]),
  vectors: s
    .array(s.array(count.max(PACKAGE_CHANNELS_MAX)).min(2).max(PACKAGE_VECTORS_MAX))
    .max(PACKAGE_VECTORS_MAX),
});

const rateUpToOne = s.number().min(0).max(1);

// Shapes only: what belongs together is checked by checkFeatureReference.
const featureReference: s.Schema<FeatureReference> = s.object({
  version: s.literal(1),
  layout: s.object({
    featureCount: positiveCount,
    series: s.array(
      s.object({
        name: s.string().max(SERIES_NAME_LENGTH_MAX),
        features: s.array(count),
        isChannel: s.boolean(),
      }),
    ),
    logFeatures: s.array(count),
    logFloor: positive,
  }),
  classCount: positiveCount,
  baselineCount: positiveCount,
  means: float64s,
  withinVariances: float64s,
  betweenVariances: float64s,
  factor: float64s,
  scoreLimits: float64s,
});

const calibration: s.Schema<Calibration> = s.object({
  temperature: positive,
  ood: s.object({
    version: s.literal(1),
    input: oodInput,
    profile: oodProfile,
    // Infinity where too few windows were seen; some scores are below 0.
    threshold: s.custom<number>((value) => typeof value === "number" && !Number.isNaN(value), {
      message: "must be a number",
    }),
    alpha: s.number().gt(0).lt(1),
    count,
    population: s.object({ edges: float64s, shares: float64s, personCount: positiveCount }),
    personal: s.object({
      priorCount: positive.max(1e6),
      halfLifeWindows: s.number().min(1).max(1e9),
      baselineWindows: count,
    }),
    leaveOneOut: s.object({
      pairs: s
        .array(
          s.object({
            leftOut: count,
            answered: count,
            auroc: rateUpToOne,
            best: oodKind,
            bestAuroc: rateUpToOne,
            leftOutCount: count,
            answeredCount: count,
          }),
        )
        .max(LEAVE_OUT_PAIRS_MAX),
      isOptimistic: s.boolean(),
    }),
  }),
  abstention: s.object({
    confidenceMin: rateUpToOne,
    coverage: rateUpToOne,
    errorRate: rateUpToOne,
    errorRateOfAll: rateUpToOne,
    count,
  }),
  reference: s.object({
    errorRate: share,
    outlierShare: share,
    confidence: s.number().gt(0).max(1),
    count,
  }),
  drift: s
    .object({
      features: featureReference.nullable(),
      errors: s
        .object({ threshold: rateUpToOne, errorRate: rateUpToOne, confidence: rateUpToOne })
        .nullable(),
    })
    .optional(),
});

const plan: s.Schema<TrainingPlan> = s.object({
  scope: s.union([
    s.oneOf(["head", "bias", "norm", "all"]),
    s.object({ lastLayers: positiveCount }),
    s.object({ names: s.array(s.string().max(512)).min(1).max(4096) }),
  ]),
  loss: s.object({
    // Devices learn from labels, each of which counts alike.
    kind: s.oneOf(["crossEntropy"]),
    sampleWeights: s.literal(false).optional(),
    labelSmoothing: s.number().optional(),
    classWeights: s.array(s.number()).max(4096).optional(),
    distillation: s.object({ weight: s.number(), temperature: s.number().optional() }).optional(),
  }),
  optimizer: s.union([
    s.object({ kind: s.literal("sgd"), weightDecay: s.number().optional() }),
    s.object({
      kind: s.oneOf(["momentum", "nesterov"]),
      momentum: s.number().optional(),
      weightDecay: s.number().optional(),
    }),
    s.object({
      kind: s.oneOf(["adam", "adamw"]),
      beta1: s.number().optional(),
      beta2: s.number().optional(),
      epsilon: s.number().optional(),
      weightDecay: s.number().optional(),
    }),
  ]),
  pullToBase: s.number().optional(),
  clipNorm: s.number().optional(),
  lowering: s
    .object({
      engine: s.oneOf(["node", "wasm", "webgpu"]).optional(),
      batchSize: positiveCount.optional(),
      forms: s.record(s.string().max(512), s.string().max(64)).optional(),
    })
    .optional(),
}) as unknown as s.Schema<TrainingPlan>;

const fineTune: s.Schema<FineTunePolicy> = s.object({
  batchSize: positiveCount.max(4096),
  epochs: positive,
  stepsMin: positiveCount,
  stepsMax: positiveCount,
  stepsPerSlice: positiveCount,
  learningRate: positive,
  learningRateFinalRatio: s.number().min(0).max(1),
  sampleCountMin: positiveCount,
  classCountMin: positiveCount,
  holdout: s.object({ blockLength: positiveCount, everyKth: count, overlapLength: count }),
});

const alarmCause: s.Schema<AlarmCause> = s.oneOf([
  "errorRate",
  "outlierShare",
  "uncertainty",
  "features",
  "businessRule",
]);

const trigger: s.Schema<TriggerPolicy> = s.object({
  rules: s
    .array(
      s.union([
        s.object({
          kind: s.literal("alarm"),
          alarm: alarmCause,
          countMin: positiveCount,
          withinMs: positive,
          action: s.oneOf(["train", "ask-feedback"]),
        }),
        s.object({ kind: s.literal("newFeedback"), countMin: positiveCount }),
        s.object({ kind: s.literal("schedule"), everyMs: positive }),
      ]),
    )
    .max(64),
  feedbackMin: count,
  coolDownMs: count,
  budget: s.object({ stepsPerDayMax: count }),
});

const guard: s.Schema<GuardPolicy> = s.object({
  rule: s.oneOf(["evidence", "never", "always"]),
  winMargin: share,
  adoptLimit: s.number().min(1),
  dropLimit: s.number().min(1),
  revertLimit: s.number().min(1),
  afterAdoption: s.oneOf(["follow", "test"]),
  pairsMax: positiveCount,
  blockLength: positiveCount,
  overlapLength: count,
});

const rate = s.object({
  blockLength: positiveCount,
  averageRunLengthMin: s.number().min(10),
  slack: share,
  baselineBlocks: count,
  priorBlocks: s.number().min(0),
});
const monitor: s.Schema<MonitorPolicy> = s.object({
  errorRate: rate,
  outlierShare: rate,
  uncertainty: rate,
});

// Shapes only: whether they can be kept is checked by checkDataRules and checkBusinessRules.
const dataRules: s.Schema<DataRules> = s.object({
  channels: s
    .array(
      s.object({
        channel: name,
        range: s.object({ min: s.number(), max: s.number() }).optional(),
        missing: s.object({ value: s.number(), shareMax: s.number() }).optional(),
        stuckSamples: positiveCount.optional(),
        saturation: s
          .object({ low: s.number(), high: s.number(), shareMax: s.number() })
          .optional(),
      }),
    )
    .max(PACKAGE_CHANNELS_MAX),
  duplicateMemory: count,
  gapMsMax: s.number().nullable(),
});
const businessRule: s.Schema<BusinessRule> = s.variants("kind", [
  s.object({ kind: s.literal("duration"), name, label: name, windowsMax: positiveCount }),
  s.object({
    kind: s.literal("rate"),
    name,
    label: name,
    windows: positiveCount,
    shareMin: s.number(),
    shareMax: s.number(),
  }),
  s.object({ kind: s.literal("transition"), name, from: name, to: name }),
]);

const learning: s.Schema<Learning> = s.object({
  plan,
  fineTune,
  trigger,
  guard,
  monitor,
  validation: s.object({ countMin: count, lossesOverWinsMax: count }),
  dataRules,
  businessRules: s.array(businessRule),
  limits: s.object({
    replayBytesMax: positiveCount,
    pendingPredictionsMax: positiveCount.max(65_536),
    clipNorm: positive,
    reportIntervalMs: count,
  }),
  rehearsal: s
    .object({ windows: s.instance(Float32Array), labels: s.instance(Int32Array) })
    .optional(),
});

const packageFile: s.Schema<{
  readonly line: LineId;
  readonly checksum: Digest;
  readonly parts: PartBytes;
}> = s.object({
  format: s.literal(PACKAGE_FORMAT.format),
  formatVersion: s.literal(PACKAGE_FORMAT.formatVersion),
  line: lineIdSchema,
  checksum: digestSchema,
  parts: s.object({
    graph: bytes,
    parameters: bytes,
    preprocessing: bytes,
    calibration: bytes,
    learning: bytes,
  }),
});

function parse<T>(what: string, schema: s.Schema<T>, value: unknown): Outcome<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return { ok: true, value: parsed.data };
  const { path, message } = parsed.problem;
  return refuse(
    "message.schema_invalid",
    `${[what, ...path].join(".")}: ${message}; make the package again with createModelPackage`,
  );
}

function parsePart<T>(what: string, schema: s.Schema<T>, part: Uint8Array): Outcome<T> {
  const decoded = decodeCbor(part);
  return decoded.ok ? parse(what, schema, decoded.value) : decoded;
}

/** Reads a preprocessing part. */
export function parsePreprocessing(part: Uint8Array): Outcome<Preprocessing> {
  return parsePart("preprocessing", preprocessing, part);
}

/** Reads a calibration part, which must be of these windows and classes. */
export function parseCalibration(part: Uint8Array, windows: Preprocessing): Outcome<Calibration> {
  const { labels, channels } = windows;
  const parsed = parsePart("calibration", calibration, part);
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
  const watched = parsed.value.drift?.features ?? null;
  return watched === null ? parsed : checkWatched(parsed, watched, windows);
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
  { channels, labels }: Preprocessing,
): Outcome<Learning> {
  const parsed = parsePart("learning", learning, part);
  if (!parsed.ok) return parsed;
  const { dataRules: data, businessRules } = parsed.value;
  const soundData = checkDataRules(
    data,
    channels.map((channel) => channel.name),
  );
  if (!soundData.ok) return soundData;
  const soundRules = checkBusinessRules(businessRules, labels);
  return soundRules.ok ? parsed : soundRules;
}

const knnSettings = {
  neighbours: positiveCount.optional(),
  referencesMax: positiveCount.optional(),
  lengthWeight: s.number().optional(),
};
const oodMethod: s.Schema<OodMethod> = s.variants("kind", [
  s.object({ kind: s.literal("combined"), ...knnSettings }),
  s.object({ kind: s.literal("knn"), ...knnSettings }),
  s.object({ kind: s.literal("mahalanobis"), shrinkage: s.number().optional() }),
  s.object({ kind: s.literal("relativeMahalanobis") }),
  s.object({ kind: s.literal("vim"), principalCount: count.optional() }),
  s.object({ kind: s.literal("energy"), temperature: s.number().optional() }),
  s.object({ kind: s.literal("maximumSoftmax") }),
  s.object({ kind: s.literal("maxLogit") }),
  s.object({
    kind: s.literal("isolationForest"),
    treeCount: positiveCount.optional(),
    subsample: positiveCount.optional(),
  }),
]);

/** How a package is made, apart from model and windows. */
export interface PackageRecipe {
  readonly line: string;
  /** Not checked: see {@link parsePreprocessing}. */
  readonly preprocessing: unknown;
  /** Not checked: see {@link parseLearning}. */
  readonly learning: Partial<Learning>;
  readonly ood: Pick<OodPlan, "method" | "input" | "alpha" | "coverage">;
}

const recipe = s.strictObject({
  line: s.string(),
  preprocessing: s.unknown(),
  learning: s.record(s.string(), s.unknown()).optional(),
  ood: s
    .strictObject({
      method: oodMethod.optional(),
      input: oodInput.optional(),
      alpha: s.number().optional(),
      coverage: s.number().optional(),
    })
    .optional(),
});

/** Reads a recipe from outside. */
export function parseRecipe(value: unknown): Outcome<PackageRecipe> {
  const parsed = recipe.safeParse(value);
  if (!parsed.success) {
    const { path, message } = parsed.problem;
    return refuse("message.schema_invalid", `${["recipe", ...path].join(".")}: ${message}`);
  }
  const { line, preprocessing: described, learning: changes = {}, ood = {} } = parsed.data;
  return accept({
    line,
    preprocessing: described,
    learning: changes,
    ood,
  });
}

/** Reads the outside of a package file. */
export function parsePackageFile(
  value: unknown,
): Outcome<{ readonly line: LineId; readonly checksum: Digest; readonly parts: PartBytes }> {
  return parse("package", packageFile, value);
}
