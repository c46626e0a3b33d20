// Learning rates as data: a schedule says the rate of every step by its number alone, so a training that is cut anywhere goes on with
// the rates that it would have had.
import { assertDefect } from "@attune/protocol";

/** How the learning rate changes over the steps of a training. Plain data, safe in JSON. Rates are `>= 0`, step counts `>= 1`. */
export type LearningRateSchedule = (
  | { readonly kind: "constant"; readonly rate: number }
  | {
      /** In a straight line (`linear`) or along half a cosine (`cosine`) from `rate` to `endRate`, and `endRate` from then on. */
      readonly kind: "linear" | "cosine";
      readonly rate: number;
      /** 0 if left out. */
      readonly endRate?: number;
      /** Steps from the one to the other, after the warm-up. */
      readonly stepCount: number;
    }
  | {
      /** Times `factor` after every `stepCount` steps. */
      readonly kind: "step";
      readonly rate: number;
      readonly factor: number;
      readonly stepCount: number;
    }
) & {
  /** Steps that rise evenly to the first rate: step `t` of them has `(t + 1) / (warmUpSteps + 1)` of it. None if left out. */
  readonly warmUpSteps?: number;
};

/**
 * The learning rates of `stepCount` steps, of which `firstStep` are done before.
 *
 * - Shape: `[stepCount]`, as a training slice takes it. Pure, O(stepCount).
 * - Depends on the number of each step only: slices of any size get the bytes that one slice would.
 *
 * @param firstStep `stepCount` of the training's state, from 0
 * @throws Defect `schedule.invalid`
 * @example
 * scheduledRates({ kind: "linear", rate: 1, stepCount: 4 }, 0, 6); // => Float32Array.of(1, 0.75, 0.5, 0.25, 0, 0)
 * @example
 * scheduledRates({ kind: "step", rate: 8, factor: 0.5, stepCount: 2, warmUpSteps: 3 }, 0, 7); // => Float32Array.of(2, 4, 6, 8, 8, 4, 4)
 * @see `torch.optim.lr_scheduler`: `ConstantLR`, `LinearLR`, `CosineAnnealingLR` (its closed form) and `StepLR`, called after every step.
 */
export function scheduledRates(
  schedule: LearningRateSchedule,
  firstStep: number,
  stepCount: number,
): Float32Array {
  checkSchedule(schedule);
  const warmUp = schedule.warmUpSteps ?? 0;
  return Float32Array.from({ length: stepCount }, (_, at) => {
    const step = firstStep + at;
    return step < warmUp
      ? (schedule.rate * (step + 1)) / (warmUp + 1)
      : rateAt(schedule, step - warmUp);
  });
}

function rateAt(schedule: LearningRateSchedule, step: number): number {
  switch (schedule.kind) {
    case "constant":
      return schedule.rate;
    case "linear":
    case "cosine": {
      const { rate, endRate = 0, stepCount } = schedule;
      const done = Math.min(1, step / stepCount);
      const left = schedule.kind === "linear" ? 1 - done : (1 + Math.cos(Math.PI * done)) / 2;
      return endRate + (rate - endRate) * left;
    }
    case "step":
      return schedule.rate * schedule.factor ** Math.floor(step / schedule.stepCount);
  }
}

function checkSchedule(schedule: LearningRateSchedule): void {
  const { rate, warmUpSteps = 0 } = schedule;
  const rates = [rate];
  const counts: number[] = [];
  if (schedule.kind !== "constant") counts.push(schedule.stepCount);
  if (schedule.kind === "step") rates.push(schedule.factor);
  if (schedule.kind === "linear" || schedule.kind === "cosine") rates.push(schedule.endRate ?? 0);
  assertDefect(
    rates.every((one) => Number.isFinite(one) && one >= 0) &&
      counts.every((count) => Number.isInteger(count) && count >= 1) &&
      Number.isInteger(warmUpSteps) &&
      warmUpSteps >= 0,
    "schedule.invalid",
    `schedule ${JSON.stringify(schedule)}; rates are 0 or more, step counts whole numbers from 1, a warm-up from 0`,
  );
}
