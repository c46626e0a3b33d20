// A store whose database lives in a worker thread, so that its synchronous commits never hold up the broker.

import { Worker } from "node:worker_threads";
import { Fault } from "@attune/protocol";
import type { Store } from "../../ports/store.ts";
import type { StoreAnswer, StoreCall } from "./storeWorker.ts";

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

const methods = [
  "load",
  "commitIntake",
  "commit",
  "knownContribution",
  "receiptsSent",
  "windowContributions",
  "driftHistory",
  "pairs",
  "receiptsSince",
  "contributions",
  "receipts",
  "decisions",
  "signingRequests",
  "signingRequest",
  "delegations",
  "audit",
  "auditLatest",
  "verifyAudit",
  "close",
] as const satisfies readonly (keyof Store)[];

/**
 * Opens the database in a worker thread of its own.
 *
 * @param file path of the database; its folder exists
 * @throws Fault `store.locked`, `store.newer`, `store.io_failed`
 */
export async function openWorkerStore(file: string): Promise<Store> {
  const source = import.meta.url.endsWith(".ts") ? "./storeWorker.ts" : "./storeWorker.js";
  const worker = new Worker(new URL(source, import.meta.url), { workerData: { file } });
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  let broken: Fault | null = null;

  const breakDown = (message: string, cause: unknown): void => {
    broken ??= new Fault(message, {
      code: "store.io_failed",
      hint: "start the hub again; nothing receipted is lost",
      cause,
    });
    for (const { reject } of waiting.values()) reject(broken);
    waiting.clear();
  };
  worker.on("message", (answer: StoreAnswer) => {
    const caller = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (caller === undefined) return;
    if ("fault" in answer) {
      const { message, code, hint } = answer.fault;
      caller.reject(new Fault(message, { code, hint }));
    } else caller.resolve(answer.value);
  });
  worker.on("error", (error) => breakDown("the database's thread failed", error));
  worker.on("exit", () => breakDown("the database is closed", undefined));

  const answerTo = (id: number): Promise<unknown> =>
    new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
  const call = (method: keyof Store, args: readonly unknown[]): Promise<unknown> => {
    if (broken !== null) return Promise.reject(broken);
    lastId += 1;
    const answer = answerTo(lastId);
    worker.postMessage({ id: lastId, method, args } satisfies StoreCall);
    return answer;
  };

  try {
    await answerTo(0);
  } catch (error) {
    await worker.terminate();
    throw error;
  }
  const store = Object.fromEntries(
    methods.map((method) => [method, (...args: readonly unknown[]) => call(method, args)]),
  ) as unknown as Store;
  return {
    ...store,
    async close() {
      if (broken !== null) return;
      const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
      await call("close", []);
      await exited;
    },
  };
}
