// A reproducible source of randomness with named streams, for simulations, tests and everything that must come out the same
// after a restart. It must not be used for keys or tokens.
//
// The generator is xoshiro128**: 32-bit words as JavaScript has them, all of whose bits are good. (pure-rand's next() is the low
// half of xoroshiro128+, whose lowest bits are a linear recurrence, and it has no streams by name.)
import type { ForkableRandom } from "../ports/random.ts";

/**
 * Creates a seeded generator.
 *
 * - Same seed, same numbers, on every platform; period `2^128 - 1`.
 * - Each instance is its own; `fork` draws nothing from its parent.
 *
 * @param seed any finite number or text; `7` and `"7"` are the same seed.
 * @example
 * createSeededRandom(7).nextUint32() === createSeededRandom(7).nextUint32(); // => true
 * @see Blackman and Vigna 2021, "Scrambled linear pseudorandom number generators", xoshiro128**.
 */
export function createSeededRandom(seed: number | string): ForkableRandom {
  return streamOf(keyOf([0x9e3779b9, 0x243f6a88, 0xb7e15162, 0x8aed2a6b], String(seed)));
}

type Words = readonly [number, number, number, number];

function streamOf(key: Words): ForkableRandom {
  const next = xoshiro128StarStar(key);
  return { nextUint32: next, fork: (label) => streamOf(keyOf(key, label)) };
}

/**
 * The bare generator, started from four words that are not all zero.
 *
 * @see https://prng.di.unimi.it/xoshiro128starstar.c
 */
export function xoshiro128StarStar(start: Words): () => number {
  let [a, b, c, d] = start;
  return () => {
    const scrambled = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotateLeft(d, 11);
    return scrambled;
  };
}

/**
 * 128 bits that depend on the parent's 128 bits and on every character and its place: four multiply-and-rotate lanes that feed
 * each other, then an avalanche. Not cryptographic.
 */
function keyOf(parent: Words, label: string): Words {
  let [a, b, c, d] = parent;
  const absorb = (word: number): void => {
    a = Math.imul(rotateLeft(a ^ word, 15), 0x239b961b) + b;
    b = Math.imul(rotateLeft(b ^ word, 16), 0xab0e9789) + c;
    c = Math.imul(rotateLeft(c ^ word, 17), 0x38b34ae5) + d;
    d = Math.imul(rotateLeft(d ^ word, 18), 0xa1e38b93) + a;
  };
  // The length first: "ab" below "c" is another path than "a" below "bc".
  absorb(label.length);
  for (let index = 0; index < label.length; index++) absorb(label.charCodeAt(index));
  for (let round = 0; round < 4; round++) absorb(round + 1);
  a = avalanche(a);
  b = avalanche(b ^ a);
  c = avalanche(c ^ b);
  d = avalanche(d ^ c);
  // The generator's only forbidden state.
  return (a | b | c | d) === 0 ? [1, 0, 0, 0] : [a, b, c, d];
}

function avalanche(word: number): number {
  let mixed = word ^ (word >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
