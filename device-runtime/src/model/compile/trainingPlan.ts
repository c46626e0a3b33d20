// What to train and how, as plain data; its check, and its canonical text.
import type { Outcome } from "@attune/protocol";
import { crossEntropy } from "../losses/crossEntropy.ts";
import type { LossRule, LossSpec } from "../losses/lossRule.ts";
import { meanSquaredError } from "../losses/meanSquaredError.ts";
import { adam } from "../optimizers/adam.ts";
import type { OptimizerRule, OptimizerSpec } from "../optimizers/optimizerRule.ts";
import { momentum, sgd } from "../optimizers/sgd.ts";
import { inCanonicalOrder } from "../parameters/canonicalOrder.ts";
import type { ParameterScope } from "../parameters/parameterScope.ts";
import { orRefusal, turnAway } from "../turnAway.ts";

/** What to train and how. Plain data, safe in JSON. */
export interface TrainingPlan {
  readonly scope: ParameterScope;
  readonly loss: LossSpec;
  readonly optimizer: OptimizerSpec;
  /**
   * Weight of the pull towards the base parameters (L2-SP): adds `pullToBase (w - base)` to every gradient. 0 if left out, and then no
   * base is asked for. It does not show in the reported loss.
   *
   * @see Li, Grandvalet and Davoine 2018, equation 3, with alpha = pullToBase and beta = 0.
   */
  readonly pullToBase?: number;
}

/** The plan with every default filled in, and the parts that its names stand for. */
export interface CheckedPlan {
  readonly scope: ParameterScope;
  readonly loss: LossRule;
  readonly hasSampleWeights: boolean;
  readonly optimizer: OptimizerRule;
  readonly pullToBase: number;
  /** Canonical text of the plan with its defaults, the thread count and the compiler revision: equal texts train to equal bytes. Digest it for keys. */
  readonly text: string;
}

/** Rises whenever the compiler's output or its order of computation changes, because the same plan then gives other bits. */
const COMPILER_REVISION = 1;

/** ONNX Runtime threads of a training: two would sum in another order and give other bits. */
export const TRAINING_THREADS = 1;

function setting(
  name: string,
  value: number | undefined,
  fallback: number,
  isFine: (value: number) => boolean,
  range: string,
): number {
  const chosen = value ?? fallback;
  if (!Number.isFinite(chosen) || !isFine(chosen)) {
    turnAway("model.plan_invalid", `${name} is ${chosen}, must be ${range}`);
  }
  return chosen;
}

const isShare = (value: number): boolean => value >= 0 && value < 1;
const isNotNegative = (value: number): boolean => value >= 0;

function checkOptimizer(spec: OptimizerSpec): { rule: OptimizerRule; settings: object } {
  const decay = (fallback: number): number =>
    setting("weightDecay", spec.weightDecay, fallback, isNotNegative, "0 or more");
  switch (spec.kind) {
    case "sgd": {
      const weightDecay = decay(0);
      return { rule: sgd(weightDecay), settings: { kind: spec.kind, weightDecay } };
    }
    case "momentum": {
      const factor = setting("momentum", spec.momentum, 0.9, isShare, "in [0, 1)");
      const weightDecay = decay(0);
      return {
        rule: momentum(factor, weightDecay),
        settings: { kind: spec.kind, momentum: factor, weightDecay },
      };
    }
    case "adam":
    case "adamw": {
      const settings = {
        beta1: setting("beta1", spec.beta1, 0.9, isShare, "in [0, 1)"),
        beta2: setting("beta2", spec.beta2, 0.999, isShare, "in [0, 1)"),
        epsilon: setting("epsilon", spec.epsilon, 1e-8, (value) => value > 0, "above 0"),
        weightDecay: decay(spec.kind === "adamw" ? 0.01 : 0),
        isDecoupled: spec.kind === "adamw",
      };
      return { rule: adam(settings), settings: { kind: spec.kind, ...settings } };
    }
    default:
      return turnAway(
        "model.plan_invalid",
        `optimizer ${JSON.stringify((spec as { kind?: unknown }).kind)} is not known; take sgd, momentum, adam or adamw`,
      );
  }
}

const losses: Readonly<Record<LossSpec["kind"], LossRule>> = { crossEntropy, meanSquaredError };

/** Checks a plan and fills in its defaults. */
export function checkPlan(plan: TrainingPlan): CheckedPlan {
  const loss: LossRule | undefined = Object.hasOwn(losses, plan.loss.kind)
    ? losses[plan.loss.kind]
    : undefined;
  if (loss === undefined) {
    return turnAway(
      "model.plan_invalid",
      `loss ${JSON.stringify(plan.loss.kind)} is not known; take crossEntropy or meanSquaredError`,
    );
  }
  const optimizer = checkOptimizer(plan.optimizer);
  const hasSampleWeights = plan.loss.sampleWeights ?? false;
  const pullToBase = setting("pullToBase", plan.pullToBase, 0, isNotNegative, "0 or more");
  const text = canonicalText({
    compiler: COMPILER_REVISION,
    threads: TRAINING_THREADS,
    scope: plan.scope,
    loss: { kind: plan.loss.kind, sampleWeights: hasSampleWeights },
    optimizer: optimizer.settings,
    pullToBase,
  });
  return {
    scope: plan.scope,
    loss,
    hasSampleWeights,
    optimizer: optimizer.rule,
    pullToBase,
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
