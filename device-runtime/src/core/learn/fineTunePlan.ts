// How long and how fast one training is, from the package's policy and what there is. It must not train.
import { defaultHoldoutPlan, type HoldoutPlan } from "./splitFeedback.ts";

/** How much training is allowed, counted in steps: a device's speed must not decide what is learned. */
export interface TrainBudget {
  /** Steps in one day of 24 hours, UTC. */
  readonly stepsPerDayMax: number;
}

/** How a model is fine-tuned on a device; plain data of a model package. */
export interface FineTunePolicy {
  readonly batchSize: number;
  /** How often each sample is seen on average. */
  readonly epochs: number;
  /** A training of fewer steps is not worth its start, one of more than the most is too long. */
  readonly stepsMin: number;
  readonly stepsMax: number;
  /** Steps between two chances to pause; aim at 20 to 50 ms. */
  readonly stepsPerSlice: number;
  readonly learningRate: number;
  /** The learning rate falls along half a cosine to this share of itself, `[0, 1]`; 1 keeps it. */
  readonly learningRateFinalRatio: number;
  /** Labelled windows to train on, at least. */
  readonly sampleCountMin: number;
  /** Classes among them, at least: with one class every model learns to say only that. */
  readonly classCountMin: number;
  readonly holdout: HoldoutPlan;
}

/** One training. */
export interface FineTunePlan {
  /** Number of this training for this user; part of the seed of its batches. */
  readonly jobIndex: number;
  readonly stepCount: number;
  readonly batchSize: number;
  readonly stepsPerSlice: number;
  readonly learningRate: number;
  readonly learningRateFinalRatio: number;
}

/** What there is to train with. */
export interface TrainingMeans {
  readonly sampleCount: number;
  /** Classes among the samples. */
  readonly classCount: number;
  /** Of the day's budget. */
  readonly stepsLeft: number;
  readonly jobIndex: number;
}

/** A plan, or why there is none. */
export type PlanOutcome =
  | { readonly kind: "plan"; readonly plan: FineTunePlan }
  | { readonly kind: "wait"; readonly reason: string };

/** For a small model and some dozens of labelled windows. */
export const defaultFineTunePolicy: FineTunePolicy = {
  batchSize: 16,
  epochs: 20,
  stepsMin: 20,
  stepsMax: 400,
  stepsPerSlice: 20,
  learningRate: 0.01,
  learningRateFinalRatio: 0.1,
  sampleCountMin: 16,
  classCountMin: 2,
  holdout: defaultHoldoutPlan,
};

/**
 * Derives one training from the policy and what there is.
 *
 * Steps are `epochs · samples / batch`, within the policy's bounds and what is left of the budget.
 *
 * @example
 * deriveFineTunePlan(defaultFineTunePolicy, { sampleCount: 12, classCount: 3, stepsLeft: 400, jobIndex: 1 });
 * // => { kind: "wait", reason: "waiting: 12 of 16 labelled windows to train on" }
 */
export function deriveFineTunePlan(policy: FineTunePolicy, means: TrainingMeans): PlanOutcome {
  const { sampleCount, classCount, stepsLeft, jobIndex } = means;
  const wait = (reason: string): PlanOutcome => ({ kind: "wait", reason: `waiting: ${reason}` });
  if (sampleCount < policy.sampleCountMin) {
    return wait(`${sampleCount} of ${policy.sampleCountMin} labelled windows to train on`);
  }
  if (classCount < policy.classCountMin) {
    return wait(`${classCount} of ${policy.classCountMin} classes among the labelled windows`);
  }
  if (stepsLeft < policy.stepsMin) {
    return wait(`${Math.max(0, stepsLeft)} steps left today, a training needs ${policy.stepsMin}`);
  }
  const wanted = Math.ceil((policy.epochs * sampleCount) / policy.batchSize);
  const stepCount = Math.min(Math.max(wanted, policy.stepsMin), policy.stepsMax, stepsLeft);
  const { batchSize, stepsPerSlice, learningRate, learningRateFinalRatio } = policy;
  return {
    kind: "plan",
    plan: { jobIndex, stepCount, batchSize, stepsPerSlice, learningRate, learningRateFinalRatio },
  };
}

/**
 * The learning rates of some steps of a plan, `(stepCount,)`: half a cosine from the plan's rate at step 0 to its final share at the last
 * step.
 *
 * @param firstStep from 0.
 */
export function learningRates(
  plan: FineTunePlan,
  firstStep: number,
  stepCount: number,
): Float32Array {
  const { learningRate, learningRateFinalRatio } = plan;
  const lastStep = Math.max(1, plan.stepCount - 1);
  return Float32Array.from({ length: stepCount }, (_, index) => {
    const done = Math.min(1, (firstStep + index) / lastStep);
    const share = (1 + Math.cos(Math.PI * done)) / 2;
    return learningRate * (learningRateFinalRatio + (1 - learningRateFinalRatio) * share);
  });
}
