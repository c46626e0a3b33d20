// Names of a device's files and the one way in which they are written. It must not know what they hold.
import { type Digest, digestLater, type LaterHashing } from "@attune/protocol";
import type { Storage } from "../ports/storage.ts";

/** Names of files. A user's begin with the user's own prefix, so that erasing finds all of them. */
export const fileNames = {
  deviceJournal: "device",
  blob: (digest: Digest): string => `blob-${digest}`,
  /** A blob that is being fetched, block by block. */
  partialBlob: (digest: Digest): string => `part-${digest}`,
  /** A model made ready to answer, by what it was made of. */
  serving: (graph: Digest, learning: Digest): string =>
    `serving-${graph.slice(0, 32)}-${learning.slice(0, 32)}`,
  message: (digest: Digest): string => `out-${digest}`,
  userPrefix: (user: string): string => `user-${user}`,
  userJournal: (user: string): string => `user-${user}`,
  parameters: (user: string, digest: Digest): string => `user-${user}-p-${digest}`,
  checkpoint: (user: string, jobIndex: number): string => `user-${user}-job-${jobIndex}`,
} as const;

/** Ends the name of a file that is not whole yet. */
const UNFINISHED = ".new";

/** Files that are written whole. */
export interface FileStore {
  /** Every name there is, unfinished files too. */
  names(): ReadonlySet<string>;
  has(name: string): boolean;
  read(name: string): Promise<Uint8Array | null>;
  /** Durable before return; a cut shows the old content, or none, or the new one whole. */
  write(name: string, bytes: Uint8Array): Promise<void>;
  /** Adds to a file that may be cut anywhere; durable before return. */
  append(name: string, bytes: Uint8Array): Promise<void>;
  remove(name: string): Promise<void>;
  /** Removes after writing zeros over the content, so that the bytes are gone and not only unnamed. */
  wipe(name: string): Promise<void>;
  /** Tells of files that someone else has made or removed. */
  refresh(): Promise<void>;
}

/** Opens the files of a storage. */
export async function openFileStore(storage: Storage): Promise<FileStore> {
  let names = new Set(await storage.list());

  async function remove(name: string): Promise<void> {
    await storage.remove(name);
    names.delete(name);
  }

  return {
    names: () => names,
    has: (name) => names.has(name),
    read: (name) => storage.read(name),
    async write(name, bytes) {
      const unfinished = `${name}${UNFINISHED}`;
      names.add(unfinished);
      await storage.write(unfinished, bytes);
      await storage.sync(unfinished);
      await storage.rename(unfinished, name);
      await storage.sync(name);
      names.delete(unfinished);
      names.add(name);
    },
    async append(name, bytes) {
      names.add(name);
      await storage.append(name, bytes);
      await storage.sync(name);
    },
    remove,
    async wipe(name) {
      const content = await storage.read(name);
      if (content !== null && content.length > 0) {
        await storage.write(name, new Uint8Array(content.length));
        await storage.sync(name);
      }
      await remove(name);
    },
    async refresh() {
      names = new Set(await storage.list());
    },
  };
}

/** Reads a file whose name promises its digest; one that does not keep the promise is damaged, and counts as missing. */
export async function readChecked(
  files: FileStore,
  name: string,
  digest: Digest,
  hashing: LaterHashing,
): Promise<Uint8Array | null> {
  if (!files.has(name)) return null;
  const bytes = await files.read(name);
  if (bytes === null || (await digestLater(hashing, bytes)) !== digest) {
    await files.remove(name);
    return null;
  }
  return bytes;
}
