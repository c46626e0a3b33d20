// Has a model package made by a process of its own. It must not train in this one.
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Fault } from "@attune/protocol";
import type { PackageOrder } from "./activityPackage.ts";
import type { PackageNews } from "./packageProcess.ts";

/**
 * Orders a package.
 *
 * A process, not a thread: a thread that is ended while the engine computes takes the whole process with it.
 *
 * @param signal ends the work; the promise then rejects
 * @throws Fault `package.process_failed`
 */
export function orderPackage(
  order: PackageOrder,
  signal: AbortSignal,
  onProgress: (share: number, loss: number) => void = () => undefined,
): Promise<Uint8Array> {
  const file = import.meta.url.endsWith(".ts") ? "./packageProcess.ts" : "./packageProcess.js";
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), {
    // Typed arrays go through as they are.
    serialization: "advanced",
    // A group of its own: ctrl-C reaches this process only, which then ends the other in its turn.
    detached: true,
  });
  return new Promise((resolve, reject) => {
    const stop = (): void => void child.kill("SIGKILL");
    const fail = (cause: unknown): void => {
      reject(
        new Fault(`the ${order.kind} model could not be made`, {
          code: "package.process_failed",
          hint: signal.aborted ? "it was stopped" : "see the cause",
          cause,
        }),
      );
    };
    signal.addEventListener("abort", stop, { once: true });
    child.on("message", (news: PackageNews) => {
      if (news.kind === "progress") {
        onProgress(news.share, news.loss);
        return;
      }
      if (news.kind === "made") resolve(news.bytes);
      else fail(news.error);
      child.disconnect();
    });
    child.once("error", fail);
    child.once("exit", (code, name) => {
      signal.removeEventListener("abort", stop);
      fail(new Error(`its process ended (${name ?? code})`));
    });
    if (signal.aborted) stop();
    else child.send(order);
  });
}
