import { Defect } from "@attune/protocol";
import fc from "fast-check";
import { expect, it } from "vitest";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { uniform } from "../../ports/random.ts";
import { createEDetector } from "./eDetector.ts";

const config = { referenceRate: 0.2, averageRunLengthMin: 1000 };
const rate = fc.double({ min: 0, max: 1, noNaN: true });

it("[LC11] alarms at the reference rate are at least the promised run length apart", () => {
  const random = createSeededRandom("run length");
  for (const referenceRate of [0.05, 0.2, 0.5]) {
    const detector = createEDetector({ referenceRate, averageRunLengthMin: 200 });
    for (let index = 0; index < 100_000; index++) {
      detector.observe(uniform(random) < referenceRate ? 1 : 0);
    }
    expect(100_000 / Math.max(1, detector.state().alarmCount)).toBeGreaterThan(200);
  }
});

it("[LC11] the promise needs the conditional mean alone: a two-step stream of the same mean keeps it", () => {
  const random = createSeededRandom("dependent");
  const detector = createEDetector({ referenceRate: 0.3, averageRunLengthMin: 200 });
  for (let index = 0; index < 100_000; index++) {
    // Calm and wild stretches of fifty, each with conditional mean 0.3.
    const isWild = Math.floor(index / 50) % 2 === 0;
    detector.observe(isWild ? (uniform(random) < 0.3 ? 1 : 0) : 0.3);
  }
  expect(100_000 / Math.max(1, detector.state().alarmCount)).toBeGreaterThan(200);
});

/** Median number of observations from a change of the rate at observation 500 to the next alarm. */
function medianDelay(before: number, after: number, referenceRate: number): number {
  const random = createSeededRandom(`delay ${before} ${after}`);
  const delays: number[] = [];
  for (let repeat = 0; repeat < 201; repeat++) {
    const detector = createEDetector({ referenceRate, averageRunLengthMin: 10_000 });
    for (let index = 0; index < 500; index++) detector.observe(uniform(random) < before ? 1 : 0);
    let delay = 1;
    while (!detector.observe(uniform(random) < after ? 1 : 0)) delay++;
    delays.push(delay);
  }
  return delays.sort((a, b) => a - b)[100] as number;
}

it("[LC12] a changed error rate is noticed within the measured delays", () => {
  expect(medianDelay(0.2, 0.8, 0.2)).toBeLessThanOrEqual(13);
  expect(medianDelay(0.2, 0.4, 0.2)).toBeLessThanOrEqual(55);
  expect(medianDelay(0.2, 0.4, 0.22)).toBeLessThanOrEqual(75);
  expect(medianDelay(0.1, 0.2, 0.1)).toBeLessThanOrEqual(120);
});

it("[LC13] a detector that is stopped anywhere and goes on from its state never differs", () => {
  fc.assert(
    fc.property(fc.array(rate, { maxLength: 200 }), fc.nat(200), (values, cut) => {
      const whole = createEDetector(config);
      let parts = createEDetector(config);
      values.forEach((value, index) => {
        if (index === cut) {
          parts = createEDetector(config, structuredClone(parts.state()));
        }
        expect(parts.observe(value)).toBe(whole.observe(value));
      });
      expect(parts.state()).toEqual(whole.state());
    }),
  );
});

it("[LC14] evidence is never negative, never beyond the limit, and a larger value never gives less", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(rate, rate), { maxLength: 100 }), (pairs) => {
      const smaller = createEDetector(config);
      const larger = createEDetector(config);
      for (const [a, b] of pairs) {
        const alarmed = larger.observe(Math.max(a, b));
        expect(smaller.observe(Math.min(a, b)) && !alarmed).toBe(false);
        if (alarmed) break;
        expect(smaller.evidence()).toBeGreaterThanOrEqual(0);
        expect(smaller.evidence()).toBeLessThanOrEqual(larger.evidence());
        expect(larger.evidence()).toBeLessThan(config.averageRunLengthMin);
      }
    }),
  );
});

it("[LC14] silence raises no alarm, however small the reference rate, and a few errors do", () => {
  for (const averageRunLengthMin of [10, 1_000, 100_000]) {
    for (const referenceRate of [0, 1e-6, 0.001]) {
      const detector = createEDetector({ referenceRate, averageRunLengthMin });
      for (let index = 0; index < 3 * averageRunLengthMin; index++) detector.observe(0);
      expect(detector.state().alarmCount).toBe(0);
      let errorCount = 1;
      while (!detector.observe(1)) errorCount++;
      expect(errorCount).toBeLessThanOrEqual(9);
    }
  }
});

it("[LC14] values, settings and states out of range are defects", () => {
  const detector = createEDetector(config);
  for (const value of [-0.01, 1.01, Number.NaN]) {
    expect(() => detector.observe(value)).toThrow(Defect);
  }
  for (const bad of [
    { referenceRate: 1 },
    { referenceRate: -0.1 },
    { averageRunLengthMin: 9 },
    { averageRunLengthMin: Number.POSITIVE_INFINITY },
    { multipliers: [] },
    { multipliers: [1] },
    { multipliers: [1e-9] },
  ]) {
    expect(() => createEDetector({ ...config, ...bad })).toThrow(Defect);
  }
  const state = detector.state();
  expect(() => createEDetector(config, { ...state, wealth: [1] })).toThrow(Defect);
  expect(() => createEDetector(config, { ...state, wealth: [1e9, 1, 1, 1] })).toThrow(Defect);
  expect(() => createEDetector(config, { ...state, sampleCount: Number.NaN })).toThrow(Defect);
  expect(() => createEDetector(config, { ...state, wealth: [1, 1, 1, Number.NaN] })).toThrow(
    Defect,
  );
});
