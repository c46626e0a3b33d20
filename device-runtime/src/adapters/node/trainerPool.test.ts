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

it("[DR52] a lost worker fails its jobs with trainer.worker_lost, and the next job gets a new worker", async () => {
  const started: Worker[] = [];
  const trainer = createTrainerPool({
    workerCount: 1,
    start: () => {
      const worker = new Worker(new URL("./trainWorker.ts", import.meta.url));
      started.push(worker);
      return worker;
    },
  });
  const job = await trainer.begin(task);
  // Long enough that the worker is in the middle of it.
  const stepCount = 50_000;
  const asked = job.runSlice({
    ...slice,
    stepCount,
    data: new Float32Array(stepCount * 8),
    truth: new Int32Array(stepCount * 2),
  });
  const [failed] = await Promise.allSettled([asked, started[0]?.terminate()]);
  expect(failed).toMatchObject({
    status: "rejected",
    reason: { code: "trainer.worker_lost", isRetryable: true },
  });
  await expect(job.checkpoint()).rejects.toMatchObject({ code: "trainer.worker_lost" });
  job.release();
  const next = await trainer.begin(task);
  expect(await next.runSlice(slice)).toHaveLength(3);
  expect(started).toHaveLength(2);
  await trainer.close();
});
