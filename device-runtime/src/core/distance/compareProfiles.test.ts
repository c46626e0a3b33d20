import { unwrap } from "@attune/protocol";
import { expect, it } from "vitest";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { gaussian } from "../../ports/random.ts";
import { quantileEdges } from "../profile/binEdges.ts";
import { type Moments, mergeMoments, noMoments } from "../profile/moments.ts";
import { createProfile, mergeProfiles, type Profile } from "../profile/profile.ts";
import { compareProfiles } from "./compareProfiles.ts";
import { standardizedDifference } from "./standardizedDifference.ts";

const layout = { edges: [[-1, 0, 1], [-1, 0, 1], [], [-1, 0, 1]], classCount: 2 };

function draw(seed: string, shift: number, count: number): Profile {
  const random = createSeededRandom(seed);
  const builder = createProfile(layout);
  for (let index = 0; index < count; index++) {
    const missing = shift > 0 && index % 2 === 0 ? Number.NaN : 0;
    builder.observe(
      [gaussian(random), gaussian(random) + shift, 0, missing + gaussian(random)],
      shift > 0 && index % 4 === 0 ? 0 : 1,
    );
  }
  return builder.profile();
}

it("[LC89] the feature that moved comes first, with effect size, interval and distances", () => {
  const { features, classes } = unwrap(compareProfiles(draw("a", 0, 1000), draw("b", 0.5, 1000)));
  // Half of the windows without a value is more than a mean that moved by half a deviation.
  expect(features.map(({ feature }) => feature).slice(0, 2)).toEqual([3, 1]);
  const [, moved] = features;
  expect(moved?.effect.low).toBeLessThan(0.5);
  expect(moved?.effect.high).toBeGreaterThan(0.5);
  expect(moved?.effect.low).toBeGreaterThan(0.3);
  expect(moved?.stability?.severity.low).toBeGreaterThan(0.05);
  expect(moved?.wasserstein).toBeGreaterThan(0.1);
  expect(features.find(({ feature }) => feature === 0)?.stability?.pValue).toBeGreaterThan(0.001);
  expect(features.find(({ feature }) => feature === 3)?.missingChange).toBeCloseTo(0.5, 2);
  expect(features.find(({ feature }) => feature === 2)).toMatchObject({
    stability: null,
    effect: { size: 0 },
  });
  expect(classes?.pValue).toBeLessThan(1e-10);
});

it("[LC89] empty profiles and other layouts say so", () => {
  const empty = createProfile(layout).profile();
  const { features, classes } = unwrap(compareProfiles(empty, draw("c", 0, 10)));
  expect(classes).toBeNull();
  expect(features.every(({ stability }) => stability === null)).toBe(true);
  expect(features[0]?.effect).toEqual({
    size: 0,
    low: Number.NEGATIVE_INFINITY,
    high: Number.POSITIVE_INFINITY,
  });
  const other = createProfile({ edges: [[0]], classCount: 2 }).profile();
  expect(compareProfiles(empty, other)).toMatchObject({
    ok: false,
    refusal: { code: "input.shape_mismatch" },
  });
});

it("[LC89] an effect size is symmetric, and unbounded where nothing varies", () => {
  const still = { count: 5, mean: 1, squares: 0, least: 1, largest: 1 };
  const moved = { ...still, mean: 2 };
  expect(standardizedDifference(still, moved).size).toBe(Number.POSITIVE_INFINITY);
  expect(standardizedDifference(moved, still).size).toBe(Number.NEGATIVE_INFINITY);
  expect(standardizedDifference(still, still).size).toBe(0);
});

it("[LC89] a channel that died and one that woke come before all that only moved", () => {
  const wide = { edges: [[-1, 0, 1], quantileEdges([0, 0, 0], 4), [-1, 0, 1]], classCount: 1 };
  const fill = (seed: string, values: (next: () => number) => number[]): Profile => {
    const random = createSeededRandom(seed);
    const builder = createProfile(wide);
    for (let index = 0; index < 200; index++)
      builder.observe(
        values(() => gaussian(random)),
        0,
      );
    return builder.profile();
  };
  const usual = fill("a", (next) => [next(), 0, next()]);
  const dead = fill("b", (next) => [next() + 1, 0, Number.NaN]);
  const awake = fill("c", (next) => [next() + 1, 7, next()]);
  expect(unwrap(compareProfiles(usual, dead)).features[0]?.feature).toBe(2);
  const [first] = unwrap(compareProfiles(usual, awake)).features;
  expect(first).toMatchObject({ feature: 1, effect: { size: Number.POSITIVE_INFINITY } });
  expect(first?.stability?.severity.low).toBeGreaterThan(1);
});

it("[LC89] equal values have no effect, however they were merged", () => {
  const of = (count: number): Profile => {
    const builder = createProfile({ edges: [[0]], classCount: 1 });
    for (let index = 0; index < count; index++) builder.observe([0.1], 0);
    return builder.profile();
  };
  const merged = unwrap(mergeProfiles(of(100), of(77)));
  expect(unwrap(compareProfiles(merged, of(77))).features[0]?.effect.size).toBe(0);
});

it("[LC89] an effect's range holds the truth also where few values vary more than many", () => {
  const random = createSeededRandom("unequal");
  const sample = (count: number, mean: number, deviation: number): Moments => {
    const values = Array.from({ length: count }, () => mean + deviation * gaussian(random));
    return values.reduce<Moments>(
      (sum, value) =>
        mergeMoments(sum, { count: 1, mean: value, squares: 0, least: value, largest: value }),
      noMoments,
    );
  };
  // In units of the pooled deviation of 400 values with variance 1 and 20 with variance 9.
  const truth = 1 / Math.sqrt((399 * 1 + 19 * 9) / 418);
  let held = 0;
  for (let trial = 0; trial < 400; trial++) {
    const { low, high } = standardizedDifference(sample(400, 0, 1), sample(20, 1, 3));
    if (low <= truth && truth <= high) held++;
  }
  expect(held / 400).toBeGreaterThan(0.91);
});
