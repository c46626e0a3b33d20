// A process that makes one model package, so that the living fleet goes on meanwhile and may stop it at any moment. Only messages; no
// policy.
import { loadNodeOrt } from "@attune/device-runtime/node";
import { makeActivityPackage, type PackageOrder } from "./activityPackage.ts";

/** What the process says. */
export type PackageNews =
  | { readonly kind: "progress"; readonly share: number; readonly loss: number }
  | { readonly kind: "made"; readonly bytes: Uint8Array }
  | { readonly kind: "failed"; readonly error: Error };

const tell = (news: PackageNews): void => void process.send?.(news);

// Whoever ordered it is gone: nobody wants it any more.
process.on("disconnect", () => process.exit(1));

async function make(order: PackageOrder): Promise<void> {
  try {
    const runtime = await loadNodeOrt();
    const bytes = await makeActivityPackage(runtime, order, (share, loss) => {
      tell({ kind: "progress", share, loss });
    });
    tell({ kind: "made", bytes });
  } catch (error) {
    tell({ kind: "failed", error: error as Error });
  }
}

process.once("message", (order: PackageOrder) => void make(order));
