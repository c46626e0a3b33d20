// The table at the end: how people fare with what is active now, beside the first shared version. Pure; it must not measure.
import { harmEvidence } from "@attune/device-runtime/monitor";
import type { ChangeKind } from "../people/change.ts";
import type { WearingPosition } from "../people/wearing.ts";
import type { ExamResult } from "./exam.ts";
import { HARM_LIMIT } from "./fleetRules.ts";

/** One person at the end. */
export interface PersonAtEnd {
  readonly id: string;
  readonly position: WearingPosition;
  readonly change: ChangeKind | null;
  readonly exam: ExamResult;
  readonly adopted: number;
  readonly dropped: number;
  readonly reverted: number;
  readonly bytesSent: number;
}

/** One row; accuracies in `[0, 1]`, people count the same. */
export interface ClosingRow {
  readonly group: string;
  readonly people: number;
  readonly first: number;
  readonly now: number;
  readonly adopted: number;
  readonly dropped: number;
  readonly reverted: number;
  readonly harmed: number;
  readonly bytesSent: number;
}

const positionNames: Readonly<Record<WearingPosition, string>> = {
  rightWrist: "right wrist",
  leftWrist: "left wrist",
  pocket: "pocket",
  looseStrap: "loose strap",
};

const changeNames: Readonly<Record<ChangeKind, string>> = {
  injury: "hurt since",
  strapTurned: "strap turned since",
  winterClothing: "winter clothes since",
};

/** Whether what answers now is worse for a person than the first version, by evidence on the same windows. */
export function isHarmed({ count, wins, losses }: ExamResult): boolean {
  return harmEvidence({ n: count, wins, losses }) >= HARM_LIMIT;
}

/** The rows: those who did not change by position, those who did by what happened, then all, and whoever is off worst. */
export function closingRows(people: readonly PersonAtEnd[]): readonly ClosingRow[] {
  const groups: { group: string; members: readonly PersonAtEnd[] }[] = [
    ...Object.entries(positionNames).map(([position, group]) => ({
      group,
      members: people.filter((one) => one.position === position && one.change === null),
    })),
    ...Object.entries(changeNames).map(([change, group]) => ({
      group,
      members: people.filter((one) => one.change === change),
    })),
    { group: "everybody", members: people },
  ];
  const rows = groups
    .filter(({ members }) => members.length > 0)
    .map(({ group, members }) => rowOf(group, members));
  const worst = [...people].sort((a, b) => shareNow(a) - shareNow(b))[0];
  return worst === undefined ? rows : [...rows, rowOf(`worst: ${worst.id}`, [worst])];
}

const shareNow = ({ exam }: PersonAtEnd): number => exam.nowCorrect / exam.count;

function rowOf(group: string, members: readonly PersonAtEnd[]): ClosingRow {
  const sum = (of: (one: PersonAtEnd) => number): number =>
    members.reduce((total, one) => total + of(one), 0);
  return {
    group,
    people: members.length,
    first: sum(({ exam }) => exam.firstCorrect / exam.count) / members.length,
    now: sum(shareNow) / members.length,
    adopted: sum(({ adopted }) => adopted),
    dropped: sum(({ dropped }) => dropped),
    reverted: sum(({ reverted }) => reverted),
    harmed: members.filter(({ exam }) => isHarmed(exam)).length,
    bytesSent: sum(({ bytesSent }) => bytesSent),
  };
}

/** Rows as aligned text, without a final line break. */
export function renderClosingRows(rows: readonly ClosingRow[]): string {
  const share = (value: number): string => value.toFixed(2).replace(/^0/, "");
  const change = (value: number): string => `${value < 0 ? "-" : "+"}${share(Math.abs(value))}`;
  const cells = [
    [
      "",
      "people",
      "first version",
      "now",
      "change",
      "adopted",
      "dropped",
      "reverted",
      "harmed",
      "bytes sent",
    ],
    ...rows.map((row) => [
      row.group,
      `${row.people}`,
      share(row.first),
      share(row.now),
      change(Math.round(row.now * 100) / 100 - Math.round(row.first * 100) / 100),
      `${row.adopted}`,
      `${row.dropped}`,
      `${row.reverted}`,
      `${row.harmed}`,
      row.bytesSent.toLocaleString("en"),
    ]),
  ];
  const widths = (cells[0] as string[]).map((_, column) =>
    Math.max(...cells.map((row) => (row[column] as string).length)),
  );
  return cells
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] as number;
          return column === 0 ? cell.padEnd(width) : cell.padStart(width);
        })
        .join("  "),
    )
    .join("\n");
}
