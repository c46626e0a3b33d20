import { Defect } from "@attune/protocol";
import { expect, it } from "vitest";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import {
  createErrorEstimate,
  type ErrorEstimateState,
  fitErrorReference,
} from "./errorEstimate.ts";

/** A calibrated model: right as often as it says, with less confidence on harder people. */
function answers(hardness: number, count: number, seed: string) {
  const random = createSeededRandom(seed);
  const unit = (): number => random.nextUint32() / 2 ** 32;
  return Array.from({ length: count }, () => {
    const confidence = 1 - 0.5 * unit() ** (1 / hardness);
    return { confidence, isCorrect: unit() < confidence };
  });
}

function referenceOf(hardness: number) {
  const known = answers(hardness, 20_000, "known");
  return fitErrorReference(
    known.map(({ confidence }) => confidence),
    known.map(({ isCorrect }) => isCorrect),
  );
}

it("[LC94] errors of harder people are guessed without any truth, while doubt means what it meant", () => {
  const reference = referenceOf(0.25);
  const verdicts: string[] = [];
  const guesses: number[] = [];
  for (const hardness of [0.25, 0.5, 1, 2]) {
    const estimate = createErrorEstimate(reference);
    const list = answers(hardness, 4000, `hard ${hardness}`);
    for (const { confidence } of list) estimate.observe(confidence);
    const truth = list.filter(({ isCorrect }) => !isCorrect).length / list.length;
    const { errorRate, byThreshold, interval, verdict } = estimate.guess();
    expect(Math.abs(errorRate - truth)).toBeLessThan(0.03);
    expect(interval.high - interval.low).toBeLessThan(0.05);
    guesses.push(byThreshold);
    verdicts.push(verdict);
  }
  expect(guesses).toEqual(guesses.toSorted((a, b) => a - b));
  expect([verdicts[0], verdicts[2], verdicts[3]]).toEqual(["fine", "worse", "worse"]);
});

it("[LC94] of equal confidences as many are below the threshold as comes nearest to what was wrong", () => {
  const shareOf = (confidences: readonly number[], wrongCount: number): number => {
    const areCorrect = confidences.map((_, index) => index >= wrongCount);
    const reference = fitErrorReference(confidences, areCorrect);
    const estimate = createErrorEstimate(reference);
    for (const confidence of confidences) estimate.observe(confidence);
    return estimate.guess().byThreshold * confidences.length;
  };
  expect(shareOf([0.2, 0.2, 0.6, 0.6, 0.6, 0.9], 3)).toBe(2);
  expect(shareOf([0.2, 0.2, 0.6, 0.6, 0.6, 0.9], 4)).toBe(5);
  expect(shareOf([0.4, 0.9, 0.9, 0.9, 0.9, 1], 4)).toBe(5);
  expect(shareOf([0.8, 0.8, 0.8], 2)).toBe(3);
  expect(shareOf([0.8, 0.8, 0.8], 1)).toBe(0);
  expect(shareOf([1, 1], 2)).toBe(0);
  for (let wrongCount = 0; wrongCount <= 5; wrongCount++) {
    expect(shareOf([0.1, 0.2, 0.3, 0.4, 0.5], wrongCount)).toBe(wrongCount);
  }
});

it("[LC94] answers that are all alike leave a range, which closes as they come", () => {
  const widthOf = (count: number): number => {
    const estimate = createErrorEstimate({ threshold: 0.6, errorRate: 0.1, confidence: 0.7 });
    for (let index = 0; index < count; index++) estimate.observe(0.6);
    const { low, high } = estimate.guess().interval;
    return high - low;
  };
  const widths = [16, 64, 400, 4000].map(widthOf);
  expect(widths.every((width, at) => width < (widths[at - 1] ?? 1))).toBe(true);
  expect(widths.at(-1)).toBeGreaterThan(0.001);
});

it("[LC94] few answers are unclear, forgotten ones too; windows in runs count as one", () => {
  const estimate = createErrorEstimate({ threshold: 0.6, errorRate: 0.1, confidence: 0.9 });
  expect(estimate.guess()).toMatchObject({ verdict: "unclear", count: 0, errorRate: 0.1 });
  for (let index = 0; index < 16; index++) estimate.observe(0.5);
  expect(estimate.guess().verdict).toBe("worse");
  const cautious = createErrorEstimate(
    { threshold: 0.6, errorRate: 0.1, confidence: 0.9 },
    { blockLength: 64 },
  );
  for (let index = 0; index < 16; index++) cautious.observe(0.5);
  expect(cautious.guess().verdict).toBe("unclear");
  estimate.restart();
  expect(estimate.guess().verdict).toBe("unclear");
});

it("[LC94] what is no probability is left aside, and a guess goes on from its state", () => {
  const reference = { threshold: 0.6, errorRate: 0.1, confidence: 0.9 };
  const estimate = createErrorEstimate(reference);
  for (const value of [0.5, Number.NaN, -0.1, 1.1, Number.POSITIVE_INFINITY, 0.9]) {
    estimate.observe(value);
  }
  const resumed = createErrorEstimate(reference, {}, structuredClone(estimate.state()));
  expect(resumed.state()).toEqual({
    version: 1,
    lowCount: 1,
    confidenceSum: 1.4,
    confidenceSquares: 1.06,
    count: 2,
    skippedCount: 4,
  });
  expect(resumed.guess()).toEqual(estimate.guess());
  expect(() => createErrorEstimate({ ...reference, threshold: 2 })).toThrow(Defect);
  for (const bad of [
    { lowCount: 9 },
    { lowCount: 0.5 },
    { version: 2 },
    { confidenceSum: Number.NaN },
    { confidenceSum: -1 },
    { confidenceSum: 2.1 },
    { confidenceSum: "1.4" },
    { confidenceSquares: Number.NaN },
    { confidenceSquares: 1.5 },
    { confidenceSquares: 0.9 },
    { count: Number.POSITIVE_INFINITY },
    { count: 1e300 },
    { skippedCount: -1 },
  ]) {
    const state = { ...estimate.state(), ...bad } as ErrorEstimateState;
    expect(() => createErrorEstimate(reference, {}, state)).toThrow(
      expect.objectContaining({ code: "detector.state_invalid" }),
    );
  }
  expect(() => fitErrorReference([], [])).toThrow(Defect);
});
