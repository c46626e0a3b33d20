import { unwrap } from "@attune/protocol";
import { expect, it } from "vitest";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { gaussian } from "../../ports/random.ts";
import { createProfile, type Profile } from "../profile/profile.ts";
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
  const [moved] = features;
  expect(moved?.feature).toBe(1);
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
