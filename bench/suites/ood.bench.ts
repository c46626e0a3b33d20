// What a model does not know, and how a new person fares: every score, on people that nothing was fitted to.
import { oodMethods } from "@attune/device-runtime/monitor";
import { loadNodeOrt } from "@attune/device-runtime/node";
import { bar } from "../src/bar.ts";
import type { Bar, ResultRow, Suite, SuiteOutcome } from "../src/suite.ts";
import { defaultChoice } from "./ood/choice.ts";
import { activities, readHaptPeople } from "./ood/haptPeople.ts";
import { areasOf, judge, runNested, trivialAreas, viewsOf } from "./ood/nested.ts";
import { meetNewPeople, type NewPeople, ownRule } from "./ood/newPerson.ts";
import { createRoundModels, type RoundModels } from "./ood/roundModel.ts";
import { createNestedFolds, createRounds, type Round } from "./ood/rounds.ts";
import {
  type Areas,
  areaRows,
  coverageRow,
  fateRows,
  inseparableRows,
  type Judged,
  numberOf,
  walkingKeys,
} from "./ood/tables.ts";

/** Default settings and every other score on rounds, the mean of which is judged. */
async function runRounds(
  models: RoundModels,
  rounds: readonly Round[],
  progress: (line: string) => void,
): Promise<SuiteOutcome> {
  const areas = new Map<string, Areas[]>();
  const note = (name: string, of: Areas): void => {
    areas.set(name, [...(areas.get(name) ?? []), of]);
  };
  const judged: Judged[] = [];
  const met: NewPeople[] = [];
  for (const round of rounds) {
    progress(`seed ${round.seed}: training`);
    const views = await viewsOf(models, round);
    progress(`seed ${round.seed}: judging`);
    for (const method of oodMethods) note(method.kind, areasOf(views, { method, reads: "both" }));
    for (const name of ["random", "always OOD"]) note(name, trivialAreas(views, name));
    judged.push(judge(views, defaultChoice));
    met.push(await meetNewPeople(models, round, defaultChoice));
  }
  const name = defaultChoice.candidate.method.kind;
  const separation: ResultRow[] = [...areas].flatMap(([kind, all]) => areaRows(kind, all));
  const seeds = rounds.map(
    ({ seed }, at): ResultRow => ({ name: `${name}, seed ${seed}`, ...judged[at]?.areas }),
  );
  const fates = fateRows(
    met.flatMap((one) => one.fates),
    judged.flatMap(({ classFates }) => classFates),
  );
  const walking = walkingKeys.map((key) => numberOf(separation, name, key));
  const bars: Bar[] = [
    bar("transitions AUROC", numberOf(separation, name, "transitions"), ">=", 0.985),
    bar("held-out walking class AUROC, least of three", Math.min(...walking), ">=", 0.92),
    bar("new person flagged, mean", numberOf(fates, ownRule, "flaggedMean"), "<=", 0.06),
    bar("new person flagged, worst", numberOf(fates, ownRule, "flaggedWorst"), "<=", 0.12),
    bar("transitions found at that level", numberOf(fates, ownRule, "found"), ">=", 0.8),
  ];
  return {
    results: [...separation, ...seeds, ...fates, coverageRow(met), ...inseparableRows(met)],
    bars,
  };
}

/** Every score on HAPT, and a new person's share of outliers. */
export const suite: Suite = {
  name: "ood",
  title:
    "HAPT: unknown input by AUROC (mean of rounds; features: network 32 + window statistics 36), a new person's outliers after 100 windows",
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
    { key: "foundClasses", title: "left-out walking, lying found", decimals: 3 },
    { key: "stated", title: "stated coverage", decimals: 3 },
    { key: "covered", title: "coverage", decimals: 3 },
    { key: "wrongOfAll", title: "wrong of all", decimals: 3 },
    { key: "wrongOfAnswered", title: "of answered", decimals: 3 },
    { key: "packages", title: "packages, area" },
    { key: "choice", title: "choice" },
  ],
  packages: ["onnxruntime-node"],
  options: [
    { name: "seeds", fallback: "usual", help: "deals of people, 1 to 20; usual: 1 nested, else 3" },
    {
      name: "people",
      fallback: "test",
      help: "test: the nine official test people are examined by models of 17 others, 4 calibrate; others: the 21, three at a time; nested: all 30, six at a time, with every setting chosen on the other 24",
    },
  ],
  async run({ dataFolder, options, progress }) {
    if (dataFolder === undefined) {
      throw new Error("HAPT is not here; set ATTUNE_DATA to the folder that holds har-hapt");
    }
    const which = options["people"];
    if (which !== "test" && which !== "others" && which !== "nested") {
      throw new Error(`--people is ${which}, must be test, others or nested`);
    }
    const usual = which === "nested" ? 1 : 3;
    const seedCount = options["seeds"] === "usual" ? usual : Number(options["seeds"]);
    if (!(Number.isInteger(seedCount) && seedCount >= 1 && seedCount <= 20)) {
      throw new Error(`--seeds is ${options["seeds"]}, must be 1 to 20`);
    }
    const hapt = await readHaptPeople(dataFolder);
    const models = createRoundModels(await loadNodeOrt());
    return which === "nested"
      ? runNested(models, createNestedFolds(hapt, seedCount), progress)
      : runRounds(models, createRounds(hapt, which, seedCount), progress);
  },
};
