// A worker thread that makes one model package, so that the living fleet goes on meanwhile. Only messages; no policy.
import { parentPort, workerData } from "node:worker_threads";
import { loadNodeOrt } from "@attune/device-runtime/node";
import { makeActivityPackage, type PackageOrder } from "./activityPackage.ts";

/** What the worker says. */
export type PackageNews =
  | { readonly kind: "progress"; readonly share: number; readonly loss: number }
  | { readonly kind: "made"; readonly bytes: Uint8Array };

const tell = (news: PackageNews): void => parentPort?.postMessage(news);

const bytes = await makeActivityPackage(
  await loadNodeOrt(),
  workerData as PackageOrder,
  (share, loss) => {
    tell({ kind: "progress", share, loss });
  },
);
tell({ kind: "made", bytes });
