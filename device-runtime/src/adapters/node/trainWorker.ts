// The inside of a training worker: answers requests of the pool, one reply for each. It must not know any device's files.
import { parentPort } from "node:worker_threads";
import { assertDefect, Fault } from "@attune/protocol";
import type { TrainingPlan } from "../../model/compile/trainingPlan.ts";
import type { TrainingSlice } from "../../model/session/createTrainer.ts";
import { loadNodeOrt } from "../../model/session/nodeOrtRuntime.ts";
import type { TrainingJob, TrainingTask } from "../../ports/trainer.ts";
import { trainerClosed } from "../trainerClosed.ts";
import { createTrainingJobs } from "../trainingJobs.ts";
import { gatePlaces } from "./poolWorker.ts";

/** What the pool asks. */
export type WorkerRequest =
  | {
      readonly kind: "begin";
      readonly id: number;
      readonly job: number;
      readonly device: string;
      readonly key: string;
      readonly plan: TrainingPlan;
      readonly start: TrainingTask["start"];
      /** Null asks whether the worker can do without; then `true` is the answer and the job has begun. */
      readonly model: Uint8Array | null;
    }
  | {
      readonly kind: "slice";
      readonly id: number;
      readonly job: number;
      readonly slice: TrainingSlice;
    }
  | {
      readonly kind: "features";
      readonly id: number;
      readonly job: number;
      readonly samples: Float32Array;
      readonly count: number;
    }
  | { readonly kind: "checkpoint" | "parameters"; readonly id: number; readonly job: number }
  | { readonly kind: "release"; readonly id: number; readonly job: number }
  /** Nothing follows; the worker ends. */
  | { readonly kind: "close"; readonly id: number };

/** What the worker answers. */
export type WorkerReply =
  | { readonly id: number; readonly isOk: true; readonly value: unknown }
  | {
      readonly id: number;
      readonly isOk: false;
      readonly code: string;
      readonly message: string;
      readonly hint: string;
    };

const port = parentPort;
if (port !== null) {
  const started = loadNodeOrt().then(createTrainingJobs);
  const jobs = new Map<number, TrainingJob>();

  const jobOf = (job: number): TrainingJob => {
    const one = jobs.get(job);
    assertDefect(one !== undefined, "trainer.job_unknown", `no job ${job} in this worker`);
    return one;
  };

  const answer = async (request: WorkerRequest): Promise<unknown> => {
    switch (request.kind) {
      case "begin": {
        const training = await started;
        const { device, key, plan, start, model } = request;
        if (model === null && !training.has(key)) return false;
        const task = { device, key, plan, start, model: () => model ?? new Uint8Array() };
        jobs.set(request.job, await training.begin(task));
        return true;
      }
      case "features":
        return jobOf(request.job).featuresOf(request.samples, request.count);
      case "slice":
        return jobOf(request.job).runSlice(request.slice);
      case "checkpoint":
        return jobOf(request.job).checkpoint();
      case "parameters":
        return jobOf(request.job).parameters();
      case "release":
        jobs.get(request.job)?.release();
        jobs.delete(request.job);
        return null;
      case "close":
        await (await started).close();
        return null;
    }
  };

  /** Shared with the pool: what this worker is at, and whether it may begin something. */
  let gate: Int32Array = new Int32Array(2);

  const refused = (id: number, error: unknown): WorkerReply => {
    const isFault = error instanceof Fault;
    return {
      id,
      isOk: false,
      code: isFault ? error.code : "trainer.failed",
      message: error instanceof Error ? error.message : String(error),
      hint: isFault ? error.hint : "this is a defect of the trainer; please report it",
    };
  };

  const reply = async (request: WorkerRequest): Promise<WorkerReply> => {
    const { id, kind } = request;
    Atomics.add(gate, gatePlaces.busy, 1);
    try {
      if (kind !== "close" && Atomics.load(gate, gatePlaces.closed) === 1) throw trainerClosed();
      return { id, isOk: true, value: await answer(request) };
    } catch (error) {
      return refused(id, error);
    } finally {
      Atomics.sub(gate, gatePlaces.busy, 1);
      Atomics.notify(gate, gatePlaces.busy);
    }
  };

  port.on("message", (request: WorkerRequest | { kind: "open"; gate: Int32Array }) => {
    if (request.kind === "open") {
      gate = request.gate;
      return;
    }
    void reply(request).then((one) => {
      port.postMessage(one);
      if (request.kind === "close") port.close();
      return one;
    });
  });
}
