import type { PairedCounts } from "@attune/protocol";
import { Defect } from "@attune/protocol";
import fc from "fast-check";
import { expect, it } from "vitest";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { uniform } from "../../ports/random.ts";
import { differenceInterval, nonInferiorityEvidence } from "./differenceEvidence.ts";
import { addPair, noPairs, swapRoles } from "./pairedCounts.ts";

const counts: fc.Arbitrary<PairedCounts> = fc
  .tuple(fc.nat(300), fc.nat(300), fc.nat(2000))
  .map(([wins, losses, agreed]) => ({ n: wins + losses + agreed, wins, losses }));

/** One pair of models that differ by `difference` and disagree on a share of `discordant` of the questions. */
function drawPair(
  random: { nextUint32(): number },
  difference: number,
  discordant: number,
): [boolean, boolean] {
  const u = uniform(random);
  if (u < (discordant + difference) / 2) return [true, false];
  if (u < discordant) return [false, true];
  return [true, true];
}

it("[LC23] the interval holds the observed difference, stays in [-1, 1] and turns round with the roles", () => {
  fc.assert(
    fc.property(counts, (pairs) => {
      const { low, high } = differenceInterval(pairs, 0.05);
      const observed = pairs.n === 0 ? 0 : (pairs.wins - pairs.losses) / pairs.n;
      expect(low).toBeGreaterThanOrEqual(-1);
      expect(high).toBeLessThanOrEqual(1);
      expect(low).toBeLessThanOrEqual(observed + 1e-9);
      expect(high).toBeGreaterThanOrEqual(observed - 1e-9);
      const swapped = differenceInterval(swapRoles(pairs), 0.05);
      expect(swapped.low).toBeCloseTo(-high, 9);
      expect(swapped.high).toBeCloseTo(-low, 9);
    }),
  );
});

it("[LC23] a smaller alpha never gives a narrower interval", () => {
  fc.assert(
    fc.property(counts, (pairs) => {
      const narrow = differenceInterval(pairs, 0.1);
      const wide = differenceInterval(pairs, 0.01);
      expect(wide.low).toBeLessThanOrEqual(narrow.low + 1e-9);
      expect(wide.high).toBeGreaterThanOrEqual(narrow.high - 1e-9);
    }),
  );
});

it("[LC23] looked at after every pair, it ever misses the truth in at most alpha of the runs", () => {
  const random = createSeededRandom("coverage");
  const runs = 200;
  for (const difference of [0, 0.05]) {
    let missed = 0;
    for (let run = 0; run < runs; run++) {
      let pairs = noPairs;
      for (let pair = 1; pair <= 400; pair++) {
        pairs = addPair(pairs, ...drawPair(random, difference, 0.15));
        // Every look costs some hundred logarithms: look at every twenty-fifth.
        if (pair % 25 !== 0) continue;
        const { low, high } = differenceInterval(pairs, 0.1);
        if (low > difference || high < difference) {
          missed++;
          break;
        }
      }
    }
    expect(missed / runs).toBeLessThan(0.1);
  }
});

it("[LC23] it is narrow enough to be of use: 2,000 pairs with 5 % discordant tell 4 points from none", () => {
  const { low, high } = differenceInterval({ n: 2000, wins: 90, losses: 10 }, 0.05);
  expect(low).toBeGreaterThan(0.02);
  expect(high).toBeLessThan(0.06);
});

it("[LC24] pairs that agree are evidence that harm stays under the margin, and losses are evidence against it", () => {
  const none = nonInferiorityEvidence(noPairs, 0.02);
  expect(none).toBeCloseTo(1, 12);
  expect(nonInferiorityEvidence({ n: 500, wins: 0, losses: 0 }, 0.02)).toBeGreaterThan(20);
  expect(nonInferiorityEvidence({ n: 500, wins: 0, losses: 0 }, 0.001)).toBeLessThan(20);
  expect(nonInferiorityEvidence({ n: 500, wins: 0, losses: 15 }, 0.02)).toBeLessThan(1);
});

it("[LC24] a challenger that is worse by exactly the margin passes the limit in at most 1 of limit runs", () => {
  const random = createSeededRandom("non-inferiority");
  const runs = 1000;
  let passed = 0;
  for (let run = 0; run < runs; run++) {
    let pairs = noPairs;
    for (let pair = 1; pair <= 500; pair++) {
      pairs = addPair(pairs, ...drawPair(random, -0.05, 0.15));
      if (pair % 5 === 0 && nonInferiorityEvidence(pairs, 0.05) >= 10) {
        passed++;
        break;
      }
    }
  }
  expect(passed / runs).toBeLessThan(0.1 + 3 * Math.sqrt(0.1 / runs));
});

it("[LC24] the margin and the level must lie between 0 and 1", () => {
  for (const bad of [0, 1, -0.1, Number.NaN]) {
    expect(() => differenceInterval(noPairs, bad)).toThrow(Defect);
    expect(() => nonInferiorityEvidence(noPairs, bad)).toThrow(Defect);
  }
});
