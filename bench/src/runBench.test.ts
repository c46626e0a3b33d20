import { expect, test } from "vitest";
import { bar } from "./bar.ts";
import { type BenchWorld, runBench } from "./runBench.ts";
import type { Suite } from "./suite.ts";

const environment = {
  startedAt: "2026-01-01T00:00:00.000Z",
  cpu: "Some CPU",
  coreCount: 2,
  memoryGb: 8,
  platform: "linux x64",
  node: "24.21.0",
  packages: {},
  commit: null,
  hasLocalChanges: null,
  loadAverage: 0,
};

function createWorld({ value = 5 }: { value?: number } = {}) {
  const printed: string[] = [];
  const progressed: string[] = [];
  const recorded: [string, string][] = [];
  const suite: Suite = {
    name: "walk",
    title: "A walk",
    columns: [{ key: "name", title: "who" }],
    options: [{ name: "seeds", fallback: "3", help: "how many seeds" }],
    run: ({ options, progress }) => {
      progress("walking");
      return Promise.resolve({
        results: [{ name: "anna", seeds: options["seeds"] ?? null }],
        bars: [bar("distance", value, ">=", 5)],
      });
    },
  };
  const world: BenchWorld = {
    clock: { nowMs: () => 0 },
    suites: { names: () => Promise.resolve(["walk"]), load: () => Promise.resolve(suite) },
    dataFolder: undefined,
    readEnvironment: () => Promise.resolve(environment),
    print: (text) => void printed.push(text),
    progress: (line) => void progressed.push(line),
    record: (name, line) => Promise.resolve(void recorded.push([name, line])),
  };
  return { world, printed, progressed, recorded };
}

test("prints the table and exits 0 when every bar holds", async () => {
  const { world, printed, progressed, recorded } = createWorld();
  expect(await runBench(["walk"], world)).toBe(0);
  expect(printed.join("")).toContain("✓ holds   distance: 5 >= 5");
  expect(progressed).toEqual(["walking"]);
  expect(recorded).toEqual([]);
});

test("exits 1 when a bar does not hold", async () => {
  const { world, printed } = createWorld({ value: 4 });
  expect(await runBench(["walk"], world)).toBe(1);
  expect(printed.join("")).toContain("✗ BROKEN  distance: 4 >= 5");
});

test("--json prints one object and nothing else", async () => {
  const { world, printed } = createWorld();
  expect(await runBench(["walk", "--json"], world)).toBe(0);
  expect(printed).toHaveLength(1);
  expect(JSON.parse(printed[0] ?? "")).toEqual({
    bench: "walk",
    environment,
    results: [{ name: "anna", seeds: "3" }],
    bars: [{ name: "distance", value: 5, op: ">=", limit: 5, holds: true }],
  });
});

test("--record appends the same object as one line, also when a bar is broken", async () => {
  const { world, printed, recorded } = createWorld({ value: 4 });
  expect(await runBench(["walk", "--json", "--record"], world)).toBe(1);
  expect(recorded).toEqual([["walk", printed[0]]]);
  expect(printed[0]?.trimEnd()).not.toContain("\n");
});

test("a suite is given its own options", async () => {
  const { world, printed } = createWorld();
  await runBench(["walk", "--seeds", "7", "--json"], world);
  expect(JSON.parse(printed[0] ?? "")).toMatchObject({ results: [{ seeds: "7" }] });
});

test("--list and --help run nothing", async () => {
  for (const [args, text] of [
    [["--list"], "  walk  A walk\n"],
    [["--help"], "Usage: npm run --silent bench"],
    [["walk", "--help"], "--seeds VALUE  how many seeds (3)"],
  ] as const) {
    const { world, printed, progressed } = createWorld();
    expect(await runBench(args, world)).toBe(0);
    expect(printed.join("")).toContain(text);
    expect(progressed).toEqual([]);
  }
});

test.each([
  [[], "Name a suite first; there are: walk"],
  [["swim"], "no suite is called swim; there are: walk"],
  [["walk", "--sedes", "7"], "--sedes is not an option of walk"],
  [["walk", "--seeds"], "--seeds needs a value"],
  [["walk", "run"], "one suite at a time"],
])("%j is not understood: exit 2, a hint, and no answer", async (args, hint) => {
  const { world, printed, progressed } = createWorld();
  expect(await runBench(args, world)).toBe(2);
  expect(progressed.join("\n")).toContain(hint);
  expect(printed).toEqual([]);
});
