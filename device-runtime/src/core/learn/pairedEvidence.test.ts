import type { PairedCounts } from "@attune/protocol";
import { Defect } from "@attune/protocol";
import fc from "fast-check";
import { expect, it } from "vitest";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { uniform } from "../../ports/random.ts";
import { addPair, noPairs } from "./pairedCounts.ts";
import { betterEvidence, harmEvidence, logBetterEvidence } from "./pairedEvidence.ts";

const of = (wins: number, losses: number, agreed = 0): PairedCounts => ({
  n: wins + losses + agreed,
  wins,
  losses,
});

const few = fc.nat(400);

it("[LC20] no discordant pair is no evidence, however many agree", () => {
  expect(betterEvidence(of(0, 0, 1000))).toBe(1);
  expect(harmEvidence(of(0, 0, 1000))).toBe(1);
});

it("[LC20] before each fair pair the mean of the two possible evidences is the present one", () => {
  fc.assert(
    fc.property(few, few, (wins, losses) => {
      const present = logBetterEvidence(of(wins, losses));
      const ifWin = Math.exp(logBetterEvidence(of(wins + 1, losses)) - present);
      const ifLoss = Math.exp(logBetterEvidence(of(wins, losses + 1)) - present);
      expect((ifWin + ifLoss) / 2).toBeCloseTo(1, 10);
      expect(ifWin).toBeGreaterThan(1);
      expect(ifLoss).toBeLessThan(1);
    }),
  );
});

it("[LC20] harm is better with the roles swapped, and both cannot be high at once", () => {
  fc.assert(
    fc.property(few, few, (wins, losses) => {
      expect(harmEvidence(of(wins, losses))).toBe(betterEvidence(of(losses, wins)));
      expect(
        Math.min(betterEvidence(of(wins, losses)), harmEvidence(of(wins, losses))),
      ).toBeLessThanOrEqual(1);
    }),
  );
});

it("[LC21] without any difference the limit is ever reached in at most 1 of limit runs", () => {
  const random = createSeededRandom("null");
  const runs = 2000;
  for (const limit of [5, 20]) {
    let crossings = 0;
    for (let run = 0; run < runs; run++) {
      let counts = noPairs;
      for (let pair = 0; pair < 300; pair++) {
        const isWin = uniform(random) < 0.5;
        counts = addPair(counts, isWin, !isWin);
        if (betterEvidence(counts) >= limit) {
          crossings++;
          break;
        }
      }
    }
    // The promise is a bound; three standard deviations above it for the luck of the draw.
    expect(crossings / runs).toBeLessThan(1 / limit + 3 * Math.sqrt(1 / limit / runs));
    // And the test is not idle: a bound that nothing comes near to would waste feedback.
    expect(crossings / runs).toBeGreaterThan(0.3 / limit);
  }
});

it("[LC22] how many undisputed wins a limit asks for", () => {
  const winsFor = (limit: number): number => {
    let wins = 0;
    while (betterEvidence(of(wins, 0)) < limit) wins++;
    return wins;
  };
  expect([5, 10, 20, 100].map(winsFor)).toEqual([4, 5, 7, 9]);
});

it("[LC22] large counts neither overflow nor lose the answer", () => {
  expect(betterEvidence(of(100_000, 0))).toBe(Number.MAX_VALUE);
  expect(betterEvidence(of(0, 100_000))).toBeCloseTo(1 / 100_001, 15);
  expect(logBetterEvidence(of(5_000, 5_000))).toBeLessThan(0);
  expect(logBetterEvidence(of(5_300, 4_700))).toBeGreaterThan(Math.log(20));
});

it("[LC22] counts that cannot be are defects", () => {
  for (const counts of [of(-1, 0), of(0.5, 0), { n: 1, wins: 1, losses: 1 }, of(Number.NaN, 0)]) {
    expect(() => betterEvidence(counts)).toThrow(Defect);
    expect(() => harmEvidence(counts)).toThrow(Defect);
  }
});
