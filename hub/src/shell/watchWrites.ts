// Whether a store can still write: one that reads well may be on a full disk. It must not change what a store promises.
import { DISK_FREE_MIN_BYTES } from "../limits.ts";
import type { Store } from "../ports/store.ts";

/** A store that is watched. */
export interface WatchedStore {
  /** The same store; its writes are noticed. */
  readonly store: Store;
  /**
   * Whether it reads, and its last write was kept. After one that was not, and while the disk has next to no room, it is tried with a write
   * of its own: a disk may fill while nobody writes.
   */
  isSound(): Promise<boolean>;
}

/** What a write is tried with: more than what is left over in the pages of a database that cannot grow. */
const TRIAL_CHARACTERS = 256 * 1024;

const trial = "writeTrial";

/**
 * Watches the writes of a store.
 *
 * @param freeBytes room on its disk; null when nobody can tell
 */
export function watchWrites(inner: Store, freeBytes: () => Promise<number | null>): WatchedStore {
  let isWriting = true;
  let looking: Promise<boolean> | null = null;
  const noticed = async <T>(written: Promise<T>): Promise<T> => {
    try {
      const kept = await written;
      isWriting = true;
      return kept;
    } catch (error) {
      isWriting = false;
      throw error;
    }
  };
  const store: Store = {
    ...inner,
    commit: (changes, audit) => noticed(inner.commit(changes, audit)),
    commitIntake: (rows) => noticed(inner.commitIntake(rows)),
    receiptsSent: (entries) => noticed(inner.receiptsSent(entries)),
  };
  const look = async (): Promise<boolean> => {
    try {
      await inner.auditLatest(1);
      if (isWriting && ((await freeBytes()) ?? DISK_FREE_MIN_BYTES) >= DISK_FREE_MIN_BYTES) {
        return true;
      }
      const write = (value: string): Promise<unknown> =>
        inner.commit([{ kind: "meta", key: trial, value }], []);
      await write("0".repeat(TRIAL_CHARACTERS));
      await write("");
      isWriting = true;
    } catch {
      return false;
    }
    return isWriting;
  };
  return {
    store,
    // Whoever asks meanwhile gets the same answer: asking often costs no more.
    isSound() {
      looking ??= look().finally(() => {
        looking = null;
      });
      return looking;
    },
  };
}
