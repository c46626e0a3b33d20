// What is kept of the device itself, on disk: a snapshot, and the slices that have changed since. It must not decide anything.
import { decodeCbor, encodeCbor, Fault, unwrap } from "@attune/protocol";
import type { KeptSlice, KeptState } from "../core/state.ts";
import type { Storage } from "../ports/storage.ts";
import { type Journal, openJournal } from "../storage/journal.ts";
import { fileNames } from "./files.ts";

/** Rises when what is kept is no longer read by older runtimes. */
const STORE_FORMAT = 1;

/** The kept state on disk. */
export interface DeviceJournal {
  /** Notes the slices that differ; durable with the next commit. */
  note(before: KeptState, after: KeptState): void;
  /** Everything noted is durable before return. Compacts when the journal has grown. */
  commit(after: KeptState): Promise<void>;
  /** Writes everything anew, so that nothing of the past is left in the file. */
  compact(after: KeptState): Promise<void>;
}

/** An opened {@link DeviceJournal}, with what it held. */
export interface OpenedDeviceJournal {
  readonly journal: DeviceJournal;
  /** Null on a device that starts for the first time. */
  readonly kept: KeptState | null;
}

const decode = (bytes: Uint8Array): { format?: number; slices: Partial<KeptState> } =>
  unwrap(decodeCbor(bytes)) as { format?: number; slices: Partial<KeptState> };

/**
 * Opens the journal of a device.
 *
 * @throws Fault `store.format_unknown` when a newer runtime wrote it, and what the storage throws
 */
export async function openDeviceJournal(storage: Storage): Promise<OpenedDeviceJournal> {
  const opened = await openJournal(storage, fileNames.deviceJournal);
  let journal: Journal = opened.journal;
  let kept: KeptState | null = null;
  for (const bytes of [...(opened.snapshot === null ? [] : [opened.snapshot]), ...opened.records]) {
    const { format = STORE_FORMAT, slices } = decode(bytes);
    if (format > STORE_FORMAT) {
      throw new Fault(`the store has format ${format}, this runtime knows ${STORE_FORMAT}`, {
        code: "store.format_unknown",
        hint: "a newer runtime wrote it: update this one, or give it a store of its own",
      });
    }
    kept = { ...kept, ...slices } as KeptState;
  }
  /** After a fault a journal takes nothing more: the next commit opens it again and writes everything. */
  let isBroken = false;

  const snapshot = (after: KeptState): Uint8Array =>
    encodeCbor({ format: STORE_FORMAT, slices: after });

  async function guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      isBroken = true;
      throw error;
    }
  }

  async function compact(after: KeptState): Promise<void> {
    await guarded(async () => {
      if (isBroken) journal = (await openJournal(storage, fileNames.deviceJournal)).journal;
      await journal.compact(snapshot(after));
      isBroken = false;
    });
  }

  return {
    kept,
    journal: {
      note(before, after) {
        if (isBroken) return;
        const slices: Partial<Record<KeptSlice, unknown>> = {};
        let hasChanged = false;
        for (const name of Object.keys(after) as KeptSlice[]) {
          if (before[name] === after[name]) continue;
          slices[name] = after[name];
          hasChanged = true;
        }
        if (!hasChanged) return;
        try {
          journal.append(encodeCbor({ slices }));
        } catch {
          // Full or failed: the commit writes everything anew.
          isBroken = true;
        }
      },
      async commit(after) {
        if (isBroken || journal.wantsCompaction) await compact(after);
        else await guarded(() => journal.commit());
      },
      compact,
    },
  };
}
