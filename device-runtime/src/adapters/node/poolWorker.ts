// One training worker as the pool sees it: questions, answers, its loss and its end. It must not know what is asked.
//
// A thread that is ended while ONNX Runtime computes in it takes the whole process down: the engine finds no JavaScript to return
// to. So a worker is never terminated: it is asked to end, and a process that exits waits for the slice that runs.
import type { Worker } from "node:worker_threads";
import { Fault } from "@attune/protocol";
import type { WorkerReply, WorkerRequest } from "./trainWorker.ts";

/** Places in the memory that pool and worker share. */
export const gatePlaces = {
  /** How many requests the worker is at. */
  busy: 0,
  /** 1 when it must not begin another one. */
  closed: 1,
} as const;

/** How long a process that exits waits for a slice; slices aim at 20 to 50 ms. */
const EXIT_WAIT_MS = 10_000;

/** What is asked, before it has a number. */
export type WorkerQuestion = WorkerRequest extends infer R
  ? R extends { readonly id: number }
    ? Omit<R, "id">
    : never
  : never;

/** A worker with its unanswered questions. It keeps the process alive only while it owes an answer. */
export interface PoolWorker {
  jobCount: number;
  readonly isLost: boolean;
  /** @throws Fault `trainer.worker_lost`, or what the worker answers */
  ask(question: WorkerQuestion): Promise<unknown>;
  /** Lets it finish what it is at, and resolves when it has ended. */
  end(): Promise<void>;
}

const lostFault = (cause?: unknown): Fault =>
  new Fault("a training worker is gone", {
    code: "trainer.worker_lost",
    hint: "the job goes on from its last checkpoint; if it happens again, see the cause",
    isRetryable: true,
    ...(cause === undefined ? {} : { cause }),
  });

/**
 * Takes a worker over that runs `trainWorker`.
 *
 * @param onLost called once, when it has ended without being asked
 */
export function createPoolWorker(thread: Worker, onLost: () => void): PoolWorker {
  const gate = new Int32Array(new SharedArrayBuffer(8));
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let lastId = 0;
  let isLost = false;
  const ended = new Promise<void>((resolve) => thread.once("exit", () => resolve()));

  function finishBeforeExit(): void {
    Atomics.store(gate, gatePlaces.closed, 1);
    for (;;) {
      const busyCount = Atomics.load(gate, gatePlaces.busy);
      if (busyCount === 0) return;
      if (Atomics.wait(gate, gatePlaces.busy, busyCount, EXIT_WAIT_MS) === "timed-out") return;
    }
  }

  function lose(cause: unknown): void {
    if (isLost) return;
    isLost = true;
    process.removeListener("exit", finishBeforeExit);
    onLost();
    for (const { reject } of waiting.values()) reject(lostFault(cause));
    waiting.clear();
  }

  function send(
    request: WorkerRequest | { readonly kind: "open"; readonly gate: Int32Array },
  ): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker is no window
    thread.postMessage(request);
  }

  function ask(question: WorkerQuestion): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (isLost) {
        reject(lostFault());
        return;
      }
      lastId += 1;
      waiting.set(lastId, { resolve, reject });
      thread.ref();
      send({ ...question, id: lastId });
    });
  }

  thread.unref();
  thread.on("error", lose);
  thread.on("exit", (code) => lose(new Error(`the worker ended with code ${code}`)));
  thread.on("message", (reply: WorkerReply) => {
    const one = waiting.get(reply.id);
    if (one === undefined) return;
    waiting.delete(reply.id);
    if (waiting.size === 0) thread.unref();
    if (reply.isOk) one.resolve(reply.value);
    else one.reject(new Fault(reply.message, { code: reply.code, hint: reply.hint }));
  });
  process.on("exit", finishBeforeExit);
  send({ kind: "open", gate });

  return {
    jobCount: 0,
    get isLost() {
      return isLost;
    },
    ask,
    async end() {
      Atomics.store(gate, gatePlaces.closed, 1);
      await ask({ kind: "close" }).catch(() => undefined);
      // It owes no answer any more, but its end is waited for.
      thread.ref();
      await ended;
    },
  };
}
