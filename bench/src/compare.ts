// Times rivals interleaved in one run, so that a busy machine disturbs all of them alike.
// It must not choose what is measured or judge the result.

import type { BenchClock, ResultRow } from "./suite.ts";

/** One rival. `run` does `unitCount` units of work (steps, messages, windows) and is timed as a whole. */
export interface Contestant {
  readonly name: string;
  /** Units of work that one `run` does, at least 1. Choose it so that a run takes 5 ms or more. */
  readonly unitCount: number;
  /** Called once before any round, not timed. */
  setUp?(): void | Promise<void>;
  /** Timed, awaited. */
  run(): void | Promise<void>;
  /** Called once after all rounds, also when a round failed. */
  tearDown?(): void | Promise<void>;
}

export interface CompareOptions {
  /** At least one; names differ. */
  readonly contestants: readonly Contestant[];
  /** Timed rounds; each times every contestant once. Odd numbers give a real median. Default 15. */
  readonly roundCount?: number;
  /** Rounds before that, thrown away. Default 2. */
  readonly warmUpRoundCount?: number;
}

/** Median and quartiles over rounds. */
export interface Spread {
  readonly median: number;
  readonly lowerQuartile: number;
  readonly upperQuartile: number;
  readonly min: number;
  readonly max: number;
}

export type TimeUnit = "ms" | "us" | "ns";

export interface Comparison {
  /** Milliseconds per unit of work, by contestant. */
  readonly unitMs: Readonly<Record<string, Spread>>;
  /**
   * How many times longer `slower` takes than `faster`, paired by round: the two times of one round
   * saw the same machine, so the median of their ratios moves less than the ratio of the medians.
   */
  ratioOf(slower: string, faster: string): Spread;
  /**
   * One row a contestant: `name`, `median`, `lowerQuartile`, `upperQuartile`, `min` and `max` with the
   * unit as suffix (`medianUs`), `ratio` against the first contestant, `rounds`.
   */
  rows(unit: TimeUnit): ResultRow[];
}

export type Compare = (options: CompareOptions) => Promise<Comparison>;

/** Binds {@link Compare} to a clock and a place for progress lines. */
export function createCompare(clock: BenchClock, progress: (line: string) => void): Compare {
  return (options) => compare(options, clock, progress);
}

/**
 * Spread of a sample; quartiles by linear interpolation (type 7, as NumPy and R do by default).
 *
 * - `values` has at least one number and is not changed.
 *
 * @example
 * spreadOf([4, 1, 3, 2, 5]).median; // => 3
 */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new Error("spreadOf needs at least one value, got none");
  const sorted = values.toSorted((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    lowerQuartile: quantile(sorted, 0.25),
    upperQuartile: quantile(sorted, 0.75),
    min: quantile(sorted, 0),
    max: quantile(sorted, 1),
  };
}

function quantile(sorted: readonly number[], probability: number): number {
  const position = (sorted.length - 1) * probability;
  const lower = sorted[Math.floor(position)] ?? Number.NaN;
  const upper = sorted[Math.ceil(position)] ?? Number.NaN;
  return lower + (upper - lower) * (position - Math.floor(position));
}

async function compare(
  options: CompareOptions,
  clock: BenchClock,
  progress: (line: string) => void,
): Promise<Comparison> {
  const { contestants, roundCount = 15, warmUpRoundCount = 2 } = options;
  checkOptions(contestants, roundCount, warmUpRoundCount);
  const timesByName = new Map(contestants.map((contestant) => [contestant.name, [] as number[]]));
  try {
    for (const contestant of contestants) {
      progress(`setting up ${contestant.name}`);
      await contestant.setUp?.();
    }
    for (let round = -warmUpRoundCount; round < roundCount; round++) {
      progress(round < 0 ? "warming up" : `round ${round + 1} of ${roundCount}`);
      for (const contestant of rotated(contestants, round + warmUpRoundCount)) {
        const startMs = clock.nowMs();
        await contestant.run();
        const unitMs = (clock.nowMs() - startMs) / contestant.unitCount;
        if (round >= 0) timesByName.get(contestant.name)?.push(unitMs);
      }
    }
  } finally {
    for (const contestant of contestants) await contestant.tearDown?.();
  }
  return createComparison(contestants, timesByName, roundCount);
}

function checkOptions(
  contestants: readonly Contestant[],
  roundCount: number,
  warmUpRoundCount: number,
): void {
  if (contestants.length === 0) throw new Error("compare needs at least one contestant");
  const names = new Set(contestants.map((contestant) => contestant.name));
  if (names.size !== contestants.length) throw new Error("contestants need names that differ");
  if (!(roundCount >= 1)) throw new Error(`roundCount is ${roundCount}, it must be at least 1`);
  if (!(warmUpRoundCount >= 0)) throw new Error(`warmUpRoundCount is ${warmUpRoundCount}`);
  for (const { name, unitCount } of contestants) {
    if (!(unitCount >= 1)) throw new Error(`${name}: unitCount is ${unitCount}, at least 1 needed`);
  }
}

/** Each round starts with another contestant, so none always runs after the hottest one. */
function rotated<T>(items: readonly T[], turn: number): T[] {
  const start = turn % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}

const unitsPerMs: Record<TimeUnit, number> = { ms: 1, us: 1e3, ns: 1e6 };
const unitSuffix: Record<TimeUnit, string> = { ms: "Ms", us: "Us", ns: "Ns" };

function createComparison(
  contestants: readonly Contestant[],
  timesByName: ReadonlyMap<string, readonly number[]>,
  roundCount: number,
): Comparison {
  const timesOf = (name: string): readonly number[] => {
    const times = timesByName.get(name);
    if (times === undefined) throw new Error(`no contestant is called ${name}`);
    return times;
  };
  const ratioOf = (slower: string, faster: string): Spread => {
    const fasterMs = timesOf(faster);
    return spreadOf(timesOf(slower).map((ms, round) => ms / (fasterMs[round] ?? Number.NaN)));
  };
  const unitMs = Object.fromEntries(
    contestants.map(({ name }) => [name, spreadOf(timesOf(name))] as const),
  );
  return {
    unitMs,
    ratioOf,
    rows: (unit) =>
      contestants.map(({ name }) => {
        const spread = spreadOf(timesOf(name));
        const inUnit = Object.entries(spread).map(([key, ms]) => [
          `${key}${unitSuffix[unit]}`,
          (ms as number) * unitsPerMs[unit],
        ]);
        const ratio = ratioOf(name, contestants[0]?.name ?? name).median;
        return { name, ...Object.fromEntries(inUnit), ratio, rounds: roundCount } as ResultRow;
      }),
  };
}
