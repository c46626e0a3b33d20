import { expect, test } from "vitest";
import { type Contestant, createCompare, spreadOf } from "./compare.ts";

/** A clock that only moves when a contestant says how long it took. */
function createScriptedClock() {
  let nowMs = 0;
  return { nowMs: () => nowMs, advance: (ms: number) => (nowMs += ms) };
}

function createRivals(msByRound: Record<string, readonly number[]>, unitCount = 1) {
  const clock = createScriptedClock();
  const calls: string[] = [];
  const contestants = Object.entries(msByRound).map(([name, times]): Contestant => {
    let round = 0;
    return {
      name,
      unitCount,
      setUp: () => void calls.push(`set up ${name}`),
      run() {
        calls.push(name);
        clock.advance(times[round++] ?? Number.NaN);
      },
      tearDown: () => void calls.push(`tear down ${name}`),
    };
  });
  return { contestants, calls, compare: createCompare(clock, () => {}) };
}

test("rivals take turns in every round and the first place rotates", async () => {
  const { contestants, calls, compare } = createRivals({ a: [1, 1, 1], b: [1, 1, 1] });
  await compare({ contestants, roundCount: 2, warmUpRoundCount: 1 });
  expect(calls).toEqual(
    ["set up a", "set up b", "a", "b", "b", "a", "a", "b", "tear down a", "tear down b"], //
  );
});

test("warm-up rounds are not counted and times are per unit of work", async () => {
  const { contestants, compare } = createRivals({ a: [900, 10, 20, 30] }, 10);
  const { unitMs } = await compare({ contestants, roundCount: 3, warmUpRoundCount: 1 });
  expect(unitMs["a"]).toEqual({
    median: 2,
    lowerQuartile: 1.5,
    upperQuartile: 2.5,
    min: 1,
    max: 3,
  });
});

test("ratios are paired by round, so a slow phase of the machine cancels", async () => {
  // Every round the machine is slower, and b always takes exactly three times as long as a.
  const { contestants, compare } = createRivals({ a: [1, 10, 100], b: [3, 30, 300] });
  const comparison = await compare({ contestants, roundCount: 3, warmUpRoundCount: 0 });
  expect(comparison.ratioOf("b", "a")).toEqual(spreadOf([3, 3, 3]));
});

test("rows carry the unit in their keys and the ratio against the first contestant", async () => {
  const { contestants, compare } = createRivals({ a: [2], b: [8] });
  const rows = (await compare({ contestants, roundCount: 1, warmUpRoundCount: 0 })).rows("us");
  expect(rows.map(({ name, medianUs, ratio, rounds }) => [name, medianUs, ratio, rounds])).toEqual([
    ["a", 2000, 1, 1],
    ["b", 8000, 4, 1],
  ]);
});

test("every contestant is torn down when a round fails", async () => {
  const { contestants, calls, compare } = createRivals({ a: [1], b: [1] });
  const failing: Contestant = {
    name: "c",
    unitCount: 1,
    run: () => Promise.reject(new Error("x")),
  };
  await expect(compare({ contestants: [...contestants, failing] })).rejects.toThrow("x");
  expect(calls.slice(-2)).toEqual(["tear down a", "tear down b"]);
});

test.each([
  ["no contestant", { contestants: [] }],
  ["two of one name", { contestants: [idle("a"), idle("a")] }],
  ["a run of no units", { contestants: [{ ...idle("a"), unitCount: 0 }] }],
  ["no round", { contestants: [idle("a")], roundCount: 0 }],
])("refuses %s", async (_, options) => {
  const { compare } = createRivals({});
  await expect(compare(options)).rejects.toThrow();
});

function idle(name: string): Contestant {
  return { name, unitCount: 1, run: () => {} };
}

test("asking for the ratio of an unknown contestant says so", async () => {
  const { contestants, compare } = createRivals({ a: [1] });
  const comparison = await compare({ contestants, roundCount: 1, warmUpRoundCount: 0 });
  expect(() => comparison.ratioOf("a", "nobody")).toThrow("no contestant is called nobody");
});
