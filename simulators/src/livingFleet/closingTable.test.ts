// The closing table adds up, counts people the same, and says who was harmed.
import { expect, it } from "vitest";
import { closingRows, isHarmed, type PersonAtEnd, renderClosingRows } from "./closingTable.ts";

const exam = (firstCorrect: number, wins: number, losses: number) => ({
  count: 100,
  firstCorrect,
  nowCorrect: firstCorrect + wins - losses,
  wins,
  losses,
});

const people: readonly PersonAtEnd[] = [
  {
    id: "watch-01",
    position: "rightWrist",
    change: null,
    exam: exam(90, 5, 1),
    adopted: 1,
    dropped: 0,
    reverted: 0,
    bytesSent: 900,
  },
  {
    id: "watch-02",
    position: "rightWrist",
    change: null,
    exam: exam(80, 0, 0),
    adopted: 0,
    dropped: 2,
    reverted: 0,
    bytesSent: 0,
  },
  {
    id: "watch-03",
    position: "leftWrist",
    change: null,
    exam: exam(90, 2, 40),
    adopted: 0,
    dropped: 0,
    reverted: 1,
    bytesSent: 0,
  },
  {
    id: "watch-04",
    position: "pocket",
    change: "injury",
    exam: exam(50, 30, 5),
    adopted: 1,
    dropped: 0,
    reverted: 0,
    bytesSent: 850,
  },
];

it("[LF5] whoever changed is in the row of the change, everybody in the row of all", () => {
  const rows = closingRows(people);
  expect(rows.map(({ group, people: count }) => [group, count])).toEqual([
    ["right wrist", 2],
    ["left wrist", 1],
    ["hurt since", 1],
    ["everybody", 4],
    ["worst: watch-03", 1],
  ]);
  expect(rows[0]).toMatchObject({
    first: expect.closeTo(0.85),
    now: expect.closeTo(0.87),
    adopted: 1,
    dropped: 2,
    bytesSent: 900,
  });
  expect(rows[3]).toMatchObject({
    harmed: 1,
    adopted: 2,
    dropped: 2,
    reverted: 1,
    bytesSent: 1750,
  });
});

it("[LF5] a person is harmed by evidence, not by a window or two", () => {
  expect(isHarmed(exam(90, 2, 40))).toBe(true);
  expect(isHarmed(exam(90, 1, 3))).toBe(false);
});

it("[LF5] columns are aligned", () => {
  const lines = renderClosingRows(closingRows(people)).split("\n");
  expect(new Set(lines.map(({ length }) => length)).size).toBe(1);
  expect(lines[1]).toContain(".85  .87    +.02");
  expect(lines[2]).toContain(".90  .52    -.38");
});

it("[LF5] nobody is no row", () => {
  expect(closingRows([]).length).toBe(0);
});
