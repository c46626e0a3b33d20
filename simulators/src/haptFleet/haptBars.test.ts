import { expect, it } from "vitest";
import type { PairedInterval } from "../hapt/pairedInterval.ts";
import { haptBars, meanAndSpread } from "./haptBars.ts";
import type { PersonRow } from "./personRows.ts";
import type { SeedResult } from "./runSeed.ts";

const interval = (low: number, high: number): PairedInterval => ({
  difference: (low + high) / 2,
  low,
  high,
  blockCount: 15,
});
const learner = (afterwards: number, low = -0.1, high = 0.1): PersonRow["naive"] => ({
  onArrival: afterwards,
  afterwards,
  interval: interval(low, high),
});

function seedOf(changes: Partial<PersonRow>): SeedResult {
  const row: PersonRow = {
    subject: 2,
    isProcess: false,
    windows: 150,
    stretches: 15,
    floor: 0.8,
    shared: 0.9,
    naive: learner(0.94),
    guarded: learner(0.93),
    fleet: { afterwards: 0.9, interval: interval(-0.1, 0.1) },
    never: learner(0.9),
    outliers: { transitions: 0.9, activities: 0.05 },
    trainings: 5,
    adopted: 1,
    dropped: 0,
    reverted: 0,
    naiveTrainings: 5,
    neverTrainings: 5,
    neverDropped: 0,
    isPersonal: true,
    verdicts: [],
    contributions: [{ bytes: 1000, examples: 30, norm: 1 }],
    withheld: [],
    ...changes,
  };
  return {
    seed: 1,
    model: "plain",
    rows: [row],
    trainedParameters: 1000,
    parameters: 8000,
    fleet: { version: "", isPromoted: false, events: [] },
  };
}

/** Each result five times: a fifth of them would not be judged. */
const verdictsOf = (...seeds: SeedResult[]): (boolean | null)[] =>
  haptBars(Array.from({ length: 5 }, () => seeds).flat()).map(({ holds }) => holds);

it("[HA8] every bar holds where it should, and fails where its promise is broken", () => {
  expect(verdictsOf(seedOf({}))).toEqual([true, true, true, true, true]);
  expect(verdictsOf(seedOf({ floor: 0.89 }))[0]).toBe(false);
  expect(verdictsOf(seedOf({ guarded: learner(0.91) }))[1]).toBe(false);
  expect(verdictsOf(seedOf({ adopted: 0 }))[2]).toBe(false);
  expect(verdictsOf(seedOf({ guarded: learner(0.93, -0.2, -0.01) }))[3]).toBe(false);
  const tooLong = { bytes: 1701, examples: 30, norm: 1 };
  expect(verdictsOf(seedOf({ contributions: [tooLong] }))[4]).toBe(false);
  expect(verdictsOf(seedOf({ contributions: [] }))[4]).toBe(false);
});

it("[HA8] where naive fine-tuning gains nothing there is nothing to keep, but nothing to lose beyond it either", () => {
  expect(verdictsOf(seedOf({ naive: learner(0.85), guarded: learner(0.9) }))[1]).toBe(true);
  expect(verdictsOf(seedOf({ naive: learner(0.85), guarded: learner(0.84) }))[1]).toBe(false);
});

it("[HA8] what is promised over five seeds is not judged before, the rest is", () => {
  const broken = seedOf({
    floor: 0.9,
    adopted: 0,
    guarded: learner(0.91, -0.2, -0.01),
    contributions: [],
  });
  const bars = haptBars([broken]);
  expect(bars.map(({ holds }) => holds)).toEqual([null, null, null, false, null]);
  expect(bars[0]?.value).toBeCloseTo(0);
});

it("[HA8] a guard that holds still is judged by the same bars on either model", () => {
  const still = { ...seedOf({ adopted: 0, guarded: learner(0.9) }), model: "robust" as const };
  expect(verdictsOf(still).slice(1, 3)).toEqual([false, false]);
});

it("bars judge the mean over seeds", () => {
  const good = seedOf({ guarded: learner(0.94) });
  const bad = seedOf({ guarded: learner(0.91) });
  expect(verdictsOf(good, bad)[1]).toBe(true);
  expect(meanAndSpread([1, 3])).toEqual({ mean: 2, spread: Math.SQRT2 });
  expect(meanAndSpread([1])).toEqual({ mean: 1, spread: 0 });
});
