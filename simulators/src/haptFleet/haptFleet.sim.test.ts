// The experiment in small: a shared model that has hardly learned, and few windows of few people, on a real hub.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadNodeOrt } from "@attune/device-runtime/node";
import { afterEach, beforeEach, expect, it } from "vitest";
import { hasDataSet } from "../data/dataFolder.ts";
import { loadHarHapt } from "../data/loadHarHapt.ts";
import { parseFleetOptions } from "./fleetOptions.ts";
import { meansOf } from "./haptBars.ts";
import { sharedRecipe } from "./haptRules.ts";
import { runSeed, type SeedResult } from "./runSeed.ts";

const small = {
  memberCount: 3,
  processCount: 1,
  everyWindow: 3,
  recipe: {
    ...sharedRecipe,
    shape: {
      convolutions: [{ filters: 6, kernel: 5, pool: 8 }],
      reduce: "average",
      dense: [8],
    },
    epochs: 3,
  },
} as const;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "attune-hapt-test-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function run(seed: number, name: string): Promise<SeedResult> {
  return runSeed(
    { ...small, seed },
    {
      data: await loadHarHapt(),
      runtime: await loadNodeOrt(),
      folder: join(folder, name),
      signal: new AbortController().signal,
      onProgress: () => undefined,
    },
  );
}

it("[HA6] [HA7] the same seed gives the same rows over a real broker, and a guard that never adopts changes nothing", async ({
  skip,
}) => {
  skip(!hasDataSet("har-hapt"), "needs HAPT: put it into ./data or set ATTUNE_DATA");
  const first = await run(1, "first");
  const again = await run(1, "again");
  expect(JSON.stringify(again)).toBe(JSON.stringify(first));

  expect(first.rows.map(({ subject }) => subject)).toEqual([2, 4, 9]);
  expect(first.rows.map(({ isProcess }) => isProcess)).toEqual([true, false, false]);
  for (const { shared, never, fleet, trainings } of first.rows) {
    expect(trainings).toBeGreaterThan(0);
    expect(never.afterwards).toBe(shared);
    expect(never.onArrival).toBe(shared);
    expect(first.fleet.isPromoted ? shared : fleet.afterwards).toBe(shared);
  }
  const means = meansOf(first);
  expect(means.naive.mean).not.toBe(means.shared.mean);
});

it("refuses words that it does not know, and asks for the data set by name", () => {
  expect(parseFleetOptions(["--data", "har-hapt", "--seeds", "5"])).toMatchObject({
    value: { seed: 1, seedCount: 5 },
  });
  for (const words of [[], ["--data", "iris"], ["--data", "har-hapt", "--seeds", "0"], ["--hub"]]) {
    expect(parseFleetOptions(words)).toMatchObject({
      refusal: { code: "operator.request_invalid" },
    });
  }
});
