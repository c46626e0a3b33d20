import { Defect } from "@attune/protocol";
import { expect, it } from "vitest";
import { createSeededRandom } from "../adapters/seededRandom.ts";
import { gaussian, intBelow, type Random, shuffle, uniform } from "./random.ts";

/** Hands out the given words, in a circle. */
function wordsInOrder(words: readonly number[]): Random {
  let next = 0;
  return { nextUint32: () => words[next++ % words.length] as number };
}

it("[LC1] uniform covers [0, 1) with 53 bits and never reaches 1", () => {
  expect(uniform(wordsInOrder([0]))).toBe(0);
  expect(uniform(wordsInOrder([0xffffffff]))).toBe(1 - 2 ** -53);
});

it("[LC1] intBelow draws again instead of favouring small numbers", () => {
  // 2^32 - 1 is not fair for 3 (2^32 = 1 mod 3): the next word decides.
  expect(intBelow(wordsInOrder([0xffffffff, 5]), 3)).toBe(2);
  expect(intBelow(wordsInOrder([0xfffffffe]), 3)).toBe(2);
  expect(intBelow(wordsInOrder([0xffffffff]), 4_294_967_296)).toBe(0xffffffff);
});

it("[LC1] intBelow refuses a limit that no word can meet", () => {
  for (const limit of [0, -1, 1.5, 4_294_967_297, Number.NaN]) {
    expect(() => intBelow(wordsInOrder([1]), limit)).toThrow(Defect);
  }
});

it("[LC1] intBelow is even: chi-square of 7 bins over 70,000 draws", () => {
  const random = createSeededRandom(3);
  const counts = new Float64Array(7);
  for (let index = 0; index < 70_000; index++) {
    const bin = intBelow(random, 7);
    counts[bin] = (counts[bin] as number) + 1;
  }
  const chiSquare = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
  // The 0.9999 quantile with 6 degrees of freedom is 27.86.
  expect(chiSquare).toBeLessThan(27.86);
});

it("[LC1] gaussian has the first four moments of a standard normal", () => {
  const random = createSeededRandom(11);
  const count = 100_000;
  const moments = [0, 0, 0, 0];
  for (let index = 0; index < count; index++) {
    const value = gaussian(random);
    for (let power = 0; power < 4; power++) {
      moments[power] = (moments[power] as number) + value ** (power + 1) / count;
    }
  }
  // Deviations of the sample moments are sqrt(1, 2, 15, 96) / sqrt(count); five of each.
  const expected = [0, 1, 0, 3];
  const slack = [1, 2, 15, 96].map((variance) => 5 * Math.sqrt(variance / count));
  for (let power = 0; power < 4; power++) {
    expect(Math.abs((moments[power] as number) - (expected[power] as number))).toBeLessThan(
      slack[power] as number,
    );
  }
});

it("[LC1] shuffle keeps the items and makes every order of four about equally often", () => {
  const random = createSeededRandom(5);
  const counts = new Map<string, number>();
  for (let index = 0; index < 24_000; index++) {
    const items = Int32Array.of(1, 2, 3, 4);
    shuffle(random, items);
    expect(Int32Array.from(items).sort()).toEqual(Int32Array.of(1, 2, 3, 4));
    counts.set(items.join(), (counts.get(items.join()) ?? 0) + 1);
  }
  expect(counts.size).toBe(24);
  const chiSquare = [...counts.values()].reduce(
    (sum, count) => sum + (count - 1000) ** 2 / 1000,
    0,
  );
  // The 0.9999 quantile with 23 degrees of freedom is 56.5.
  expect(chiSquare).toBeLessThan(56.5);
});
