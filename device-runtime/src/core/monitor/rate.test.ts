import { Defect } from "@attune/protocol";
import fc from "fast-check";
import { expect, it } from "vitest";
import { shrunkRate, wilsonInterval } from "./rate.ts";

it("[LC15] Wilson's interval equals published values", () => {
  // 81 of 263: Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
  const { low, high } = wilsonInterval(81, 263, 1.959964);
  expect(low).toBeCloseTo(0.2553, 4);
  expect(high).toBeCloseTo(0.3662, 4);
  // 0 of 20 in the same table.
  expect(wilsonInterval(0, 20, 1.959964).low).toBe(0);
  expect(wilsonInterval(0, 20, 1.959964).high).toBeCloseTo(0.1611, 4);
});

it("[LC15] it holds the observed share, and hits and misses are treated alike", () => {
  fc.assert(
    fc.property(fc.nat(500), fc.nat(500), (hits, misses) => {
      const count = hits + misses;
      const { low, high } = wilsonInterval(hits, count, 2);
      expect(low).toBeGreaterThanOrEqual(0);
      expect(high).toBeLessThanOrEqual(1);
      const share = count === 0 ? 0.5 : hits / count;
      expect(low).toBeLessThanOrEqual(share + 1e-12);
      expect(high).toBeGreaterThanOrEqual(share - 1e-12);
      const other = wilsonInterval(misses, count, 2);
      expect(other.low).toBeCloseTo(1 - high, 12);
      expect(other.high).toBeCloseTo(1 - low, 12);
    }),
  );
});

it("[LC15] counts that cannot be are defects", () => {
  expect(() => wilsonInterval(3, 2, 2)).toThrow(Defect);
  expect(() => wilsonInterval(-1, 2, 2)).toThrow(Defect);
  expect(() => wilsonInterval(1, 2, 0)).toThrow(Defect);
});

it("[LC16] a person's own rate takes over from the population's as it becomes known", () => {
  expect(shrunkRate(0.05, 20, 0, 0)).toBe(0.05);
  expect(shrunkRate(0.05, 20, 6, 20)).toBeCloseTo(0.175, 12);
  expect(shrunkRate(0.05, 20, 3000, 10_000)).toBeCloseTo(0.3, 2);
  expect(shrunkRate(0.05, 0, 0, 0)).toBe(0.05);
});
