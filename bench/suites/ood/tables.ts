// Makes rows of what rounds have shown. It must not measure anything.
import { inseparableFrom } from "@attune/device-runtime/model";
import type { ResultRow } from "../../src/suite.ts";
import { activities } from "./haptPeople.ts";
import { foundOf } from "./lives.ts";
import { mean } from "./mean.ts";
import type { NewPeople, RuledFate } from "./newPerson.ts";

/** Walking, upstairs and downstairs, as the columns are called. */
export const walkingKeys: readonly string[] = ["class0", "class1", "class2"];

/** Area by what was unknown, of one round. */
export type Areas = Readonly<Record<string, number>>;

/** What one round showed of one score or choice. */
export interface Judged {
  readonly areas: Areas;
  /** Of left-out classes, by the packaged rule and by others. */
  readonly classFates: readonly RuledFate[];
}

/** Rows of the mean and the least of rounds. */
export function areaRows(name: string, rounds: readonly Areas[]): readonly ResultRow[] {
  const over = (of: (values: readonly number[]) => number): Areas =>
    Object.fromEntries(
      Object.keys(rounds[0] ?? {}).map((key) => [
        key,
        of(rounds.map((areas) => areas[key] as number)),
      ]),
    );
  const least = { name: `${name}, least`, ...over((values) => Math.min(...values)) };
  return [{ name, ...over(mean) }, ...(rounds.length > 1 ? [least] : [])];
}

/** What people got under each rule, with what was found of classes that were left out. */
export function fateRows(
  fates: readonly RuledFate[],
  classFates: readonly RuledFate[],
): readonly ResultRow[] {
  const ofClasses = Map.groupBy(classFates, ({ rule }) => rule);
  return [...Map.groupBy(fates, ({ rule }) => rule)].map(([rule, all]) => ({
    name: rule,
    flaggedMean: mean(all.map(({ flagged }) => flagged)),
    flaggedWorst: Math.max(...all.map(({ flagged }) => flagged)),
    found: foundOf(all),
    foundClasses: foundOf(ofClasses.get(rule) ?? []),
  }));
}

/** The stated coverage beside what new people got. */
export function coverageRow(met: readonly NewPeople[]): ResultRow {
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

/** The pairs that packages call inseparable, with the area of each package that says so. */
export function inseparableRows(met: readonly NewPeople[]): readonly ResultRow[] {
  const seen = new Map<string, string[]>();
  for (const { calibration } of met) {
    const { leaveOneOut } = calibration.ood;
    activities.forEach((answered, label) => {
      for (const other of inseparableFrom(leaveOneOut, label)) {
        const name = `${answered} inseparableFrom ${activities[other] ?? ""}`;
        const area = leaveOneOut.pairs.find(
          (pair) => pair.answered === label && pair.leftOut === other,
        )?.auroc;
        seen.set(name, [...(seen.get(name) ?? []), area?.toFixed(2) ?? "none"]);
      }
    });
  }
  return [...seen].map(([name, areas]) => ({
    name,
    packages: `${areas.length} of ${met.length}: ${areas.join(" ")}`,
  }));
}

/** Share of packages that name both of sitting and standing as inseparable from the other. */
export function namedShare(met: readonly NewPeople[]): number {
  const [sitting, standing] = [activities.indexOf("SITTING"), activities.indexOf("STANDING")];
  return mean(
    met.map(({ calibration: { ood } }) =>
      inseparableFrom(ood.leaveOneOut, sitting).includes(standing) &&
      inseparableFrom(ood.leaveOneOut, standing).includes(sitting)
        ? 1
        : 0,
    ),
  );
}

/** A number in a row. */
export function numberOf(rows: readonly ResultRow[], name: string, key: string): number {
  const value = rows.find((row) => row["name"] === name)?.[key];
  return typeof value === "number" ? value : Number.NaN;
}
