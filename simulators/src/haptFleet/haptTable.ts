// The experiment as tables for a person. It must not work anything out that the results do not hold.
import type { PairedInterval } from "../hapt/pairedInterval.ts";
import { type Figures, type HaptBar, meanAndSpread, meansOf, type SeedMeans } from "./haptBars.ts";
import type { SharedModelName } from "./haptRules.ts";
import type { PersonRow } from "./personRows.ts";
import type { SeedResult } from "./runSeed.ts";

const share = (value: number): string => value.toFixed(3).replace(/^(-?)0\./, "$1.");
const signed = (value: number): string => `${value < 0 ? "-" : "+"}${share(Math.abs(value))}`;
const span = ({ low, high }: PairedInterval): string => `[${signed(low)}, ${signed(high)}]`;
const minutes = (ms: number): string => `${(ms / 60_000).toFixed(1)} min`;

/** One seed: a row for each person, what the guards did, and what the fleet did. */
export function seedText(result: SeedResult): string {
  const { seed, model, rows, fleet, trainedParameters, parameters } = result;
  const means = meansOf(result);
  const accuracies = table(
    [
      "person",
      "windows",
      "floor",
      "shared",
      "naive",
      "guarded",
      "against shared",
      "fleet's",
      "against shared",
      "never",
      "naive/guarded on arrival",
    ],
    [
      ...rows.map((row) => [
        `${row.subject}${row.isProcess ? "*" : ""}`,
        `${row.windows} in ${row.stretches}`,
        share(row.floor),
        share(row.shared),
        share(row.naive.afterwards),
        share(row.guarded.afterwards),
        span(row.guarded.interval),
        share(row.fleet.afterwards),
        span(row.fleet.interval),
        share(row.never.afterwards),
        `${share(row.naive.onArrival)} / ${share(row.guarded.onArrival)}`,
      ]),
      figuresRow("mean", means, ({ mean }) => mean),
      figuresRow("worst", means, ({ worst }) => worst),
    ],
  );
  const doings = table(
    [
      "person",
      "trained",
      "adopted",
      "dropped",
      "reverted",
      "contributed",
      "outliers: postures / activities",
      "last verdict",
    ],
    rows.map((row) => [
      `${row.subject}`,
      `${row.trainings}`,
      `${row.adopted}`,
      `${row.dropped}`,
      `${row.reverted}`,
      contributed(row),
      `${share(row.outliers.transitions)} / ${share(row.outliers.activities)}`,
      lastVerdict(row),
    ]),
  );
  const events = fleet.events.map(
    ({ atMs, action, reason }) =>
      `  ${minutes(atMs)}  ${action}${reason === "" ? "" : `: ${reason}`}`,
  );
  return [
    `${model} model, seed ${seed}`,
    "",
    accuracies,
    "  * an OS process of its own, with its store on disk",
    "  every window by the model after all feedback; the last column by what was active when it arrived",
    "",
    doings,
    "",
    `  a device trains ${trainedParameters} of ${parameters} parameters`,
    fleet.isPromoted
      ? "  the fleet's: a version that the fleet has made and promoted"
      : "  the fleet's: no candidate was promoted, so it is the shared version",
    ...events,
    "",
  ].join("\n");
}

/** What a reader has to know to compare the two. */
const modelLines: Readonly<Record<SharedModelName, string>> = {
  plain:
    "plain model: sees the signal as it is, and errs on how people sit and stand; here personalization pays",
  robust:
    "robust model: the same with small movements made visible; it errs seldom, and personalization has to hold still",
};

/** What became of each candidate, as the hub said it last; a candidate begins where it is made. */
function candidateFates({ seed, fleet }: SeedResult): readonly string[][] {
  const fates: string[][] = [];
  for (const { atMs, action, reason } of fleet.events) {
    if (action === "candidate.made") fates.push([`${seed}`, minutes(atMs), "", ""]);
    const last = fates.at(-1);
    if (last === undefined) continue;
    if (action === "gate.verdict") last[2] = reason;
    if (action.startsWith("rollout."))
      last[3] = `${action.slice("rollout.".length)} ${minutes(atMs)}`;
  }
  return fates;
}

