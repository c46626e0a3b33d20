// ADWIN: a window that is cut wherever its two parts differ. It must not know what the numbers are of.
import { Defect } from "@attune/protocol";
import {
  anyNumber,
  createDriftDetector,
  type DriftDetector,
  type DriftDetectorState,
  isCount,
} from "./driftDetector.ts";

/** What {@link createAdwin} is told once; all of it may be left out. */
export interface AdwinConfig {
  /** Whose rule is followed to the letter; `river` when left out. */
  readonly variant?: "river" | "scikit-multiflow";
  /** Error probability of one look at the window, `(0, 1)`; .002 when left out. */
  readonly delta?: number;
  /** Looks at every so many observations; 32 when left out. */
  readonly lookEvery?: number;
}

/** What ADWIN remembers: row `r` holds up to six buckets of `2^r` observations, oldest first. */
export interface AdwinMemory {
  count: number;
  /** Observations in the window, their sum, and their squared deviations from its mean. */
  width: number;
  total: number;
  squares: number;
  rowCount: number;
  bucketCounts: Uint32Array;
  bucketTotals: Float64Array;
  bucketSquares: Float64Array;
}

/** Buckets of a size before two become one; the sixth is the moment in which they do. */
const bucketsPerRow = 5;
const rowLength = bucketsPerRow + 1;
/** `5 · (2^33 - 1)` observations: at 50 a second, 27 years. The last row then drops its oldest bucket. */
const rowCountMax = 33;
/** Parts of the window shorter than this are not compared. */
const partWidthMin = 5;
/** Nor is a window of this width or less. */
const windowWidthMin = 10;

/**
 * Creates an ADWIN detector of a changed mean, or goes on from a state.
 *
 * - Keeps a window of the newest observations in buckets of growing size and compares the means on both sides of every bucket's
 *   edge; where they differ by more than Bernstein's bound, the oldest bucket goes and drift is said. Rises and falls count.
 * - O(1) on most observations, O(log width) at every `lookEvery`-th; at most 33 rows of 6 buckets, 3.2 KB, whatever the stream.
 * - The paper's bound on false alarms holds for one look at independent values in `[0, 1]`; it looks often. Slow to notice a
 *   risen error rate (a look only at every 32nd, both sides, any cut): `createEDetector` is the default for that.
 *
 * Variants: after a drift `river` starts with an empty window, `scikit-multiflow` (and MOA) goes on with what is left of it.
 * When it joins two buckets, `scikit-multiflow` keeps the squares of the second one only.
 *
 * @throws {@link Defect} `detector.config_invalid`, `detector.state_invalid`.
 * @example
 * const detector = createAdwin();
 * for (let index = 0; index < 320; index++) detector.observe(index % 2);
 * let delay = 1;
 * while (detector.observe(2 + (delay % 2)) !== "drift") delay++;
 * delay; // => 32
 * @see Bifet and Gavaldà 2007, "Learning from time-changing data with adaptive windowing", sections 3.2 and 4.
 */
export function createAdwin(
  config: AdwinConfig = {},
  state?: DriftDetectorState<AdwinMemory>,
): DriftDetector<AdwinMemory> {
  const { variant = "river", delta = 0.002, lookEvery = 32 } = config;
  if (!(delta > 0 && delta < 1 && Number.isInteger(lookEvery) && lookEvery >= 1)) {
    throw new Defect(
      "detector.config_invalid",
      `delta ${delta} must be in (0, 1), lookEvery ${lookEvery} a whole number of 1 or more`,
    );
  }
  const isRiver = variant === "river";
  const buckets = rowCountMax * rowLength;
  return createDriftDetector<AdwinMemory>(
    {
      kind: "adwin",
      memory: {
        count: 0,
        width: 0,
        total: 0,
        squares: 0,
        rowCount: 1,
        bucketCounts: new Uint32Array(rowCountMax),
        bucketTotals: new Float64Array(buckets),
        bucketSquares: new Float64Array(buckets),
      },
      ...anyNumber,
      isSound,
      step(memory, value) {
        insert(memory, value);
        joinBuckets(memory, isRiver);
        memory.count++;
        if (memory.count % lookEvery !== 0 || memory.width <= windowWidthMin) return "normal";
        if (!shrinkWindow(memory, delta)) return "normal";
        if (isRiver) {
          memory.count = memory.width = memory.total = memory.squares = 0;
          memory.rowCount = 1;
          memory.bucketCounts.fill(0);
        }
        return "drift";
      },
    },
    state,
  );
}

