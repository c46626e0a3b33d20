// The experiment over its seeds, one after the other, each in a folder of its own that is removed afterwards. It must not print.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadNodeOrt } from "@attune/device-runtime/node";
import { loadHarHapt } from "../data/loadHarHapt.ts";
import { type HaptBar, haptBars } from "./haptBars.ts";
import { linePolicy, PROCESS_DEVICES, type SharedModelName, sharedRecipes } from "./haptRules.ts";
import { runSeed, type SeedResult } from "./runSeed.ts";

/** What an experiment is run with. */
export interface ExperimentParts {
  readonly seed: number;
  readonly seedCount: number;
  /** Each is an experiment of its own, over the same people. */
  readonly models: readonly SharedModelName[];
  readonly signal: AbortSignal;
  readonly onProgress: (line: string) => void;
  /** A seed has ended. */
  readonly onSeed: (result: SeedResult) => void;
}

/** What it has given for one shared model. */
export interface ExperimentResult {
  readonly model: SharedModelName;
  readonly seeds: readonly SeedResult[];
  readonly bars: readonly HaptBar[];
}

/** The nine people that the data set's authors test on. */
const MEMBER_COUNT = 9;

/** Runs it: all seeds of one model, then those of the next. @throws Fault `data.set_missing`, or of any part */
export async function runExperiment(parts: ExperimentParts): Promise<readonly ExperimentResult[]> {
  const { signal, onProgress, onSeed } = parts;
  const data = await loadHarHapt();
  const runtime = await loadNodeOrt();
  const results: ExperimentResult[] = [];
  for (const model of parts.models) {
    const seeds: SeedResult[] = [];
    for (let seed = parts.seed; seed < parts.seed + parts.seedCount; seed += 1) {
      const folder = await mkdtemp(join(tmpdir(), "attune-hapt-"));
      try {
        const result = await runSeed(
          {
            seed,
            model,
            recipe: sharedRecipes[model],
            memberCount: MEMBER_COUNT,
            processCount: PROCESS_DEVICES,
            policy: linePolicy,
          },
          {
            data,
            runtime,
            folder,
            signal,
            onProgress: (line) => onProgress(`${model}, seed ${seed}: ${line}`),
          },
        );
        seeds.push(result);
        onSeed(result);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    }
    results.push({ model, seeds, bars: haptBars(seeds) });
  }
  return results;
}
