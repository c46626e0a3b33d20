// What a model does not know, and how a new person fares: every score, on people that nothing was fitted to.
import { inseparableFrom, type OrtRuntime } from "@attune/device-runtime/model";
import { oodMethods } from "@attune/device-runtime/monitor";
import { loadNodeOrt } from "@attune/device-runtime/node";
import { bar } from "../src/bar.ts";
import type { Bar, ResultRow, Suite } from "../src/suite.ts";
import { activities, readHaptPeople } from "./ood/haptPeople.ts";
import { meetNewPeople, type NewPeople } from "./ood/newPerson.ts";
import { createRounds, type Round } from "./ood/rounds.ts";
import { type Contestant, separate, unknowns } from "./ood/separation.ts";

/** What packages score with when nothing else is said. */
const defaultMethod = { kind: "combined" } as const;
const walkingKeys = ["class0", "class1", "class2"];

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value / values.length, 0);

/** Mean area of each contestant over the rounds, a row each. */
async function separationRows(
  runtime: OrtRuntime,
  rounds: readonly Round[],
  progress: (line: string) => void,
): Promise<readonly ResultRow[]> {
  const areas = new Map<Contestant, Map<string, number[]>>();
  for (const round of rounds) {
    for (const { unknown, key } of unknowns) {
      progress(`seed ${round.seed}: ${key} unknown`);
      for (const [contestant, area] of await separate(runtime, round, unknown, oodMethods)) {
        const byKey = areas.get(contestant) ?? new Map<string, number[]>();
        areas.set(contestant, byKey);
        byKey.set(key, [...(byKey.get(key) ?? []), area]);
      }
    }
  }
  return [...areas].map(([contestant, byKey]) => ({
    name: contestant === defaultMethod.kind ? `${contestant} (default)` : contestant,
    ...Object.fromEntries([...byKey].map(([key, values]) => [key, mean(values)])),
  }));
}

/** A row for each rule, over all people of all rounds. */
function fateRows(met: readonly NewPeople[]): readonly ResultRow[] {
  const byRule = Map.groupBy(
    met.flatMap(({ fates }) => fates),
    ({ rule }) => rule,
  );
  return [...byRule].map(([rule, fates]) => ({
    name: rule,
    flaggedMean: mean(fates.map(({ flagged }) => flagged)),
    flaggedWorst: Math.max(...fates.map(({ flagged }) => flagged)),
    found:
      fates.reduce((sum, { found }) => sum + found, 0) /
      fates.reduce((sum, { transitionCount }) => sum + transitionCount, 0),
  }));
}

/** The stated coverage beside what new people got. */
function coverageRow(met: readonly NewPeople[]): ResultRow {
  const all = met.flatMap(({ covered }) => covered);
  const sum = (of: (one: (typeof all)[number]) => number): number =>
    all.reduce((total, one) => total + of(one), 0);
  return {
    name: "abstention: stated, on new people",
    stated: mean(met.map(({ calibration }) => calibration.abstention.coverage)),
    covered: sum(({ answered }) => answered) / sum(({ count }) => count),
    wrongOfAll: sum(({ wrongOfAll }) => wrongOfAll) / sum(({ count }) => count),
    wrongOfAnswered: sum(({ wrong }) => wrong) / sum(({ answered }) => answered),
  };
}

/** The pairs that the package of each seed calls inseparable. */
function inseparableRows(met: readonly NewPeople[]): readonly ResultRow[] {
  const seen = new Map<string, number>();
  for (const { calibration } of met) {
    activities.forEach((answered, label) => {
      for (const other of inseparableFrom(calibration.ood.leaveOneOut, label)) {
        const pair = `${answered} inseparableFrom ${activities[other] ?? ""}`;
        seen.set(pair, (seen.get(pair) ?? 0) + 1);
      }
    });
  }
  return [...seen].map(([name, count]) => ({ name, packages: `${count} of ${met.length}` }));
}

function numberOf(rows: readonly ResultRow[], name: string, key: string): number {
  const value = rows.find((row) => `${row["name"]}`.includes(name))?.[key];
  return typeof value === "number" ? value : Number.NaN;
}

/** Every score on HAPT, and a new person's share of outliers. */
export const suite: Suite = {
  name: "ood",
  title:
    "HAPT: unknown input by AUROC (mean of seeds; features: network 32 + window statistics 36), a new person's outliers after 100 windows",
  columns: [
    { key: "name", title: "score or rule" },
    { key: "transitions", title: "transitions", decimals: 3 },
    ...activities.map((name, label) => ({
      key: `class${label}`,
      title: `no ${name.replace("WALKING_", "")}`,
      decimals: 3,
    })),
    { key: "flaggedMean", title: "flagged mean", decimals: 3 },
    { key: "flaggedWorst", title: "worst", decimals: 3 },
    { key: "found", title: "transitions found", decimals: 3 },
    { key: "stated", title: "stated coverage", decimals: 3 },
    { key: "covered", title: "coverage", decimals: 3 },
    { key: "wrongOfAll", title: "wrong of all", decimals: 3 },
    { key: "wrongOfAnswered", title: "of answered", decimals: 3 },
    { key: "packages", title: "packages" },
  ],
  packages: ["onnxruntime-node"],
  options: [
    { name: "seeds", fallback: "3", help: "deals of the 21 people: 17 train, 4 calibrate" },
    {
      name: "people",
      fallback: "test",
      help: "test: the nine official test people are examined; others: the 21, three at a time",
    },
  ],
  async run({ dataFolder, options, progress }) {
    if (dataFolder === undefined) {
      throw new Error("HAPT is not here; set ATTUNE_DATA to the folder that holds har-hapt");
    }
    const seedCount = Number(options["seeds"]);
    if (!(Number.isInteger(seedCount) && seedCount >= 1 && seedCount <= 20)) {
      throw new Error(`--seeds is ${options["seeds"]}, must be 1 to 20`);
    }
    const which = options["people"];
    if (which !== "test" && which !== "others") {
      throw new Error(`--people is ${which}, must be test or others`);
    }
    const rounds = createRounds(await readHaptPeople(dataFolder), which, seedCount);
    const runtime = await loadNodeOrt();
    const separation = await separationRows(runtime, rounds, progress);
    const met: NewPeople[] = [];
    for (const round of rounds) {
      progress(`seed ${round.seed}: new people`);
      met.push(await meetNewPeople(runtime, round, defaultMethod));
    }
    const fates = fateRows(met);
    const walking = walkingKeys.map((key) => numberOf(separation, "(default)", key));
    const bars: Bar[] = [
      bar("transitions AUROC", numberOf(separation, "(default)", "transitions"), ">=", 0.985),
      bar("held-out walking class AUROC, least of three", Math.min(...walking), ">=", 0.92),
      bar("new person flagged, mean", numberOf(fates, "(default)", "flaggedMean"), "<=", 0.06),
      bar("new person flagged, worst", numberOf(fates, "(default)", "flaggedWorst"), "<=", 0.12),
      bar("transitions found at that level", numberOf(fates, "(default)", "found"), ">=", 0.8),
    ];
    return {
      results: [...separation, ...fates, coverageRow(met), ...inseparableRows(met)],
      bars,
    };
  },
};
