// What a benchmark suite is: the types that every file in suites/ fulfils. No behaviour here.

import type { Compare } from "./compare.ts";

/** One measured row, keyed by the suite's columns. Numbers stay numbers: the table rounds, JSON does not. */
export type ResultRow = Readonly<Record<string, string | number | boolean | null>>;

/** How one key of the rows is shown in the table. */
export interface Column {
  /** Key in each {@link ResultRow}; units last, as in `medianUs`. */
  readonly key: string;
  /** Heading in the table, unit included, as in "median µs". */
  readonly title: string;
  /** Decimals of a number in the table, 0 to 9. Without it: three significant digits. */
  readonly decimals?: number;
}

/** How a bar compares its value (left) with its limit (right). */
export type BarOperator = ">=" | "<=" | ">" | "<" | "==";

/** A promise in numbers. Made with `bar()`, which decides `holds`. */
export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly op: BarOperator;
  readonly limit: number;
  readonly holds: boolean;
}

/** A number or word that the user may set: `--seeds 5`. */
export interface SuiteOption {
  /** Kebab case, without dashes. */
  readonly name: string;
  /** Used when it is not given. */
  readonly fallback: string;
  /** One line for `--help`. */
  readonly help: string;
}

/** What a suite is handed. Everything that measures time goes through `clock` or `compare`. */
export interface BenchContext {
  /** Monotonic milliseconds, at least microsecond resolution. */
  readonly clock: BenchClock;
  /** Rivals interleaved in one run, on `clock`. */
  readonly compare: Compare;
  /** Values of the suite's own options, fallbacks filled in. */
  readonly options: Readonly<Record<string, string>>;
  /** Folder of the public data sets (`ATTUNE_DATA`, else `./data`); `undefined` when it is not there. */
  readonly dataFolder: string | undefined;
  /** One line for a person who waits; goes to stderr. */
  progress(line: string): void;
}

export interface BenchClock {
  nowMs(): number;
}

/** What a suite hands back. */
export interface SuiteOutcome {
  readonly results: readonly ResultRow[];
  readonly bars: readonly Bar[];
}

/**
 * One benchmark. A file `suites/trainStep.bench.ts` exports it as `suite` with the name `train-step`.
 *
 * @example
 * import type { Suite } from "../src/suite.ts";
 * import { bar } from "../src/bar.ts";
 *
 * export const suite: Suite = {
 *   name: "train-step",
 *   title: "One training step of the perceptron 561-64-6, batch 32",
 *   columns: [
 *     { key: "name", title: "contestant" },
 *     { key: "medianUs", title: "median µs", decimals: 1 },
 *   ],
 *   packages: ["onnxruntime-node"],
 *   async run({ compare }) {
 *     const comparison = await compare({ contestants, roundCount: 15 });
 *     const ratio = comparison.ratioOf("tfjs cpu", "attune").median;
 *     return { results: comparison.rows("us"), bars: [bar("times tfjs cpu", ratio, ">=", 50)] };
 *   },
 * };
 */
export interface Suite {
  /** As typed on the command line: kebab case of the file's name. */
  readonly name: string;
  /** One line for `--list` and for the table's heading. */
  readonly title: string;
  /** What the table shows, in this order. */
  readonly columns: readonly Column[];
  /** npm packages whose versions belong in the recorded environment. */
  readonly packages?: readonly string[];
  readonly options?: readonly SuiteOption[];
  run(context: BenchContext): Promise<SuiteOutcome>;
}
