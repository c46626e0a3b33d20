import { expect, test } from "vitest";
import { bar } from "./bar.ts";
import { type Report, renderNumber, renderReport } from "./table.ts";

const report: Report = {
  bench: "train-step",
  environment: {
    startedAt: "2026-01-01T00:00:00.000Z",
    cpu: "Some CPU",
    coreCount: 2,
    memoryGb: 8,
    platform: "linux x64",
    node: "24.21.0",
    packages: { "onnxruntime-node": "1.30.0" },
    commit: "abc1234",
    hasLocalChanges: true,
    loadAverage: 0.1,
  },
  results: [
    { name: "attune", medianUs: 79.6, exact: true },
    { name: "tfjs cpu", medianUs: 13637.2, exact: null },
  ],
  bars: [bar("times tfjs cpu", 171.3, ">=", 50), bar("microseconds", 79.6, "<=", 50)],
};

test("a report reads as a table with its bars and its environment", () => {
  const columns = [
    { key: "name", title: "contestant" },
    { key: "medianUs", title: "median µs", decimals: 1 },
    { key: "exact", title: "exact" },
  ];
  expect(renderReport("One training step", columns, report)).toBe(
    `train-step: One training step

contestant  median µs  exact
──────────  ─────────  ─────
attune           79.6  yes
tfjs cpu     13,637.2  –

✓ holds   times tfjs cpu: 171 >= 50
✗ BROKEN  microseconds: 79.6 <= 50

Some CPU, 2 cores, 8 GB, linux x64, load 0.1 at the start
node 24.21.0, onnxruntime-node 1.30.0, commit abc1234 with local changes
`,
  );
});

test.each([
  [0, undefined, "0"],
  [0.012345, undefined, "0.0123"],
  [999.4, undefined, "999"],
  [1_234_567.8, undefined, "1,234,568"],
  [2, 2, "2.00"],
  [Number.NaN, 1, "NaN"],
])("%d with %s decimals reads %s", (value, decimals, text) => {
  expect(renderNumber(value, decimals)).toBe(text);
});
