// How near the plan report comes to what a training takes: peak memory and time a step, each training in a process of its own.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { execArgv, execPath } from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { bar } from "../src/bar.ts";
import { spreadOf } from "../src/compare.ts";
import type { ResultRow, Suite } from "../src/suite.ts";
import type { MemoryFinding, MemoryTask } from "../src/trainingMemoryProcess.ts";

/** Processes a training; the median counts. */
const RUN_COUNT = 3;

const tasks: readonly MemoryTask[] = [
  { model: "wide perceptron", scope: "all", optimizer: "sgd", batchSize: 64, stepCount: 1 },
  { model: "wide perceptron", scope: "all", optimizer: "sgd", batchSize: 64, stepCount: 8 },
  { model: "wide perceptron", scope: "all", optimizer: "adam", batchSize: 64, stepCount: 8 },
  { model: "wide perceptron", scope: "head", optimizer: "adam", batchSize: 64, stepCount: 8 },
  {
    model: "wide perceptron",
    scope: { lowRank: 4 },
    optimizer: "adam",
    batchSize: 64,
    stepCount: 8,
  },
  { model: "perceptron", scope: "all", optimizer: "adam", batchSize: 1024, stepCount: 4 },
  { model: "CNN", scope: "all", optimizer: "sgd", batchSize: 64, stepCount: 8 },
  { model: "CNN", scope: "all", optimizer: "adam", batchSize: 256, stepCount: 1 },
  { model: "CNN", scope: { lastLayers: 2 }, optimizer: "adam", batchSize: 256, stepCount: 2 },
  { model: "CNN", scope: "head", optimizer: "adam", batchSize: 256, stepCount: 1 },
];

async function run(task: MemoryTask): Promise<MemoryFinding> {
  const file = fileURLToPath(new URL("../src/trainingMemoryProcess.ts", import.meta.url));
  const { stdout } = await promisify(execFile)(
    execPath,
    [...execArgv, "--expose-gc", file, JSON.stringify(task)],
    // Large blocks go back to the system when they are freed, so that resident memory is memory in use.
    { env: { ...process.env, MALLOC_MMAP_THRESHOLD_: "65536", MALLOC_TRIM_THRESHOLD_: "65536" } },
  );
  return JSON.parse(stdout) as MemoryFinding;
}

/** Peak memory of a training against the estimate made before it. */
export const suite: Suite = {
  name: "plan-report",
  title: "Plan report against measured trainings: peak resident memory and time a step, Node",
  columns: [
    { key: "model", title: "model" },
    { key: "scope", title: "scope" },
    { key: "optimizer", title: "optimizer" },
    { key: "batchSize", title: "batch", decimals: 0 },
    { key: "stepCount", title: "steps", decimals: 0 },
    { key: "measuredMb", title: "measured MB", decimals: 1 },
    { key: "estimatedMb", title: "estimated MB", decimals: 1 },
    { key: "memoryRatio", title: "estimated / measured", decimals: 2 },
    { key: "measuredMs", title: "measured ms", decimals: 2 },
    { key: "estimatedMs", title: "estimated ms", decimals: 2 },
  ],
  packages: ["onnxruntime-node"],
  async run({ progress }) {
    if (!existsSync("/proc/self/clear_refs")) {
      throw new Error("plan-report needs Linux: its kernel counts the peak of resident memory");
    }
    const results: ResultRow[] = [];
    let worst = 0;
    for (const task of tasks) {
      progress(`${task.model}, ${JSON.stringify(task.scope)}, batch ${task.batchSize}`);
      const findings: MemoryFinding[] = [];
      for (let count = 0; count < RUN_COUNT; count++) findings.push(await run(task));
      const median = (key: keyof MemoryFinding): number =>
        spreadOf(findings.map((finding) => finding[key])).median;
      const memoryRatio = median("estimatedBytes") / median("measuredBytes");
      worst = Math.max(worst, Math.abs(memoryRatio - 1));
      results.push({
        ...task,
        scope: JSON.stringify(task.scope),
        measuredMb: median("measuredBytes") / 1e6,
        estimatedMb: median("estimatedBytes") / 1e6,
        memoryRatio,
        measuredMs: median("measuredMs"),
        estimatedMs: median("estimatedMs"),
      });
    }
    return {
      results,
      bars: [bar("largest error of the estimated peak memory", worst, "<=", 0.25)],
    };
  },
};
