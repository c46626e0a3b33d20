// Has a model package made in a worker thread. It must not train in this thread.
import { Worker } from "node:worker_threads";
import { Fault } from "@attune/protocol";
import type { PackageOrder } from "./activityPackage.ts";
import type { PackageNews } from "./packageWorker.ts";

/**
 * Orders a package.
 *
 * @param signal ends the work; the promise then rejects
 * @throws Fault `package.worker_failed`
 */
export function orderPackage(
  order: PackageOrder,
  signal: AbortSignal,
  onProgress: (share: number, loss: number) => void = () => undefined,
): Promise<Uint8Array> {
  const file = import.meta.url.endsWith(".ts") ? "./packageWorker.ts" : "./packageWorker.js";
  const worker = new Worker(new URL(file, import.meta.url), { workerData: order });
  return new Promise((resolve, reject) => {
    const stop = (): void => void worker.terminate();
    signal.addEventListener("abort", stop, { once: true });
    worker.on("message", (news: PackageNews) => {
      if (news.kind === "made") resolve(news.bytes);
      else onProgress(news.share, news.loss);
    });
    const fail = (cause: unknown): void => {
      reject(
        new Fault(`the ${order.kind} model could not be made`, {
          code: "package.worker_failed",
          hint: signal.aborted ? "it was stopped" : "see the cause",
          cause,
        }),
      );
    };
    worker.once("error", fail);
    worker.once("exit", (code) => {
      signal.removeEventListener("abort", stop);
      fail(new Error(`its thread ended with code ${code}`));
    });
  });
}
