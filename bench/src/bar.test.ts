import { expect, test } from "vitest";
import { bar } from "./bar.ts";
import type { BarOperator } from "./suite.ts";

const truth: [number, BarOperator, number, boolean][] = [
  [2, ">=", 2, true],
  [1.9, ">=", 2, false],
  [2, "<=", 2, true],
  [2.1, "<=", 2, false],
  [2, ">", 2, false],
  [2, "<", 2, false],
  [2, "==", 2, true],
  [2, "==", 3, false],
];

test.each(truth)("%d %s %d is %s", (value, op, limit, holds) => {
  expect(bar("speed", value, op, limit)).toEqual({ name: "speed", value, op, limit, holds });
});

test("a bar on a number that was never measured does not hold", () => {
  for (const op of [">=", "<=", ">", "<", "=="] as const) {
    expect(bar("speed", Number.NaN, op, 1).holds).toBe(false);
  }
});
