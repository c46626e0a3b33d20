// Nested evaluation: every setting is chosen on 24 people by a rule, and judged once on six others. It must not choose anything itself.
import { oodMethods } from "@attune/device-runtime/monitor";
import { bar } from "../../src/bar.ts";
import type { Bar, ResultRow, SuiteOutcome } from "../../src/suite.ts";
import { type Choice, choose, defaultChoice } from "./choice.ts";
import { livesOf } from "./lives.ts";
import { fatesOf, meetNewPeople, type NewPeople, ownRule } from "./newPerson.ts";
import type { RoundModels } from "./roundModel.ts";
import type { NestedFold } from "./rounds.ts";
import { type RoundView, unknowns, viewRound } from "./roundView.ts";
import { type Candidate, fitCandidate, separationOf, trivialScores } from "./separation.ts";
import {
  type Areas,
  areaRows,
  coverageRow,
  fateRows,
  inseparableRows,
  type Judged,
  namedShare,
  numberOf,
  walkingKeys,
} from "./tables.ts";

/** Activities whose finding is counted when they are left out: those that walk, and lying. Sitting and standing are not told by anything. */
const countedClasses: readonly number[] = [0, 1, 2, 5];

/** Areas of a candidate in one round, by what is unknown. */
export function areasOf(views: readonly RoundView[], candidate: Candidate): Areas {
  return keyed(views, (view) => separationOf(view, fitCandidate(view, candidate)));
}

/** Areas of trivial scores in one round. */
export function trivialAreas(views: readonly RoundView[], name: string): Areas {
  return keyed(views, (view) => {
    const scoreOf = trivialScores(view)[name];
    if (scoreOf === undefined) throw new Error(`no trivial score is called ${name}`);
    return separationOf(view, scoreOf);
  });
}

function keyed(views: readonly RoundView[], areaOf: (view: RoundView) => number): Areas {
  return Object.fromEntries(
    views.map((view) => [
      unknowns.find(({ unknown }) => unknown === view.unknown)?.key ?? "",
      areaOf(view),
    ]),
  );
}

/** How one round judges a choice. */
export function judge(
  views: readonly RoundView[],
  { candidate, rule }: Pick<Choice, "candidate" | "rule">,
): Judged {
  const classFates = views
    .filter(({ unknown }) => unknown !== "transitions" && countedClasses.includes(unknown))
    .flatMap((view) => livesOf(view, fitCandidate(view, candidate)))
    .flatMap((life) => fatesOf(life, rule));
  return { areas: areasOf(views, candidate), classFates };
}

/** Everything that can be unknown in one round. */
export async function viewsOf(
  models: RoundModels,
  round: NestedFold["outer"],
): Promise<readonly RoundView[]> {
  const views: RoundView[] = [];
  for (const { unknown } of unknowns) views.push(await viewRound(models, round, unknown));
  return views;
}

/** What one outer fold showed of a choice. */
interface FoldResult extends Judged {
  readonly met: NewPeople;
}

/** Runs all folds. */
export async function runNested(
  models: RoundModels,
  folds: readonly NestedFold[],
  progress: (line: string) => void,
): Promise<SuiteOutcome> {
  const chosen: FoldResult[] = [];
  const shipped: FoldResult[] = [];
  const others = new Map<string, Areas[]>();
  const rows: ResultRow[] = [];
  const outerViews: RoundView[] = [];
  for (const { outer, inner } of folds) {
    const innerViews: RoundView[] = [];
    for (const round of inner) {
      progress(`${outer.seed}: training inside, ${round.seed}`);
      innerViews.push(...(await viewsOf(models, round)));
    }
    progress(`${outer.seed}: choosing`);
    const choice = choose(innerViews);
    progress(`${outer.seed}: judging`);
    const views = await viewsOf(models, outer);
    outerViews.push(...views);
    for (const [results, settings] of [
      [chosen, choice],
      [shipped, defaultChoice],
    ] as const) {
      results.push({
        ...judge(views, settings),
        met: await meetNewPeople(models, outer, settings),
      });
    }
    for (const method of oodMethods) {
      const areas = areasOf(views, { method, reads: "both" });
      others.set(method.kind, [...(others.get(method.kind) ?? []), areas]);
    }
    for (const name of ["random", "always OOD"]) {
      others.set(name, [...(others.get(name) ?? []), trivialAreas(views, name)]);
    }
    const result = chosen.at(-1) as FoldResult;
    const fates = fateRows(result.met.fates, result.classFates);
    rows.push({
      ...fates.find(({ name }) => name === ownRule),
      name: `fold ${chosen.length}: people ${outer.exam.map(({ subject }) => subject).join(" ")}`,
      ...result.areas,
      choice: describe(choice),
    });
  }
  progress("choosing on everybody");
  rows.push({
    name: "chosen on all people, judged by nobody",
    choice: describe(choose(outerViews)),
  });
  return summarize(rows, chosen, shipped, others);
}

function summarize(
  foldRows: readonly ResultRow[],
  chosen: readonly FoldResult[],
  shipped: readonly FoldResult[],
  others: ReadonlyMap<string, readonly Areas[]>,
): SuiteOutcome {
  const results: ResultRow[] = [...foldRows];
  const bars: Bar[] = [];
  for (const [name, folds] of [
    ["chosen inside", chosen],
    ["as packages are made", shipped],
  ] as const) {
    const areas = areaRows(
      name,
      folds.map((fold) => fold.areas),
    );
    const met = folds.map((fold) => fold.met);
    const fates = fateRows(
      met.flatMap((one) => one.fates),
      folds.flatMap((fold) => fold.classFates),
    ).map((row) => ({ ...row, name: `${name}: ${row["name"] as string}` }));
    results.push(...areas, ...fates, coverageRow(met), ...inseparableRows(met));
    const own = (key: string): number => numberOf(fates, `${name}: ${ownRule}`, key);
    const walking = walkingKeys.map((key) => numberOf(areas, name, key));
    bars.push(
      bar(`${name}: transitions AUROC`, numberOf(areas, name, "transitions"), ">=", 0.985),
      bar(
        `${name}: held-out walking class AUROC, least of three`,
        Math.min(...walking),
        ">=",
        0.92,
      ),
      bar(`${name}: new person flagged, mean of 30`, own("flaggedMean"), "<=", 0.06),
      bar(`${name}: new person flagged, worst of 30`, own("flaggedWorst"), "<=", 0.12),
      bar(
        `${name}: sitting and standing named inseparable, share of packages`,
        namedShare(met),
        "==",
        1,
      ),
    );
  }
  for (const [name, areas] of others) results.push(...areaRows(name, areas));
  return { results, bars };
}

function describe({ candidate: { method, reads }, rule, toldClasses }: Choice): string {
  const { kind, ...settings } = method;
  const set = Object.entries(settings).map(([name, value]) => `${name} ${value}`);
  const { priorCount, halfLifeWindows, commonShare, commonWeight } = rule;
  return [
    [kind, reads, ...set].join(" "),
    `prior ${priorCount} half life ${halfLifeWindows} common ${commonShare} x${commonWeight}`,
    `told ${toldClasses.join(" ")}`,
  ].join("; ");
}
