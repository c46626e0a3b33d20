// Quantiles of a stream too long to keep: a KLL sketch. It must not know what the numbers are of.
import { accept, Defect, type Outcome, refuse } from "@attune/protocol";
import type { Random } from "../../ports/random.ts";
import { counterDraw } from "./counterDraw.ts";
import { isCountable } from "./moments.ts";

/** All that a {@link QuantileSketch} remembers; plain data for CBOR, at most about `3 · size` numbers whatever the stream. */
export interface QuantileSketchState {
  readonly version: 1;
  readonly size: number;
  readonly count: number;
  readonly skippedCount: number;
  /** Least and largest value; `Infinity` and `-Infinity` when there are none. */
  readonly least: number;
  readonly largest: number;
  /** Level `h` holds values that stand for `2^h` each. */
  readonly levels: readonly Float64Array[];
  readonly seed: number;
  readonly drawCount: number;
}

/** Quantiles of a stream. One owner. */
export interface QuantileSketch {
  readonly count: number;
  /** Takes in one value; what is not finite, or beyond `1e100`, changes nothing but `skippedCount`. O(1) on average. */
  observe(value: number): void;
  /** Takes in everything that another sketch of the same size has seen. */
  merge(other: QuantileSketchState): void;
  /** A value whose rank is about `share` of all, `share` in `[0, 1]`; NaN when there are none. */
  quantile(share: number): number;
  /** About which share of all is at most `value`; NaN when there are none. */
  rank(value: number): number;
  /** Every rank and quantile is this close to the truth, as a share of all, with 99 % (each): `2.3 / size^0.97`. */
  rankError(): number;
  state(): QuantileSketchState;
}

const sketchSizeMin = 8;
const sketchSizeMax = 4096;
/** `2^50` values in a level of two: more than any stream. */
const levelMax = 51;
/** A level has two thirds of the room of the one above. */
const shrink = 2 / 3;
const levelRoomMin = 2;

/**
 * Creates a mergeable quantile sketch, or goes on from a state.
 *
 * - Size 200 (default): ranks to 1.3 %, about 600 numbers. For references, where the bins are chosen; a person's profile has fixed
 *   bins instead, which merge exactly.
 * - Merging is commutative and associative in what it promises, not to the bit: which values survive is drawn.
 *
 * @param random gives one seed; everything after follows from it, so that a resumed sketch is the same to the bit.
 * @throws {@link Defect} `profile.sketch_invalid`.
 * @example
 * const sketch = createQuantileSketch({ nextUint32: () => 7 });
 * for (let value = 1; value <= 99; value++) sketch.observe(value);
 * sketch.quantile(0.5); // => 50
 * @see Karnin, Lang and Liberty 2016, "Optimal quantile approximation in streams", section 3; the error is the fit that Apache
 *   DataSketches publishes for KLL. Deviation: no sampler below the lowest level.
 */
