// Answers validation sets in a worker thread, which is started when the first one comes. A thread that is ended while ONNX Runtime
// computes in it takes the whole process down, so this one is never terminated: it is asked to end.
import { Worker } from "node:worker_threads";
import { turnOffEngineTelemetry } from "@attune/device-runtime/model";
import { Fault } from "@attune/protocol";
import type { ValidationAnswers } from "../../core/gate/validationGate.ts";
import type { ModelJudge } from "../../ports/modelJudge.ts";
import { gatePlaces, type JudgeCall, type JudgeReply } from "./judgeWorker.ts";

interface Waiting {
  readonly resolve: (answers: ValidationAnswers) => void;
  readonly reject: (fault: Fault) => void;
}

const failed = (message: string, cause?: unknown): Fault =>
  new Fault(message, {
    code: "judge.failed",
    hint: "check that the model and the validation set are of the same line and shape",
    cause,
  });

/** How long a process that exits waits for a slice, which takes milliseconds; loading a large model takes seconds. */
const EXIT_WAIT_MS = 10_000;

/** Creates the judge; it costs nothing before its first task. */
export function createWorkerJudge(): ModelJudge {
  turnOffEngineTelemetry();
  const waiting = new Map<number, Waiting>();
  const gate = new Int32Array(new SharedArrayBuffer(8));
  let worker: Worker | undefined;
  let lastId = 0;

  const start = (): Worker => {
    const source = import.meta.url.endsWith(".ts") ? "./judgeWorker.ts" : "./judgeWorker.js";
    const started = new Worker(new URL(source, import.meta.url), { workerData: { gate } });
    started.on("message", (reply: JudgeReply) => {
      const caller = waiting.get(reply.id);
      waiting.delete(reply.id);
      if ("answers" in reply) caller?.resolve(reply.answers);
      else caller?.reject(failed(reply.failure));
    });
    const giveUp = (cause: unknown): void => {
      process.removeListener("exit", finishBeforeExit);
      if (worker === started) worker = undefined;
      for (const { reject } of waiting.values()) {
        reject(failed("the thread that answers validation sets ended", cause));
      }
      waiting.clear();
    };
    started.on("error", giveUp);
    started.on("exit", giveUp);
    started.unref();
    process.on("exit", finishBeforeExit);
    return started;
  };

  /** Whoever ends the process without closing the hub ends the thread with it: not in the middle of a slice. */
  const finishBeforeExit = (): void => {
    Atomics.store(gate, gatePlaces.closed, 1);
    while (Atomics.load(gate, gatePlaces.busy) === 1) {
      if (Atomics.wait(gate, gatePlaces.busy, 1, EXIT_WAIT_MS) === "timed-out") return;
    }
  };

  const post = (to: Worker, call: JudgeCall): void => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker is no window
    to.postMessage(call);
  };

  return {
    answer(task) {
      worker ??= start();
      lastId += 1;
      const id = lastId;
      const answers = new Promise<ValidationAnswers>((resolve, reject) => {
        waiting.set(id, { resolve, reject });
      });
      post(worker, { kind: "answer", id, task });
      return answers;
    },
    async close() {
      const closing = worker;
      if (closing === undefined) return;
      Atomics.store(gate, gatePlaces.closed, 1);
      const ended = new Promise<void>((resolve) => closing.once("exit", () => resolve()));
      closing.ref();
      post(closing, { kind: "close" });
      await ended;
    },
  };
}
