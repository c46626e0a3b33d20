// The source of randomness that a caller hands in, and what is drawn from it. It must not know any generator.
import { Defect } from "@attune/protocol";

/** Where uniform bits come from. One instance has one owner; drawing changes it. */
export interface Random {
  /** The next integer in `[0, 2^32)`, every value equally likely. */
  nextUint32(): number;
}

/**
 * A {@link Random} that gives out independent streams by name.
 *
 * The stream of a label depends on the seed and on the path of labels, never on how many numbers were drawn before. So a
 * fleet of a thousand devices draws the same numbers in whatever order the devices run, and a device that restarts goes on
 * with the same ones.
 */
export interface ForkableRandom extends Random {
  /** The stream named `label` below this one. The same label gives the same stream again, from its beginning. */
  fork(label: string): ForkableRandom;
}

/**
 * A number in `[0, 1)` with 53 random bits.
 *
 * - Draws two integers.
 */
export function uniform(random: Random): number {
  const high = random.nextUint32() >>> 5;
  const low = random.nextUint32() >>> 6;
  return (high * 67_108_864 + low) / 9_007_199_254_740_992;
}

/**
 * An integer in `[0, limit)`, every one equally likely.
 *
 * - Range: `limit` is an integer in `[1, 2^32]`.
 *
 * Draws again when the number falls into the incomplete last stretch (less than once on average), because a bare remainder
 * would favour small results.
 *
 * @throws {@link Defect} `random.limit_invalid` when `limit` is out of range.
 */
export function intBelow(random: Random, limit: number): number {
  if (!Number.isInteger(limit) || limit < 1 || limit > 4_294_967_296) {
    throw new Defect(
      "random.limit_invalid",
      `limit is ${limit}, it must be an integer from 1 to 2^32`,
    );
  }
  const fair = 4_294_967_296 - (4_294_967_296 % limit);
  for (;;) {
    const drawn = random.nextUint32();
    if (drawn < fair) return drawn % limit;
  }
}

/**
 * A standard normal number (mean 0, deviation 1).
 *
 * - Draws at least two uniform numbers; keeps nothing between calls, so that a stream can be cut anywhere.
 *
 * @see Marsaglia and Bray 1964, the polar method. Deviation: the second number of a pair is thrown away.
 */
export function gaussian(random: Random): number {
  for (;;) {
    const x = 2 * uniform(random) - 1;
    const y = 2 * uniform(random) - 1;
    const square = x * x + y * y;
    if (square > 0 && square < 1) return x * Math.sqrt((-2 * Math.log(square)) / square);
  }
}

/** What {@link shuffle} can put into another order: arrays and typed arrays. */
export interface Shuffleable<T> {
  readonly length: number;
  [index: number]: T;
}

/**
 * Puts `items` into a random order, in place; every order equally likely.
 *
 * - Draws `length - 1` integers.
 */
export function shuffle<T>(random: Random, items: Shuffleable<T>): void {
  for (let last = items.length - 1; last > 0; last--) {
    const other = intBelow(random, last + 1);
    const kept = items[last] as T;
    items[last] = items[other] as T;
    items[other] = kept;
  }
}
