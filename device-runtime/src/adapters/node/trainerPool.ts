// Trains in workers that all devices of a process share. It holds no policy but whose turn it is.
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { ParameterSet } from "@attune/protocol";
import type { TrainingSlice, TrainingState } from "../../model/session/createTrainer.ts";
import { turnOffEngineTelemetry } from "../../model/session/engineTelemetry.ts";
import type { TrainerPort, TrainingJob, TrainingTask } from "../../ports/trainer.ts";
import { trainerClosed } from "../trainerClosed.ts";
import { createPoolWorker, type PoolWorker } from "./poolWorker.ts";

/** How large a pool is. */
export interface TrainerPoolOptions {
  /** Threads; one less than the machine's cores when left out, so that answers do not wait, and at least one. */
  readonly workerCount?: number;
  /** Starts a worker that runs `trainWorker`, for bundlers that put that file elsewhere. */
  readonly start?: () => Worker;
}

function startTrainWorker(): Worker {
  const file = import.meta.url.endsWith(".ts") ? "./trainWorker.ts" : "./trainWorker.js";
  return new Worker(new URL(file, import.meta.url), { name: "attune-train" });
}

/**
 * Creates a pool of training workers. A job stays in the worker that began it, with its state; slices of different devices take
 * turns there. A worker that is lost is replaced, and its jobs fail with `trainer.worker_lost`: they resume from a checkpoint.
 *
 * @example
 * const trainer = createTrainerPool({ workerCount: 2 });
 */
export function createTrainerPool(options: TrainerPoolOptions = {}): TrainerPort {
  turnOffEngineTelemetry();
  const workerCount = options.workerCount ?? Math.max(1, availableParallelism() - 1);
  let workers: PoolWorker[] = [];
  let isClosed = false;
  let lastJob = 0;

  function leastLoaded(): PoolWorker {
    const idle = workers.find(({ jobCount }) => jobCount === 0);
    if (idle !== undefined) return idle;
    if (workers.length < workerCount) {
      const worker = createPoolWorker((options.start ?? startTrainWorker)(), () => {
        workers = workers.filter((one) => one !== worker);
      });
      workers.push(worker);
      return worker;
    }
    return workers.reduce((best, one) => (one.jobCount < best.jobCount ? one : best));
  }

  return {
    async begin({ device, key, model, plan, start }: TrainingTask): Promise<TrainingJob> {
      if (isClosed) throw trainerClosed();
      const worker = leastLoaded();
      lastJob += 1;
      const job = lastJob;
      worker.jobCount += 1;
      let isReleased = false;
      const release = (): void => {
        if (isReleased) return;
        isReleased = true;
        worker.jobCount -= 1;
        if (!worker.isLost) worker.ask({ kind: "release", job }).catch(() => undefined);
      };
      try {
        const begin = { kind: "begin", job, device, key, plan, start } as const;
        const isKnown = await worker.ask({ ...begin, model: null });
        // The model is large; it is sent only when the worker has nothing compiled under this key.
        if (isKnown !== true) await worker.ask({ ...begin, model: model() });
      } catch (error) {
        release();
        throw error;
      }
      const orClosed = (error: unknown): never => {
        throw isClosed ? trainerClosed() : error;
      };
      return {
        featuresOf: (samples, count) =>
          worker
            .ask({ kind: "features", job, samples, count })
            .catch(orClosed) as Promise<Float32Array>,
        runSlice: (slice: TrainingSlice) =>
          worker.ask({ kind: "slice", job, slice }).catch(orClosed) as Promise<Float32Array>,
        checkpoint: () =>
          worker.ask({ kind: "checkpoint", job }).catch(orClosed) as Promise<TrainingState>,
        parameters: () =>
          worker.ask({ kind: "parameters", job }).catch(orClosed) as Promise<ParameterSet>,
        release,
      };
    },
    async close() {
      isClosed = true;
      const all = workers;
      workers = [];
      await Promise.all(all.map((worker) => worker.end()));
    },
  };
}
