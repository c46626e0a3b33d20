// How a model is watched and fine-tuned on a device, as data. It must not do either.
import { CLIP_NORM_DEFAULT } from "@attune/protocol";
import { defaultFineTunePolicy, type FineTunePolicy } from "../core/learn/fineTunePlan.ts";
import { defaultGuardPolicy, type GuardPolicy } from "../core/learn/localGuard.ts";
import { defaultMonitorPolicy, type MonitorPolicy } from "../core/monitor/userMonitors.ts";
import { defaultTriggerPolicy, type TriggerPolicy } from "../core/trigger/trigger.ts";
import type { BusinessRule } from "../core/validation/businessRules.ts";
import { type DataRules, noDataRules } from "../core/validation/dataRules.ts";
import type { TrainingPlan } from "../model/compile/trainingPlan.ts";
import type { LabelledWindows } from "./labelledWindows.ts";

/** What a decoded delta must show against its base, on labelled windows that its training has not seen, before it is sent. */
export interface ValidationRules {
  /** Windows at least. */
  readonly countMin: number;
  /** Windows that only the base answered right, less those that only the delta did, at most; 0 means not worse. */
  readonly lossesOverWinsMax: number;
}

/** Bounds of a user's memory and of what is sent. */
export interface LearningLimits {
  /** Labelled windows of a user, for training and held out. */
  readonly replayBytesMax: number;
  /** Answers of a user that may still get their truth. */
  readonly pendingPredictionsMax: number;
  /** Euclidean norm to which a delta is clipped. */
  readonly clipNorm: number;
  /** Between two reports. */
  readonly reportIntervalMs: number;
}

/** The learning part of a model package. Not part of the ModelVersion: it does not change an answer. */
export interface Learning {
  readonly plan: TrainingPlan;
  readonly fineTune: FineTunePolicy;
  readonly trigger: TriggerPolicy;
  readonly guard: GuardPolicy;
  readonly monitor: MonitorPolicy;
  readonly validation: ValidationRules;
  /** What sound sensor data looks like: windows that break it are answered with a warning, and nothing of them is stored or trained. */
  readonly dataRules: DataRules;
  /** What answers must never look like, whatever any statistic says. */
  readonly businessRules: readonly BusinessRule[];
  readonly limits: LearningLimits;
  /**
   * Windows of people that the model was trained on, two to four of each class, mixed into every training: a class that the user has not
   * shown yet is then not forgotten. They travel with the package, so take only what may.
   */
  readonly rehearsal?: LabelledWindows | undefined;
}

/** For a small model whose head learns from some dozens of labelled windows. */
const defaults: Learning = {
  plan: {
    scope: "head",
    loss: { kind: "crossEntropy" },
    optimizer: { kind: "adam" },
    pullToBase: 0.01,
  },
  fineTune: defaultFineTunePolicy,
  trigger: defaultTriggerPolicy,
  guard: defaultGuardPolicy,
  monitor: defaultMonitorPolicy,
  validation: { countMin: 5, lossesOverWinsMax: 0 },
  dataRules: noDataRules,
  businessRules: [],
  limits: {
    // 300 windows of 6x128 values.
    replayBytesMax: 1024 * 1024,
    pendingPredictionsMax: 256,
    clipNorm: CLIP_NORM_DEFAULT,
    reportIntervalMs: 60_000,
  },
};

/**
 * The learning part with everything at its default but what is given.
 *
 * @example
 * learningDefaults({ plan: { scope: "all", loss: { kind: "crossEntropy" }, optimizer: { kind: "sgd" } } }).guard.adoptLimit; // => 20
 */
export function learningDefaults(overrides: Partial<Learning> = {}): Learning {
  return { ...defaults, ...overrides };
}