/** All seeds of one model: mean over people, how far seeds are apart, and what became of the fleet's candidates. */
export function summaryText(model: SharedModelName, results: readonly SeedResult[]): string {
  const means = results.map(meansOf);
  const rows = results.flatMap((result) => result.rows);
  const contestants = ["floor", "shared", "naive", "guarded", "fleet", "never"] as const;
  const gains = (pick: (row: PersonRow) => { readonly interval: PairedInterval }): string[] => {
    const count = (isMeant: (interval: PairedInterval) => boolean): string =>
      `${rows.filter((row) => isMeant(pick(row).interval)).length}`;
    return [
      count(({ difference }) => difference > 0),
      count(({ difference }) => difference < 0),
      count(({ low }) => low > 0),
      count(({ high }) => high < 0),
    ];
  };
  const learners = {
    naive: gains((row) => row.naive),
    guarded: gains((row) => row.guarded),
    fleet: gains((row) => row.fleet),
    never: gains((row) => row.never),
  };
  const body = contestants.map((name) => {
    const mean = meanAndSpread(means.map((one) => one[name].mean));
    const worst = meanAndSpread(means.map((one) => one[name].worst));
    const counts = name === "floor" || name === "shared" ? ["", "", "", ""] : learners[name];
    return [
      name,
      `${share(mean.mean)} ± ${share(mean.spread)}`,
      `${share(worst.mean)} ± ${share(worst.spread)}`,
      ...counts,
    ];
  });
  const total = (pick: (row: PersonRow) => number): number =>
    rows.reduce((sum, row) => sum + pick(row), 0);
  const fates = results.flatMap(candidateFates);
  return [
    modelLines[model],
    `${results.length} ${results.length === 1 ? "seed" : "seeds"} of ${results[0]?.rows.length ?? 0} people each`,
    "",
    table(["", "mean", "worst", "better", "worse", "beyond interval: better", "worse"], body),
    "",
    `  trainings ${total((row) => row.trainings)}, adopted ${total((row) => row.adopted)}, dropped ${total((row) => row.dropped)}, reverted ${total((row) => row.reverted)}, contributions ${total((row) => row.contributions.length)}`,
    `  the guard that never adopts: trainings ${total((row) => row.neverTrainings)}, dropped ${total((row) => row.neverDropped)}`,
    `  seeds with a promoted candidate: ${results.filter(({ fleet }) => fleet.isPromoted).length} of ${results.length}`,
    "",
    fates.length === 0
      ? "  no window of contributions closed: there was no candidate"
      : table(["seed", "candidate", "what the gate said last", "what followed"], fates),
    "",
  ].join("\n");
}

/** The bars, each with what it is held against. */
export function barsText(bars: readonly HaptBar[]): string {
  return table(
    ["bar", "value", "", "limit", ""],
    bars.map(({ name, value, op, limit, holds, unjudged }) => [
      name,
      figure(value),
      op,
      figure(limit),
      unjudged ?? (holds === false ? "DOES NOT HOLD" : "holds"),
    ]),
  );
}

const figure = (value: number): string => (Number.isInteger(value) ? `${value}` : value.toFixed(4));

function figuresRow(name: string, means: SeedMeans, pick: (figures: Figures) => number): string[] {
  const of = (figures: Figures): string => share(pick(figures));
  return [
    name,
    "",
    of(means.floor),
    of(means.shared),
    of(means.naive),
    of(means.guarded),
    "",
    of(means.fleet),
    "",
    of(means.never),
    `${of(means.naiveOnArrival)} / ${of(means.guardedOnArrival)}`,
  ];
}

function contributed({ contributions, withheld }: PersonRow): string {
  const sizes = contributions.map(({ bytes }) => bytes);
  const sent =
    sizes.length === 0
      ? "-"
      : `${sizes.length} of ${Math.min(...sizes)} to ${Math.max(...sizes)} bytes`;
  return withheld.length === 0 ? sent : `${sent}, ${withheld.length} withheld`;
}

function lastVerdict({ verdicts }: PersonRow): string {
  const last = verdicts.at(-1);
  if (last === undefined) return "none: not enough evidence";
  const { verdict, atMs, wins, losses, n, evidence, limit } = last;
  return `${verdict} at ${minutes(atMs)}: ${wins} wins, ${losses} losses of ${n}, evidence ${evidence.toPrecision(3)} of ${limit}`;
}

/** Columns as wide as their widest cell; the first is flush left, the others too where they hold words. */
function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `  ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd();
  return [line(heads), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join(
    "\n",
  );
}
