import { Defect } from "@attune/protocol";
import fc from "fast-check";
import { expect, it } from "vitest";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { gaussian } from "../../ports/random.ts";
import { conformalThreshold } from "./conformalThreshold.ts";

it("[LC34] the threshold is the ceil((n + 1)(1 - alpha))-th smallest score", () => {
  const scores = Array.from({ length: 19 }, (_, index) => index + 1);
  expect(conformalThreshold(scores, 0.05)).toEqual({ threshold: 19, alpha: 0.05, count: 19 });
  expect(conformalThreshold(scores, 0.5).threshold).toBe(10);
  expect(conformalThreshold(scores, 0.9).threshold).toBe(2);
});

it("[LC34] too few scores for the level give no threshold instead of a wrong one", () => {
  expect(conformalThreshold([1, 2, 3], 0.05).threshold).toBe(Number.POSITIVE_INFINITY);
  expect(conformalThreshold([], 0.5).threshold).toBe(Number.POSITIVE_INFINITY);
});

it("[LC34] at most a share of alpha of the scores and one new score are above it", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 200 }),
      fc.double({ min: 0.01, max: 0.99, noNaN: true }),
      (scores, alpha) => {
        const { threshold } = conformalThreshold(scores, alpha);
        const above = scores.filter((score) => score > threshold).length;
        expect(above).toBeLessThanOrEqual(alpha * (scores.length + 1) + 1e-6);
      },
    ),
  );
});

it("[LC34] a new normal score is above the threshold about alpha of the time, with 39 scores only", () => {
  const random = createSeededRandom("conformal");
  const runs = 4000;
  let above = 0;
  for (let run = 0; run < runs; run++) {
    const scores = Array.from({ length: 39 }, () => Math.abs(gaussian(random)));
    if (Math.abs(gaussian(random)) > conformalThreshold(scores, 0.1).threshold) above++;
  }
  expect(Math.abs(above / runs - 0.1)).toBeLessThan(5 * Math.sqrt(0.09 / runs));
});

it("[LC34] a level outside (0, 1) or a score that is not finite is a defect", () => {
  expect(() => conformalThreshold([1], 0)).toThrow(Defect);
  expect(() => conformalThreshold([1], 1)).toThrow(Defect);
  expect(() => conformalThreshold([1, Number.NaN], 0.5)).toThrow(Defect);
});
