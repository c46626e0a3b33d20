import { Defect } from "@attune/protocol";
import { expect, it } from "vitest";
import { fitAbstention } from "./abstention.ts";

const confidences = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.95, 0.85, 0.75, 0.99];
const wasCorrect = [true, true, true, true, false, false, true, true, true, false];
const none = confidences.map(() => false);

it("[LC38] the wanted share is answered, the least confident are not, and what that brings is stated", () => {
  expect(fitAbstention({ confidences, wasCorrect, isOutlier: none }, 0.8)).toEqual({
    confidenceMin: 0.6,
    coverage: 0.8,
    errorRate: 1 / 8,
    errorRateOfAll: 0.3,
    count: 10,
  });
  expect(fitAbstention({ confidences, wasCorrect, isOutlier: none }, 1).coverage).toBe(1);
});

it("[LC38] outliers are withheld first; more of them than may be is stated, not hidden", () => {
  const isOutlier = confidences.map((_, at) => at < 3);
  expect(fitAbstention({ confidences, wasCorrect, isOutlier }, 0.9)).toMatchObject({
    confidenceMin: 0,
    coverage: 0.7,
  });
  const all = confidences.map(() => true);
  expect(fitAbstention({ confidences, wasCorrect, isOutlier: all }, 0.9)).toMatchObject({
    coverage: 0,
    errorRate: 0,
  });
});

it("[LC38] no answers, or a coverage that cannot be, are a defect", () => {
  const empty = { confidences: [], wasCorrect: [], isOutlier: [] };
  expect(() => fitAbstention(empty, 0.9)).toThrow(Defect);
  expect(() => fitAbstention({ confidences, wasCorrect, isOutlier: none }, 0)).toThrow(Defect);
  for (const wrong of [Number.NaN, -0.1, 1.1]) {
    const spoilt = { confidences: confidences.with(3, wrong), wasCorrect, isOutlier: none };
    expect(() => fitAbstention(spoilt, 0.8)).toThrow(
      expect.objectContaining({ code: "ood.scores_not_finite" }),
    );
  }
});