export function createQuantileSketch(
  random: Random,
  size = 200,
  state?: QuantileSketchState,
): QuantileSketch {
  if (!(Number.isInteger(size) && size >= sketchSizeMin && size <= sketchSizeMax)) {
    throw new Defect(
      "profile.sketch_invalid",
      `size is ${size}, it must be ${sketchSizeMin} to ${sketchSizeMax}`,
    );
  }
  let levels: number[][] = [[]];
  let count = 0;
  let skippedCount = 0;
  let least = Number.POSITIVE_INFINITY;
  let largest = Number.NEGATIVE_INFINITY;
  let seed = state === undefined ? random.nextUint32() : state.seed;
  let drawCount = 0;
  if (state !== undefined) {
    const checked = checkQuantileSketch(state);
    if (!checked.ok || state.size !== size) {
      throw new Defect(
        "profile.sketch_invalid",
        checked.ok ? `state has size ${state.size}, not ${size}` : checked.refusal.message,
      );
    }
    levels = state.levels.map((level) => [...level]);
    ({ count, skippedCount, least, largest, seed, drawCount } = state);
  }

  function roomOf(level: number): number {
    return Math.max(levelRoomMin, Math.ceil(size * shrink ** (levels.length - 1 - level)));
  }

  /** Halves the lowest level that is full, until all fit. */
  function compact(): void {
    for (let level = 0; level < levels.length; level++) {
      const values = levels[level] as number[];
      if (values.length <= roomOf(level)) continue;
      if (level === levels.length - 1) levels.push([]);
      values.sort((a, b) => a - b);
      // An odd one out stays, so that the weights go on adding up to the count.
      const kept = values.length % 2 === 1 ? [values.pop() as number] : [];
      const above = levels[level + 1] as number[];
      for (let at = counterDraw(seed, drawCount++) & 1; at < values.length; at += 2) {
        above.push(values[at] as number);
      }
      levels[level] = kept;
    }
  }

  function weighted(): { value: number; weight: number }[] {
    return levels
      .flatMap((values, level) => values.map((value) => ({ value, weight: 2 ** level })))
      .sort((a, b) => a.value - b.value);
  }

  return {
    get count() {
      return count;
    },
    observe(value) {
      if (!isCountable(value)) {
        skippedCount++;
        return;
      }
      count++;
      if (value < least) least = value;
      if (value > largest) largest = value;
      const lowest = levels[0] as number[];
      lowest.push(value);
      if (lowest.length > roomOf(0)) compact();
    },
    merge(other) {
      const checked = checkQuantileSketch(other);
      if (!checked.ok || other.size !== size) {
        throw new Defect(
          "profile.sketch_invalid",
          checked.ok ? `other sketch has size ${other.size}, not ${size}` : checked.refusal.message,
        );
      }
      while (levels.length < other.levels.length) levels.push([]);
      other.levels.forEach((values, level) => {
        (levels[level] as number[]).push(...values);
      });
      count += other.count;
      skippedCount += other.skippedCount;
      least = Math.min(least, other.least);
      largest = Math.max(largest, other.largest);
      compact();
    },
    quantile(share) {
      if (count === 0 || !(share >= 0 && share <= 1)) return Number.NaN;
      if (share === 0) return least;
      if (share === 1) return largest;
      let below = 0;
      for (const { value, weight } of weighted()) {
        below += weight;
        if (below >= share * count) return value;
      }
      return largest;
    },
    rank(value) {
      if (count === 0) return Number.NaN;
      let below = 0;
      levels.forEach((values, level) => {
        for (const own of values) if (own <= value) below += 2 ** level;
      });
      return below / count;
    },
    rankError: () => 2.3 / size ** 0.97,
    state: () => ({
      version: 1,
      size,
      count,
      skippedCount,
      least,
      largest,
      levels: levels.map((values) => Float64Array.from(values)),
      seed,
      drawCount,
    }),
  };
}

/** Checks a sketch that came from outside: `input.shape_mismatch` when it is too large or its weights are not its count. */
export function checkQuantileSketch(given: unknown): Outcome<QuantileSketchState> {
  const state = (given ?? {}) as QuantileSketchState;
  const { version, size, count, levels, least, largest, seed, drawCount, skippedCount } = state;
  const numbers = [count, seed, drawCount, skippedCount];
  if (
    version !== 1 ||
    !(Number.isInteger(size) && size >= sketchSizeMin && size <= sketchSizeMax) ||
    !numbers.every((value) => Number.isSafeInteger(value) && value >= 0) ||
    !(Array.isArray(levels) && levels.length >= 1 && levels.length <= levelMax) ||
    !levels.every((values) => values instanceof Float64Array && values.length <= 4 * size)
  ) {
    return refuse(
      "input.shape_mismatch",
      `sketch is not of version 1, size ${sketchSizeMin} to ${sketchSizeMax} and at most ${levelMax} levels; make it again`,
    );
  }
  const weight = levels.reduce((sum, values, level) => sum + values.length * 2 ** level, 0);
  const fits = levels.every((values: Float64Array) =>
    values.every((value) => value >= least && value <= largest && isCountable(value)),
  );
  const hasRange =
    count === 0
      ? least === Number.POSITIVE_INFINITY && largest === Number.NEGATIVE_INFINITY
      : isCountable(least) && isCountable(largest) && least <= largest;
  if (weight !== count || !fits || !hasRange) {
    return refuse(
      "input.shape_mismatch",
      `sketch's values weigh ${weight}, its count is ${count}, or its range is none or leaves a value out; make it again`,
    );
  }
  return accept(state);
}
