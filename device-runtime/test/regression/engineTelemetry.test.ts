// ONNX Runtime's builds for Node report to their makers by themselves: a device must not, on whatever way its engine is loaded.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";

const source = (file: string): string =>
  JSON.stringify(new URL(`../../src/${file}`, import.meta.url).href);

const load = `
const { buildPerceptron } = await import(${source("model/build/buildPerceptron.ts")});
const { createSeededRandom } = await import(${source("adapters/seededRandom.ts")});
const { loadNodeOrt } = await import(${source("model/session/nodeOrtRuntime.ts")});
const model = buildPerceptron({ inputSize: 4, hidden: [3], classCount: 2 }, createSeededRandom("x"));
const loaded = await (await loadNodeOrt()).load(model);
await loaded.release();
`;
const inWorker = `
const { Worker, isMainThread } = await import("node:worker_threads");
const { createTrainerPool } = await import(${source("adapters/node/trainerPool.ts")});
const pool = createTrainerPool();
const worker = new Worker(${JSON.stringify(load)}, { eval: true });
await new Promise((resolve, reject) => worker.once("exit", resolve).once("error", reject));
await pool.close();
`;

/** Everything that a process writes to its home and to its temporary folder. */
function written(code: string, environment: Record<string, string> = {}): string[] {
  const folder = mkdtempSync(join(tmpdir(), "attune-telemetry-"));
  try {
    const { PATH = "" } = process.env;
    execFileSync(
      process.execPath,
      ["--conditions=attune-source", "--input-type=module", "--eval", code],
      { env: { PATH, HOME: folder, TMPDIR: folder, ...environment } },
    );
    return readdirSync(folder, { recursive: true }).map(String);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

it("[DR8] an engine that is loaded writes nothing down for its makers, in this thread or in a pool's", () => {
  expect(written(load)).toEqual([]);
  expect(written(inWorker)).toEqual([]);
});

it.runIf(process.platform === "linux")("[DR8] whoever wants its reports can have them", () => {
  const wanted = { ORT_DISABLE_TELEMETRY: "0" };
  expect(written(load, wanted)).not.toEqual([]);
  expect(written(inWorker, wanted)).not.toEqual([]);
});
