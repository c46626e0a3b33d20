import { expect, it } from "vitest";
import { createSystemRandom } from "./systemRandom.ts";

it("[LC1] system randomness is made of 32-bit words that do not repeat between instances", () => {
  const words = [createSystemRandom(), createSystemRandom()].flatMap((random) =>
    Array.from({ length: 200 }, () => random.nextUint32()),
  );
  for (const word of words) expect(word).toBe(word >>> 0);
  // Any collision at all among 400 words has probability 2e-5; four are beyond chance.
  expect(new Set(words).size).toBeGreaterThan(396);
});
