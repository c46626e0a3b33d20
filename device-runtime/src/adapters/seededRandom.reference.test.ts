import { expect, it } from "vitest";
import { xoshiro128StarStar } from "./seededRandom.ts";

it("[LC2] xoshiro128** from the state 1, 2, 3, 4 gives the numbers of the reference implementation", () => {
  const next = xoshiro128StarStar([1, 2, 3, 4]);
  expect(Array.from({ length: 10 }, next)).toEqual([
    11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597,
    4258142804,
  ]);
});
