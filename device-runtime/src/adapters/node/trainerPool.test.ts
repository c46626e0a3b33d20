import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { unwrap } from "@attune/protocol";
import { expect, it } from "vitest";
import { buildPerceptron } from "../../model/build/buildPerceptron.ts";
import { splitModel } from "../../model/parameters/splitModel.ts";
import { loadNodeOrt } from "../../model/session/nodeOrtRuntime.ts";
import type { TrainerPort } from "../../ports/trainer.ts";
import { createInlineTrainer } from "../inlineTrainer.ts";
import { createSeededRandom } from "../seededRandom.ts";
import { trainerContract } from "../trainer.contract.ts";
import { createTrainerPool } from "./trainerPool.ts";

trainerContract("pool of one", () => createTrainerPool({ workerCount: 1 }));

const model = buildPerceptron(
  { inputSize: 4, hidden: [], classCount: 2 },
  createSeededRandom("pool"),
);
const { parameters } = unwrap(splitModel(model));
const task = {
  device: "a",
  key: "k",
  model: () => model,
  plan: { scope: "all", loss: { kind: "crossEntropy" }, optimizer: { kind: "sgd" } },
  start: { kind: "fresh", parameters, base: parameters },
} as const;
const slice = {
  stepCount: 3,
  batchSize: 2,
  data: Float32Array.from({ length: 24 }, (_, index) => Math.sin(index)),
  truth: Int32Array.of(0, 1, 1, 0, 1, 1),
  learningRate: 0.1,
};

it("[DR51] a worker gives the same bytes as the calling thread", async () => {
  const trainers: TrainerPort[] = [
    createTrainerPool({ workerCount: 1 }),
    createInlineTrainer(await loadNodeOrt()),
  ];
  const [first, second] = await Promise.all(
    trainers.map(async (trainer) => {
      const job = await trainer.begin(task);
      await job.runSlice(slice);
      const state = await job.checkpoint();
      await trainer.close();
      return state;
    }),
  );
  expect(first).toEqual(second);
});

/** Answers every request with `true`, and dies of the first slice. */
const frail = `
  const { parentPort } = require("node:worker_threads");
  parentPort.on("message", ({ id, kind }) => {
    if (kind === "slice") process.exit(3);
    else parentPort.postMessage({ id, isOk: true, value: true });
  });
`;

it("[DR52] a lost worker fails its jobs with trainer.worker_lost, and the next job gets a new worker", async () => {
  let startCount = 0;
  const trainer = createTrainerPool({
    workerCount: 1,
    start: () => {
      startCount += 1;
      return startCount === 1
        ? new Worker(frail, { eval: true })
        : new Worker(new URL("./trainWorker.ts", import.meta.url));
    },
  });
  const job = await trainer.begin(task);
  await expect(job.runSlice(slice)).rejects.toMatchObject({
    code: "trainer.worker_lost",
    isRetryable: true,
  });
  await expect(job.checkpoint()).rejects.toMatchObject({ code: "trainer.worker_lost" });
  job.release();
  const next = await trainer.begin(task);
  expect(await next.runSlice(slice)).toHaveLength(3);
  expect(startCount).toBe(2);
  await trainer.close();
});

/** A slice that takes a while. */
const stepCount = 30_000;
const longSlice = `{
  stepCount: ${stepCount},
  batchSize: 2,
  data: new Float32Array(${stepCount * 8}),
  truth: new Int32Array(${stepCount * 2}),
  learningRate: 0.1,
}`;

/** Runs a script in a process of its own; gives its exit code and output. */
async function runScript(
  body: string,
): Promise<{ readonly code: number | null; readonly text: string }> {
  const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
  const script = `
    import { createTrainerPool } from ${url("./trainerPool.ts")};
    import { buildPerceptron } from ${url("../../model/build/buildPerceptron.ts")};
    import { splitModel } from ${url("../../model/parameters/splitModel.ts")};
    import { createSeededRandom } from ${url("../seededRandom.ts")};
    const model = buildPerceptron({ inputSize: 4, hidden: [], classCount: 2 }, createSeededRandom("pool"));
    const { parameters } = splitModel(model).value;
    const trainer = createTrainerPool({ workerCount: 1 });
    const job = await trainer.begin({
      device: "a", key: "k", model: () => model,
      plan: { scope: "all", loss: { kind: "crossEntropy" }, optimizer: { kind: "sgd" } },
      start: { kind: "fresh", parameters, base: parameters },
    });
    const slices = [0, 1, 2].map(() => job.runSlice(${longSlice}).then(() => "done", ({ code }) => code));
    await new Promise((resolve) => setTimeout(resolve, 30));
    ${body}
  `;
  const folder = await mkdtemp(join(tmpdir(), "attune-pool-"));
  const file = join(folder, "script.mjs");
  await writeFile(file, script);
  const child = spawn(process.execPath, [...process.execArgv, file], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  child.stdout.on("data", (chunk) => (text += chunk));
  child.stderr.on("data", (chunk) => (text += chunk));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  await rm(folder, { recursive: true });
  return { code, text };
}

it("[DR52] a pool that is closed in the middle of a slice ends, and the process with it", async () => {
  const { code, text } = await runScript(`
    await trainer.close();
    console.log((await Promise.all(slices)).at(-1));
  `);
  expect(text.trim()).toBe("trainer.closed");
  expect(code).toBe(0);
});

it("[DR52] a process that exits in the middle of a slice exits as it said", async () => {
  const { code, text } = await runScript("process.exit(7);");
  expect(text).toBe("");
  expect(code).toBe(7);
});
