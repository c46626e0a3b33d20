import { createSeededRandom } from "@attune/device-runtime/testing";
import { expect, it } from "vitest";
import { canariesFor, coveredMinority, missChance } from "./canaryCover.ts";

it("[HB106] the chance of missing a minority is that of drawing without it", () => {
  // By counting: of the 20 ways to draw 3 of 6, one misses 3 given devices, and 4 are left for 2.
  expect(missChance(6, 3, 3)).toBeCloseTo(1 / 20, 12);
  expect(missChance(6, 2, 3)).toBeCloseTo(4 / 20, 12);
  expect(missChance(6, 4, 3)).toBe(0);
  expect(missChance(30, 0, 6)).toBe(1);
  const random = createSeededRandom("canaries");
  let missed = 0;
  const draws = 20_000;
  for (let draw = 0; draw < draws; draw += 1) {
    const hashes = Array.from({ length: 30 }, (_, device) => ({ device, at: random.nextUint32() }));
    const canaries = hashes.sort((a, b) => a.at - b.at).slice(0, 6);
    if (canaries.every(({ device }) => device >= 9)) missed += 1;
  }
  expect(missed / draws).toBeCloseTo(missChance(30, 9, 6), 2);
});

it("[HB106] as many canaries as it takes and not one more, however large the fleet", () => {
  for (const fleet of [3, 6, 30, 1000, 100_000]) {
    for (const share of [0.05, 0.3, 0.5, 1]) {
      const canaries = canariesFor(fleet, share, 0.05);
      const minority = Math.ceil(share * fleet);
      expect(missChance(fleet, minority, canaries)).toBeLessThanOrEqual(0.05);
      // No canary at all misses everybody.
      expect(missChance(fleet, minority, canaries - 1)).toBeGreaterThan(0.05);
      expect(coveredMinority(fleet, canaries, 0.05)).toBeLessThanOrEqual(minority);
    }
  }
  expect(canariesFor(100_000, 0.3, 0.05)).toBe(9);
  expect(canariesFor(100_000, 0.05, 0.05)).toBe(59);
});

it("[HB106] what so few canaries are sure to meet is the smallest such minority", () => {
  for (const [fleet, canaries] of [
    [6, 3],
    [30, 6],
    [1000, 3],
    [4, 4],
    [1, 1],
  ] as const) {
    const minority = coveredMinority(fleet, canaries, 0.05);
    expect(missChance(fleet, minority, canaries)).toBeLessThanOrEqual(0.05);
    expect(missChance(fleet, minority - 1, canaries)).toBeGreaterThan(0.05);
  }
});
