// What to train and how, as plain data; checked here once, so that the compiler can trust it.
import type { Outcome } from "@attune/protocol";
import type { DimSizes } from "../graph/dataInputs.ts";
import { lossOf } from "../losses/lossOf.ts";
import type { LossRule, LossSpec } from "../losses/lossRule.ts";
import { type CheckedLowering, checkLowering } from "../lowering/createLowering.ts";
import type { LoweringSpec } from "../lowering/lowering.ts";
import { optimizerOf } from "../optimizers/optimizerOf.ts";
import type { OptimizerRule, OptimizerSpec } from "../optimizers/optimizerRule.ts";
import { inCanonicalOrder } from "../parameters/canonicalOrder.ts";
import { checkScope, type ParameterScope } from "../parameters/parameterScope.ts";
import type { BatchNormalizationMode } from "../parameters/runningStatistics.ts";
import { TRAINING_THREADS } from "../trainingThreads.ts";
import { orRefusal, turnAway } from "../turnAway.ts";
import {
  checkKeys,
  flag,
  isNotNegative,
  isPositive,
  isRecord,
  setting,
  textOf,
} from "./planSetting.ts";

/** What to train and how. Plain data, safe in JSON. */
export interface TrainingPlan {
  readonly scope: ParameterScope;
  readonly loss: LossSpec;
  readonly optimizer: OptimizerSpec;
  /** Which output of the model the loss is of, by name; the first if left out. */
  readonly output?: string;
  /**
   * Weight of the pull towards the base parameters (L2-SP): adds `pullToBase (w - base)` to every gradient. 0 if left out, and then no
   * base is asked for. It does not show in the reported loss. Not for `lowRank`, whose weight decay does the same.
   *
   * @see Li, Grandvalet and Davoine 2018, equation 3, with alpha = pullToBase and beta = 0.
   */
  readonly pullToBase?: number;
  /** Largest norm of all gradients together, the pull included, `> 0`; what is longer is scaled down. No limit if left out. */
  readonly clipNorm?: number;
  /**
   * Sizes of dimensions that the model leaves open, by the name that it gives them (`input.axis` where it gives none): all but the batch
   * have to be fixed for training.
   */
  readonly dims?: DimSizes;
  /**
   * What `BatchNormalization` does in training where its scale or shift is in the scope; `"frozen"` if left out. With `"train"` the batch is
   * counted into the running statistics, which end in the model with the parameters: for learning from scratch or from much data. A sample
   * of weight 0 counts as any other.
   */
  readonly batchNormalization?: BatchNormalizationMode;
  /** Engine that the graphs are written for, and forms of single operations; the cost table's choice for Node if left out. */
  readonly lowering?: LoweringSpec;
}

/** The plan with every default filled in, and the parts that its names stand for. */
export interface CheckedPlan {
  readonly scope: ParameterScope;
  readonly loss: LossRule;
  readonly hasSampleWeights: boolean;
  readonly optimizer: OptimizerRule;
  /** `undefined`: the first. */
  readonly output: string | undefined;
  readonly pullToBase: number;
  /** `null`: no limit. */
  readonly clipNorm: number | null;
  readonly dims: DimSizes;
  readonly batchNormalization: BatchNormalizationMode;
  readonly lowering: CheckedLowering;
  /** Canonical text of the plan with its defaults, the thread count and the compiler revision: equal texts train to equal bytes. Digest it for keys. */
  readonly text: string;
}

/** Rises whenever the compiler's output or its order of computation changes, because the same plan then gives other bits. */
const COMPILER_REVISION = 4;

const PLAN_KEYS: readonly (keyof TrainingPlan)[] = [
  "scope",
  "loss",
  "optimizer",
  "output",
  "pullToBase",
  "clipNorm",
  "dims",
  "batchNormalization",
  "lowering",
];

/** Checks a plan and fills in its defaults. */
export function checkPlan(plan: TrainingPlan): CheckedPlan {
  checkKeys("plan", plan, PLAN_KEYS);
  const scope = checkScope(plan.scope);
  const loss = lossOf(plan.loss);
  const optimizer = optimizerOf(plan.optimizer);
  const hasSampleWeights = flag("sampleWeights", plan.loss.sampleWeights);
  const pullToBase = setting("pullToBase", plan.pullToBase, 0, isNotNegative, "0 or more");
  if (pullToBase > 0 && typeof scope === "object" && "lowRank" in scope) {
    turnAway(
      "model.plan_invalid",
      "a low-rank patch starts at the base and is pulled there by the optimizer's weightDecay; leave pullToBase out",
    );
  }
  const clipNorm =
    plan.clipNorm === undefined
      ? null
      : setting("clipNorm", plan.clipNorm, 0, isPositive, "above 0");
  const { dims = {}, batchNormalization = "frozen", output } = plan;
  if (!isRecord(dims)) {
    turnAway("model.plan_invalid", `dims is ${textOf(dims)}, must be an object of sizes by name`);
  }
  if (output !== undefined && typeof output !== "string") {
    turnAway("model.plan_invalid", `output is ${textOf(output)}, must be the name of an output`);
  }
  if (batchNormalization !== "frozen" && batchNormalization !== "train") {
    turnAway(
      "model.plan_invalid",
      `batchNormalization is ${textOf(batchNormalization)}, must be "frozen" or "train"`,
    );
  }
  const lowering = checkLowering(plan.lowering);
  const text = canonicalText({
    compiler: COMPILER_REVISION,
    threads: TRAINING_THREADS,
    scope,
    loss: loss.settings,
    optimizer: optimizer.settings,
    pullToBase,
    clipNorm,
    dims,
    // Left out where it is the default: plans from before it was there keep their text, and what is kept under it.
    ...(batchNormalization === "frozen" ? {} : { batchNormalization }),
    ...(output === undefined ? {} : { output }),
    lowering,
  });
  return {
    scope,
    loss: loss.rule,
    hasSampleWeights,
    optimizer: optimizer.rule,
    output,
    pullToBase,
    clipNorm,
    dims,
    batchNormalization,
    lowering,
    text,
  };
}

/**
 * Canonical text of a plan with its defaults, the thread count and the compiler revision.
 *
 * Equal models and equal texts train to equal bytes on one engine: digest the text for cache keys.
 *
 * @returns the text, or `model.plan_invalid`
 */
export function canonicalPlan(plan: TrainingPlan): Outcome<string> {
  return orRefusal(() => checkPlan(plan).text);
}

/** JSON with sorted keys and no spaces. */
function canonicalText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalText).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = inCanonicalOrder(Object.entries(value), ([key]) => key);
  return `{${entries.map(([key, one]) => `${JSON.stringify(key)}:${canonicalText(one)}`).join()}}`;
}
