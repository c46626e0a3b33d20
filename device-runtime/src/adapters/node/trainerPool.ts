// Trains in workers that all devices of a process share. It holds no policy but whose turn it is.
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { Fault } from "@attune/protocol";
import type { TrainingSlice, TrainingState } from "../../model/session/createTrainer.ts";
import type { TrainerPort, TrainingJob, TrainingTask } from "../../ports/trainer.ts";
import { trainerClosed } from "../trainingJobs.ts";
import type { WorkerReply, WorkerRequest } from "./trainWorker.ts";

/** How large a pool is. */
export interface TrainerPoolOptions {
  /** Threads; one less than the machine's cores when left out, so that answers do not wait, and at least one. */
  readonly workerCount?: number;
  /** Starts a worker that runs `trainWorker`, for bundlers that put that file elsewhere. */
  readonly start?: () => Worker;
}

interface PoolWorker {
  readonly thread: Worker;
  jobCount: number;
  isLost: boolean;
  ask(request: WorkerRequest): Promise<unknown>;
}

type Unnumbered<T> = T extends { readonly id: number } ? Omit<T, "id"> : never;

function startTrainWorker(): Worker {
  const file = import.meta.url.endsWith(".ts") ? "./trainWorker.ts" : "./trainWorker.js";
  return new Worker(new URL(file, import.meta.url), { name: "attune-train" });
}

/** A worker with its unanswered questions; it keeps the process alive only while it owes an answer. */
function watchWorker(thread: Worker, onLost: () => void): PoolWorker {
  thread.unref();
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let lastId = 0;
  const lose = (cause: unknown): void => {
    if (worker.isLost) return;
    worker.isLost = true;
    onLost();
    for (const { reject } of waiting.values()) {
      reject(
        new Fault("a training worker is gone", {
          code: "trainer.worker_lost",
          hint: "the job goes on from its last checkpoint; if it happens again, see the cause",
          cause,
          isRetryable: true,
        }),
      );
    }
    waiting.clear();
  };
  thread.on("error", lose);
  thread.on("exit", (code) => {
    lose(new Error(`the worker ended with code ${code}`));
  });
  thread.on("message", (reply: WorkerReply) => {
    const one = waiting.get(reply.id);
    if (one === undefined) return;
    waiting.delete(reply.id);
    if (waiting.size === 0) thread.unref();
    if (reply.isOk) one.resolve(reply.value);
    else one.reject(new Fault(reply.message, { code: reply.code, hint: reply.hint }));
  });
  const worker: PoolWorker = {
    thread,
    jobCount: 0,
    isLost: false,
    ask: (request) =>
      new Promise((resolve, reject) => {
        if (worker.isLost) {
          reject(
            new Fault("a training worker is gone", {
              code: "trainer.worker_lost",
              hint: "the job goes on from its last checkpoint",
              isRetryable: true,
            }),
          );
          return;
        }
        waiting.set(request.id, { resolve, reject });
        thread.ref();
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker is no window
        thread.postMessage(request);
      }),
  };
  const { ask } = worker;
  worker.ask = (request) => {
    lastId += 1;
    return ask({ ...request, id: lastId });
  };
  return worker;
}

/**
 * Creates a pool of training workers. A job stays in the worker that began it, with its state; slices of different devices take
 * turns there. A worker that is lost is replaced, and its jobs fail with `trainer.worker_lost`: they resume from a checkpoint.
 *
 * @example
 * const trainer = createTrainerPool({ workerCount: 2 });
 */
export function createTrainerPool(options: TrainerPoolOptions = {}): TrainerPort {
  const workerCount = options.workerCount ?? Math.max(1, availableParallelism() - 1);
  let workers: PoolWorker[] = [];
  let isClosed = false;
  let lastJob = 0;

  function leastLoaded(): PoolWorker {
    const idle = workers.find(({ jobCount }) => jobCount === 0);
    if (idle !== undefined) return idle;
    if (workers.length < workerCount) {
      const worker = watchWorker((options.start ?? startTrainWorker)(), () => {
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
      const ask = (request: Unnumbered<WorkerRequest>): Promise<unknown> =>
        worker.ask({ ...request, id: 0 });
      worker.jobCount += 1;
      let isReleased = false;
      const release = (): void => {
        if (isReleased) return;
        isReleased = true;
        worker.jobCount -= 1;
        if (!worker.isLost) ask({ kind: "release", job }).catch(() => undefined);
      };
      try {
        const begin = { kind: "begin", job, device, key, plan, start } as const;
        const isKnown = await ask({ ...begin, model: null });
        // The model is large; it is sent only when the worker has nothing compiled under this key.
        if (isKnown !== true) await ask({ ...begin, model: model() });
      } catch (error) {
        release();
        throw error;
      }
      const orClosed = (error: unknown): never => {
        throw isClosed ? trainerClosed() : error;
      };
      return {
        runSlice: (slice: TrainingSlice) =>
          ask({ kind: "slice", job, slice }).catch(orClosed) as Promise<Float32Array>,
        checkpoint: () =>
          ask({ kind: "checkpoint", job }).catch(orClosed) as Promise<TrainingState>,
        release,
      };
    },
    async close() {
      isClosed = true;
      const all = workers;
      workers = [];
      await Promise.all(all.map(({ thread }) => thread.terminate()));
    },
  };
}
