// How near the plan report comes to what a training takes: peak memory and time a step, each training in a process of its own.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { execArgv, execPath } from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { reportPlan } from "@attune/device-runtime/model";
import { unwrap } from "@attune/protocol";
import { findChromium, type OpenPage, openPage } from "../peers/openPage.ts";
import { bar } from "../src/bar.ts";
import { spreadOf } from "../src/compare.ts";
import { type MemoryTask, modelOf, planOf } from "../src/memoryTask.ts";
import type { Bar, ResultRow, Suite } from "../src/suite.ts";
import type { MemoryFinding } from "../src/trainingMemoryProcess.ts";

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

/** The largest error of an estimate that is promised. */
const ERROR_MAX = 0.25;

const PAGE_BYTES = 65_536;
/** WebAssembly pages with which the engine surely starts, and those that a browser surely gives. */
const PAGES_MIN = 256;
const PAGES_MAX = 8192;

/** The fewest pages of WebAssembly memory in which a training runs, and what the page's own arrays hold beside it. */
async function smallestMemory(
  page: OpenPage,
  task: MemoryTask,
  tolerance: number,
): Promise<{ pages: number; arrayBytes: number }> {
  let tooFew = PAGES_MIN;
  let enough = PAGES_MAX;
  let arrayBytes: number | undefined;
  while (enough - tooFew > tolerance || arrayBytes === undefined) {
    const pages = arrayBytes === undefined ? enough : Math.floor((tooFew + enough) / 2);
    await page.load({ pages }, "trainInside");
    const held = await page.tab.evaluate((one) => trainInside(one), task);
    if (held === undefined) {
      if (arrayBytes === undefined) throw new Error(`${pages} pages are too few to train at all`);
      tooFew = pages;
    } else {
      enough = pages;
      arrayBytes = held;
    }
  }
  return { pages: enough, arrayBytes };
}

/**
 * The trainings for Chromium. What the engine needs only to start, about 5 MB, is free again when it trains and hides as much of what training
 * takes; so networks of which a part is trained have large batches there.
 */
const tasksInChromium: readonly MemoryTask[] = tasks.map((task) =>
  task.model === "CNN" && task.scope !== "all" ? { ...task, batchSize: 1024 } : task,
);

/**
 * The same trainings in Chromium. How far its memory has grown says little, because it grows by fifths; so each training gets memories of fixed
 * sizes, and the smallest that suffices counts, less the smallest that a training of ten numbers needs.
 */
async function inChromium(progress: (line: string) => void): Promise<ResultRow[]> {
  const path = findChromium();
  if (path === undefined) {
    throw new Error(
      "needs Chromium: apt-get install chromium, name one in CHROMIUM, or --engines node",
    );
  }
  const entry = new URL("../peers/memoryPage.ts", import.meta.url);
  const page = await openPage(path, entry, progress);
  try {
    const tiny = { model: "tiny", scope: "all", optimizer: "sgd", batchSize: 1 } as const;
    const empty = await smallestMemory(page, { ...tiny, stepCount: 1 }, 1);
    const rows: ResultRow[] = [];
    for (const task of tasksInChromium) {
      progress(`chromium: ${task.model}, ${JSON.stringify(task.scope)}, batch ${task.batchSize}`);
      const plan = planOf(task, "wasm");
      const report = unwrap(reportPlan(modelOf(task.model), plan, { stepCount: task.stepCount }));
      const { pages, arrayBytes } = await smallestMemory(
        page,
        task,
        Math.ceil(report.peakBytes / PAGE_BYTES / 100),
      );
      const measuredBytes = (pages - empty.pages) * PAGE_BYTES + arrayBytes;
      rows.push({
        engine: "chromium",
        ...task,
        scope: JSON.stringify(task.scope),
        measuredMb: measuredBytes / 1e6,
        estimatedMb: report.peakBytes / 1e6,
        memoryRatio: report.peakBytes / measuredBytes,
      });
    }
    return rows;
  } finally {
    await page.close();
  }
}

/** Peak memory of a training against the estimate made before it. */
export const suite: Suite = {
  name: "plan-report",
  title: "Plan report against measured trainings: peak memory, and time a step in Node",
  columns: [
    { key: "engine", title: "engine" },
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
  packages: ["onnxruntime-node", "onnxruntime-web"],
  options: [{ name: "engines", fallback: "node,chromium", help: "node, chromium, or both" }],
  async run({ options, progress }) {
    const engines = (options["engines"] ?? "").split(",");
    const results: ResultRow[] = [];
    if (engines.includes("node")) results.push(...(await inNode(progress)));
    if (engines.includes("chromium")) results.push(...(await inChromium(progress)));
    return { results, bars: engines.map((engine) => errorBar(engine, results)) };
  },
};

function errorBar(engine: string, results: readonly ResultRow[]): Bar {
  const errors = results
    .filter((row) => row["engine"] === engine)
    .map(({ memoryRatio }) => Math.abs(Number(memoryRatio) - 1));
  if (errors.length === 0) throw new Error(`--engines names "${engine}"; take node, chromium`);
  const name = `${engine}: largest error of the estimated peak memory`;
  return bar(name, Math.max(...errors), "<=", ERROR_MAX);
}

async function inNode(progress: (line: string) => void): Promise<ResultRow[]> {
  if (!existsSync("/proc/self/clear_refs")) {
    throw new Error("in Node it needs Linux: its kernel counts the peak of resident memory");
  }
  const rows: ResultRow[] = [];
  for (const task of tasks) {
    progress(`node: ${task.model}, ${JSON.stringify(task.scope)}, batch ${task.batchSize}`);
    const findings: MemoryFinding[] = [];
    for (let count = 0; count < RUN_COUNT; count++) findings.push(await run(task));
    const median = (key: keyof MemoryFinding): number =>
      spreadOf(findings.map((finding) => finding[key])).median;
    rows.push({
      engine: "node",
      ...task,
      scope: JSON.stringify(task.scope),
      measuredMb: median("measuredBytes") / 1e6,
      estimatedMb: median("estimatedBytes") / 1e6,
      memoryRatio: median("estimatedBytes") / median("measuredBytes"),
      measuredMs: median("measuredMs"),
      estimatedMs: median("estimatedMs"),
    });
  }
  return rows;
}
