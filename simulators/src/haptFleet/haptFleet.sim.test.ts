// The experiment in small: a shared model that has hardly learned, and three people, on a real hub.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadNodeOrt } from "@attune/device-runtime/node";
import type { LinePolicyInput } from "@attune/hub";
import { afterEach, beforeEach, expect, it } from "vitest";
import { hasDataSet } from "../data/dataFolder.ts";
import { loadHarHapt } from "../data/loadHarHapt.ts";
import { parseFleetOptions } from "./fleetOptions.ts";
import { meansOf } from "./haptBars.ts";
import { linePolicy, sharedRecipes } from "./haptRules.ts";
import { runSeed, type SeedResult, type SeedSettings } from "./runSeed.ts";

/** A gate that lets nearly everything pass: what is tested here is the way, not the judgement. */
const policy: LinePolicyInput = {
  ...linePolicy,
  window: { ...linePolicy.window, quorum: 2, contributionsMin: 2 },
  gate: {
    validation: { margin: 0.3, sliceMargin: 0.9 },
    shadow: { devicesMin: 3, betterLimit: 1 },
  },
};

const small: SeedSettings = {
  model: "plain",
  // One in which a candidate is no worse than what it came from: that is all that this gate asks.
  seed: 4,
  memberCount: 3,
  processCount: 1,
  policy,
  recipe: {
    ...sharedRecipes.plain,
    shape: {
      convolutions: [{ filters: 6, kernel: 5, pool: 8 }],
      reduce: "average",
      dense: [8],
    },
    epochs: 2,
  },
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "attune-hapt-test-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function run(name: string): Promise<SeedResult> {
  return runSeed(small, {
    data: await loadHarHapt(),
    runtime: await loadNodeOrt(),
    folder: join(folder, name),
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });
}

it("[HA6] [HA7] [HA9] the same seed gives the same rows: contributions, signature, canary, promotion over a real broker", async ({
  skip,
}) => {
  skip(!hasDataSet("har-hapt"), "needs HAPT: put it into ./data or set ATTUNE_DATA");
  const first = await run("first");
  const again = await run("again");
  expect(JSON.stringify(again)).toBe(JSON.stringify(first));

  expect(first.rows.map(({ subject }) => subject)).toEqual([2, 4, 9]);
  expect(first.rows.map(({ isProcess }) => isProcess)).toEqual([true, false, false]);
  for (const { shared, never, neverTrainings } of first.rows) {
    expect(neverTrainings).toBeGreaterThan(0);
    expect(never.afterwards).toBe(shared);
    expect(never.onArrival).toBe(shared);
  }
  const actions = first.fleet.events.map(({ action }) => action);
  const order = ["window.closed", "candidate.made", "rollout.started", "rollout.promoted"];
  const firsts = order.map((action) => actions.indexOf(action));
  expect(Math.min(...firsts)).toBeGreaterThanOrEqual(0);
  expect(firsts).toEqual([...firsts].sort((a, b) => a - b));
  expect(first.fleet.isPromoted).toBe(true);
  const means = meansOf(first);
  expect(means.guarded.mean).toBeGreaterThan(means.shared.mean);
  expect(means.fleet.mean).not.toBe(means.shared.mean);
});

it("refuses words that it does not know, and asks for the data set by name", () => {
  expect(parseFleetOptions(["--data", "har-hapt", "--seeds", "5"])).toMatchObject({
    value: { seed: 1, seedCount: 5, models: ["plain"] },
  });
  expect(parseFleetOptions(["--data", "har-hapt", "--model", "both"])).toMatchObject({
    value: { models: ["plain", "robust"] },
  });
  for (const words of [
    [],
    ["--data", "iris"],
    ["--data", "har-hapt", "--seeds", "0"],
    ["--hub"],
    ["--data", "har-hapt", "--model", "best"],
  ]) {
    expect(parseFleetOptions(words)).toMatchObject({
      refusal: { code: "operator.request_invalid" },
    });
  }
});
