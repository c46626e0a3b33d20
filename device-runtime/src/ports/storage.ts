// The place where a device keeps bytes, as small as a journal and a few files need. It must not know what the bytes mean.
import { Defect } from "@attune/protocol";

/**
 * Flat files with names.
 *
 * What is durable survives a power cut; what is only visible survives the end of the process, not always that of the machine.
 * **Only {@link Storage.sync} makes anything durable.** Before it, after a power cut, a written file may have its old content, its new
 * content, any mixture of pages of both, zeros, or half of its length; a rename may have happened or not, whatever was written or
 * renamed before or after it.
 *
 * - Names match `[a-z0-9._-]{1,200}` and do not begin with a dot.
 * - Bytes handed in are the caller's again when the promise resolves; bytes handed out are the caller's.
 * - One process at a time has a storage open. Calls on different names may overlap, calls on one name must not.
 * - Every method may reject with a Fault: `store.quota_exceeded` when there is no room, `store.io_failed` for anything else. After that
 *   nothing is known about the file that was written.
 */
export interface Storage {
  /** The whole content, or null when there is no such file. */
  read(name: string): Promise<Uint8Array | null>;
  /** Replaces the content, or creates the file. Neither atomic nor durable: write another name, sync it, then rename. */
  write(name: string, bytes: Uint8Array): Promise<void>;
  /** Adds to the end, or creates the file. */
  append(name: string, bytes: Uint8Array): Promise<void>;
  /**
   * Before it returns, the content of `name` is durable, and so is every name that was created, renamed or removed until now.
   * Rejects with `store.io_failed` when there is no such file.
   */
  sync(name: string): Promise<void>;
  /** Gives the file another name, replacing what had it, in one step that no reader sees half of. */
  rename(from: string, to: string): Promise<void>;
  /** Removes the file; one that is not there is fine. Durable with the next {@link Storage.sync} of any name. */
  remove(name: string): Promise<void>;
  /** All names, sorted. */
  list(): Promise<readonly string[]>;
}

const namePattern = /^[a-z0-9_-][a-z0-9._-]{0,199}$/;

/** @throws {@link Defect} `store.name_invalid` for a name that not every storage can keep. */
export function assertStorageName(name: string): void {
  if (!namePattern.test(name)) {
    throw new Defect(
      "store.name_invalid",
      `"${name.slice(0, 80)}" is not a file name of 1 to 200 characters out of a-z 0-9 . _ - that does not begin with a dot`,
    );
  }
}
