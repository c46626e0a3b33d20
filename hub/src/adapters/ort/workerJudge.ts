// Answers validation sets in a worker thread, which is started when the first one comes.
import { Worker } from "node:worker_threads";
import { Fault } from "@attune/protocol";
import type { ValidationAnswers } from "../../core/gate/validationGate.ts";
import type { ModelJudge } from "../../ports/modelJudge.ts";
import type { JudgeCall, JudgeReply } from "./judgeWorker.ts";

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

/** Creates the judge; it costs nothing before its first task. */
export function createWorkerJudge(): ModelJudge {
  const waiting = new Map<number, Waiting>();
  let worker: Worker | undefined;
  let lastId = 0;

  const start = (): Worker => {
    const source = import.meta.url.endsWith(".ts") ? "./judgeWorker.ts" : "./judgeWorker.js";
    const started = new Worker(new URL(source, import.meta.url));
    started.on("message", (reply: JudgeReply) => {
      const caller = waiting.get(reply.id);
      waiting.delete(reply.id);
      if ("answers" in reply) caller?.resolve(reply.answers);
      else caller?.reject(failed(reply.failure));
    });
    const giveUp = (cause: unknown): void => {
      if (worker === started) worker = undefined;
      for (const { reject } of waiting.values()) {
        reject(failed("the thread that answers validation sets ended", cause));
      }
      waiting.clear();
    };
    started.on("error", giveUp);
    started.on("exit", giveUp);
    started.unref();
    return started;
  };

  return {
    answer(task) {
      worker ??= start();
      lastId += 1;
      const id = lastId;
      const answers = new Promise<ValidationAnswers>((resolve, reject) => {
        waiting.set(id, { resolve, reject });
      });
      worker.postMessage({ id, task } satisfies JudgeCall);
      return answers;
    },
    async close() {
      await worker?.terminate();
    },
  };
}
