import fc from "fast-check";
import { expect, it } from "vitest";
import {
  defaultFineTunePolicy,
  deriveFineTunePlan,
  type FineTunePlan,
  learningRates,
} from "./fineTunePlan.ts";

const policy = defaultFineTunePolicy;
const means = { sampleCount: 40, classCount: 3, stepsLeft: 4000, jobIndex: 2 };

it("[LC45] steps are epochs times samples over batch size, within every bound", () => {
  fc.assert(
    fc.property(fc.nat(3000), fc.nat(6), fc.nat(2000), (sampleCount, classCount, stepsLeft) => {
      const outcome = deriveFineTunePlan(policy, {
        sampleCount,
        classCount,
        stepsLeft,
        jobIndex: 1,
      });
      const mayTrain =
        sampleCount >= policy.sampleCountMin &&
        classCount >= policy.classCountMin &&
        stepsLeft >= policy.stepsMin;
      expect(outcome.kind).toBe(mayTrain ? "plan" : "wait");
      const stepCount = outcome.kind === "plan" ? outcome.plan.stepCount : policy.stepsMin;
      expect(stepCount).toBeGreaterThanOrEqual(policy.stepsMin);
      expect(stepCount).toBeLessThanOrEqual(
        Math.max(policy.stepsMin, Math.min(policy.stepsMax, stepsLeft)),
      );
    }),
  );
  expect(deriveFineTunePlan(policy, means)).toEqual({
    kind: "plan",
    plan: {
      jobIndex: 2,
      stepCount: 50,
      batchSize: 16,
      stepsPerSlice: 20,
      learningRate: 0.01,
      learningRateFinalRatio: 0.1,
    },
  });
});

it("[LC45] what is missing is said with the number and the limit", () => {
  const reasonOf = (change: object): string => {
    const outcome = deriveFineTunePlan(policy, { ...means, ...change });
    return outcome.kind === "wait" ? outcome.reason : "";
  };
  expect(reasonOf({ sampleCount: 12 })).toBe("waiting: 12 of 16 labelled windows to train on");
  expect(reasonOf({ classCount: 1 })).toBe("waiting: 1 of 2 classes among the labelled windows");
  expect(reasonOf({ stepsLeft: 7 })).toBe("waiting: 7 steps left today, a training needs 20");
});

it("[LC45] the learning rate falls from its start to its final share, the same in slices", () => {
  const plan: FineTunePlan = {
    jobIndex: 1,
    stepCount: 101,
    batchSize: 1,
    stepsPerSlice: 7,
    learningRate: 0.5,
    learningRateFinalRatio: 0.1,
  };
  const rates = learningRates(plan, 0, 101);
  expect(rates[0]).toBeCloseTo(0.5, 7);
  expect(rates[50]).toBeCloseTo(0.275, 7);
  expect(rates[100]).toBeCloseTo(0.05, 7);
  for (let step = 1; step < 101; step++)
    expect(rates[step]).toBeLessThan(rates[step - 1] as number);
  expect(learningRates(plan, 42, 7)).toEqual(rates.subarray(42, 49));
  expect([...learningRates({ ...plan, learningRateFinalRatio: 1 }, 0, 3)]).toEqual([0.5, 0.5, 0.5]);
  expect([...learningRates({ ...plan, stepCount: 1 }, 0, 1)]).toEqual([0.5]);
});