/** Rows in use hold up to five buckets each, and together the window. */
function isSound({ count, width, rowCount, bucketCounts }: Readonly<AdwinMemory>): boolean {
  return (
    [count, width, rowCount].every(isCount) &&
    rowCount >= 1 &&
    rowCount <= rowCountMax &&
    bucketCounts.every((held, row) => held <= (row < rowCount ? bucketsPerRow : 0)) &&
    bucketCounts.reduce((sum, held, row) => sum + held * 2 ** row, 0) === width
  );
}

function push(memory: AdwinMemory, row: number, total: number, squares: number): void {
  const count = memory.bucketCounts[row] as number;
  memory.bucketTotals[row * rowLength + count] = total;
  memory.bucketSquares[row * rowLength + count] = squares;
  memory.bucketCounts[row] = count + 1;
}

/** Forgets the oldest buckets of a row. */
function shift(memory: AdwinMemory, row: number, count: number): void {
  const begin = row * rowLength;
  const left = (memory.bucketCounts[row] as number) - count;
  // A call of copyWithin takes longer than the loop over at most five.
  for (let at = begin; at < begin + left; at++) {
    memory.bucketTotals[at] = memory.bucketTotals[at + count] as number;
    memory.bucketSquares[at] = memory.bucketSquares[at + count] as number;
  }
  memory.bucketCounts[row] = left;
}

function insert(memory: AdwinMemory, value: number): void {
  push(memory, 0, value, 0);
  memory.width++;
  const before = memory.width - 1;
  if (before > 0) {
    const apart = value - memory.total / before;
    memory.squares += (before * apart * apart) / memory.width;
  }
  memory.total += value;
}

function joinBuckets(memory: AdwinMemory, keepsBothSquares: boolean): void {
  for (let row = 0, size = 1; memory.bucketCounts[row] === rowLength; row++, size *= 2) {
    if (row === rowCountMax - 1) {
      dropOldest(memory);
      return;
    }
    if (row === memory.rowCount - 1) memory.rowCount++;
    const begin = row * rowLength;
    const first = memory.bucketTotals[begin] as number;
    const second = memory.bucketTotals[begin + 1] as number;
    const apart = first / size - second / size;
    const kept = memory.bucketSquares[begin + 1] as number;
    const squares = keepsBothSquares ? (memory.bucketSquares[begin] as number) + kept : kept;
    push(memory, row + 1, first + second, squares + (size * size * apart * apart) / (size + size));
    shift(memory, row, 2);
  }
}

/** @returns how many observations went. */
function dropOldest(memory: AdwinMemory): number {
  const row = memory.rowCount - 1;
  const size = 2 ** row;
  const total = memory.bucketTotals[row * rowLength] as number;
  memory.width -= size;
  memory.total -= total;
  const apart = total / size - memory.total / memory.width;
  memory.squares -=
    (memory.bucketSquares[row * rowLength] as number) +
    (size * memory.width * apart * apart) / (size + memory.width);
  shift(memory, row, 1);
  if (memory.bucketCounts[row] === 0) memory.rowCount--;
  return size;
}

/** Drops oldest buckets until no edge parts two means that differ. */
function shrinkWindow(memory: AdwinMemory, delta: number): boolean {
  let isCut = false;
  while (dropsAtAnEdge(memory, delta)) isCut = true;
  return isCut;
}

function dropsAtAnEdge(memory: AdwinMemory, delta: number): boolean {
  const nats = Math.log((2 * Math.log(memory.width)) / delta);
  const variance = memory.squares / memory.width;
  let oldWidth = 0;
  let oldTotal = 0;
  let newWidth = memory.width;
  let newTotal = memory.total;
  for (let row = memory.rowCount - 1; row >= 0; row--) {
    const size = 2 ** row;
    const last = (memory.bucketCounts[row] as number) - 1;
    for (let bucket = 0; bucket < last; bucket++) {
      const total = memory.bucketTotals[row * rowLength + bucket] as number;
      oldWidth += size;
      newWidth -= size;
      oldTotal += total;
      newTotal -= total;
      if (oldWidth < partWidthMin || newWidth < partWidthMin) continue;
      const apart = Math.abs(oldTotal / oldWidth - newTotal / newWidth);
      const weight = 1 / (oldWidth - partWidthMin + 1) + 1 / (newWidth - partWidthMin + 1);
      if (apart > Math.sqrt(2 * weight * variance * nats) + (2 / 3) * nats * weight) {
        dropOldest(memory);
        return true;
      }
    }
  }
  return false;
}
