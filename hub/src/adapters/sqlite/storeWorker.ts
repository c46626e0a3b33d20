// Entry of the worker thread that owns the database: carries out calls in order, answers each when it is durable.

import { parentPort, workerData } from "node:worker_threads";
import { Fault } from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { openSqliteStore } from "./sqliteStore.ts";
import type { SyncStore } from "./syncStore.ts";

/** One call of a store's method. */
export interface StoreCall {
  readonly id: number;
  readonly method: keyof SyncStore;
  readonly args: readonly unknown[];
}

/** A Fault on its way between threads. */
export interface StoreFault {
  readonly message: string;
  readonly code: string;
  readonly hint: string;
}

/** What became of a call; `id` 0 is the opening of the database. */
export type StoreAnswer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly fault: StoreFault };

const port = parentPort;
if (port !== null) {
  const describe = (error: unknown): StoreFault => ({
    message: error instanceof Error ? error.message : String(error),
    code: error instanceof Fault ? error.code : "store.io_failed",
    hint: error instanceof Fault ? error.hint : "this is a mistake in the hub; please report it",
  });
  const answer = (id: number, work: () => unknown): void => {
    let reply: StoreAnswer;
    try {
      reply = { id, value: work() };
    } catch (error) {
      reply = { id, fault: describe(error) };
    }
    port.postMessage(reply);
  };
  let store: SyncStore | undefined;
  answer(0, () => {
    store = openSqliteStore((workerData as { readonly file: string }).file, nodeCryptography);
  });
  port.on("message", ({ id, method, args }: StoreCall) => {
    const opened = store;
    if (opened === undefined) return;
    answer(id, () => (opened[method] as (...values: readonly unknown[]) => unknown)(...args));
    if (method === "close") port.close();
  });
}
