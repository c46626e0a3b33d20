// The course of changes over time.
import { expect, it } from "vitest";
import { conditionAt, type PersonChange } from "./change.ts";

const injury: PersonChange = { kind: "injury", fromMs: 1000, riseMs: 2000, severity: 0.8 };

it("[PE6] rises from nothing to its severity and stays", () => {
  const levels = [0, 999, 1000, 2000, 3000, 1e12].map((at) => conditionAt([injury], at).injury);
  expect(levels).toEqual([0, 0, 0, 0.4, 0.8, 0.8]);
});

it("[PE6] a change without a rise is a step", () => {
  const step = { ...injury, riseMs: 0 };
  expect([999, 1000].map((at) => conditionAt([step], at).injury)).toEqual([0, 0.8]);
});

it("[PE6] of two of one kind the stronger counts, other kinds are their own", () => {
  const changes: PersonChange[] = [
    injury,
    { kind: "injury", fromMs: 0, riseMs: 0, severity: 0.3 },
    { kind: "winterClothing", fromMs: 500, riseMs: 0, severity: 1 },
  ];
  expect(conditionAt(changes, 0)).toEqual({ injury: 0.3, strapTurned: 0, winterClothing: 0 });
  expect(conditionAt(changes, 5000)).toEqual({ injury: 0.8, strapTurned: 0, winterClothing: 1 });
});
