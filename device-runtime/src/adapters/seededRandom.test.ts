import { expect, it } from "vitest";
import { createSeededRandom } from "./seededRandom.ts";

const draw = (random: { nextUint32(): number }, count: number): number[] =>
  Array.from({ length: count }, () => random.nextUint32());

it("[LC2] the same seed gives the same numbers, written as a number or as text", () => {
  expect(draw(createSeededRandom(7), 8)).toEqual(draw(createSeededRandom("7"), 8));
  expect(draw(createSeededRandom(7), 8)).not.toEqual(draw(createSeededRandom(8), 8));
});

it("[LC2] a fork depends on the seed and the labels, not on what was drawn before", () => {
  const fresh = createSeededRandom(7);
  const used = createSeededRandom(7);
  draw(used, 1000);
  expect(draw(used.fork("device-1"), 8)).toEqual(draw(fresh.fork("device-1"), 8));
  // And forking draws nothing.
  const other = createSeededRandom(7);
  other.fork("device-1");
  expect(draw(other, 8)).toEqual(draw(createSeededRandom(7), 8));
});

it("[LC2] no two of 50,000 labels, nor two paths that read alike, share a stream", () => {
  const root = createSeededRandom(1);
  const firsts = new Set<string>();
  for (let index = 0; index < 50_000; index++) {
    firsts.add(draw(root.fork(`device-${index}`), 2).join());
  }
  for (const path of [["ab", "c"], ["a", "bc"], ["abc"], ["abc", ""], ["", "abc"], [""]]) {
    let random = root;
    for (const label of path) random = random.fork(label);
    firsts.add(draw(random, 2).join());
  }
  expect(firsts.size).toBe(50_006);
});

it("[LC2] every bit of neighbouring forks is set about half of the time", () => {
  const root = createSeededRandom("bits");
  const ones = new Uint32Array(32);
  const count = 20_000;
  for (let index = 0; index < count; index++) {
    const word = root.fork(String(index)).nextUint32();
    for (let bit = 0; bit < 32; bit++) ones[bit] = (ones[bit] as number) + ((word >>> bit) & 1);
  }
  // Five standard deviations of a fair coin.
  const slack = 5 * Math.sqrt(count / 4);
  for (const seen of ones) expect(Math.abs(seen - count / 2)).toBeLessThan(slack);
});
