// Against the definition, computed two other ways: exact fractions of whole numbers, and the integral itself.
import fc from "fast-check";
import { expect, it } from "vitest";
import { logBetterEvidence } from "./pairedEvidence.ts";

/** Row n of Pascal's triangle. */
function binomials(n: number): bigint[] {
  const row = [1n];
  for (let k = 1; k <= n; k++) row.push(((row[k - 1] as bigint) * BigInt(n - k + 1)) / BigInt(k));
  return row;
}

/** log(numerator / denominator) of large whole numbers to double precision. */
function logOfFraction(numerator: bigint, denominator: bigint): number {
  const log = (value: bigint): number => {
    const bits = value.toString(2).length;
    const shift = Math.max(0, bits - 64);
    return Math.log(Number(value >> BigInt(shift))) + shift * Math.LN2;
  };
  return log(numerator) - log(denominator);
}

function exactLog(wins: number, losses: number): number {
  const n = wins + losses;
  const upper = binomials(n + 1)
    .slice(0, wins + 1)
    .reduce((sum, value) => sum + value, 0n);
  return logOfFraction(upper, BigInt(n + 1) * (binomials(n)[wins] as bigint));
}

it("[LC20] evidence equals the exact fraction of whole numbers", () => {
  fc.assert(
    fc.property(fc.nat(120), fc.nat(120), (wins, losses) => {
      expect(logBetterEvidence({ n: wins + losses, wins, losses })).toBeCloseTo(
        exactLog(wins, losses),
        11,
      );
    }),
  );
  for (const [wins, losses] of [
    [1500, 1500],
    [3000, 10],
    [10, 3000],
    [1800, 1500],
  ] as const) {
    expect(logBetterEvidence({ n: wins + losses, wins, losses })).toBeCloseTo(
      exactLog(wins, losses),
      9,
    );
  }
});

it("[LC20] evidence equals the integral of the wealth over the bets", () => {
  for (const [wins, losses] of [
    [0, 0],
    [1, 0],
    [0, 1],
    [7, 0],
    [9, 1],
    [12, 5],
    [5, 12],
    [60, 40],
  ] as const) {
    // Midpoint rule over p in (1/2, 1).
    const steps = 200_000;
    let mean = 0;
    for (let step = 0; step < steps; step++) {
      const p = 0.5 + (step + 0.5) / steps / 2;
      mean += ((2 * p) ** wins * (2 * (1 - p)) ** losses) / steps;
    }
    const log = logBetterEvidence({ n: wins + losses, wins, losses });
    expect(Math.abs(Math.exp(log) / mean - 1)).toBeLessThan(1e-8);
  }
});
