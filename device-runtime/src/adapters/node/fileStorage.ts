// Files in one folder, which no other process has meanwhile. It must not know what they hold.
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { Fault } from "@attune/protocol";
import { assertStorageName, type Storage } from "../../ports/storage.ts";
import { lockFolder } from "./folderLock.ts";

/** Readable and writable by the owner only: windows of a person's sensors lie here. */
const folderMode = 0o700;
const fileMode = 0o600;

/** A storage that holds its folder until it is closed, or its process ends. */
export interface FileStorage extends Storage {
  /** Lets go of the folder. Harmless twice; nothing may be written afterwards. */
  close(): Promise<void>;
}

/**
 * Opens a folder as a storage, creating it when it is missing. Two of them on one folder would tear each other's journals: the second one
 * is refused.
 *
 * - `sync` is one fsync of the file, and one of the folder when a name has changed since the last one: 1.6 ms median on an
 *   ordinary disk.
 *
 * @param folder its other files, and names that no device would write, are left alone.
 * @throws {@link Fault} `store.in_use`, `store.quota_exceeded`, `store.io_failed`.
 */
export async function createFileStorage(folder: string): Promise<FileStorage> {
  /** Names that this storage has made durable or found in use; another one costs a sync of the folder. */
  const known = new Set<string>();
  /** How often a name has changed, and up to which change the folder is durable. Names of an earlier process may not be. */
  let changeCount = 1;
  let durableChangeCount = 0;

  await guard(`create the folder ${folder}`, () => createFolder(resolve(folder)));
  const lock = await guard(`lock the folder ${folder}`, () => lockFolder(folder));

  async function syncFolder(): Promise<void> {
    const until = changeCount;
    if (durableChangeCount >= until) return;
    await syncFolderPath(folder);
    durableChangeCount = Math.max(durableChangeCount, until);
  }

  function noteCreated(name: string): void {
    if (known.has(name)) return;
    known.add(name);
    changeCount++;
  }

  return {
    close: () => lock.release(),
    read: async (name) => {
      const path = pathIn(folder, name);
      return guard(`read ${path}`, async () => {
        try {
          return new Uint8Array(await readFile(path));
        } catch (error) {
          if (codeOf(error) === "ENOENT") return null;
          throw error;
        }
      });
    },
    write: async (name, bytes) => {
      const path = pathIn(folder, name);
      await guard(`write ${path}`, async () => {
        noteCreated(name);
        await writeFile(path, bytes, { mode: fileMode });
      });
    },
    append: async (name, bytes) => {
      const path = pathIn(folder, name);
      await guard(`append to ${path}`, async () => {
        noteCreated(name);
        await writeFile(path, bytes, { flag: "a", mode: fileMode });
      });
    },
    sync: async (name) => {
      const path = pathIn(folder, name);
      await guard(`sync ${path}`, async () => {
        await syncPath(path, "r+");
        await syncFolder();
      });
    },
    rename: async (from, to) => {
      const fromPath = pathIn(folder, from);
      const toPath = pathIn(folder, to);
      await guard(`rename ${fromPath} to ${to}`, async () => {
        await rename(fromPath, toPath);
        known.delete(from);
        known.add(to);
        changeCount++;
      });
    },
    remove: async (name) => {
      const path = pathIn(folder, name);
      await guard(`remove ${path}`, async () => {
        await rm(path, { force: true });
        known.delete(name);
        changeCount++;
      });
    },
    list: () =>
      guard(`list ${folder}`, async () => {
        const entries = await readdir(folder, { withFileTypes: true });
        return entries
          .filter((entry) => entry.isFile() && isStorageName(entry.name))
          .map((entry) => entry.name)
          .sort();
      }),
  };
}

function pathIn(folder: string, name: string): string {
  assertStorageName(name);
  return join(folder, name);
}

/** Creates the folder and makes its name durable, and those of the folders that had to be created above it. */
async function createFolder(folder: string): Promise<void> {
  const highestCreated = await mkdir(folder, { recursive: true, mode: folderMode });
  if (highestCreated === undefined) return;
  for (let created = folder; created.length >= highestCreated.length; created = dirname(created)) {
    await syncFolderPath(dirname(created));
  }
}

/** Windows opens no folders; its file system writes names through its own log. */
async function syncFolderPath(folder: string): Promise<void> {
  if (process.platform !== "win32") await syncPath(folder, "r");
}

async function syncPath(path: string, flags: string): Promise<void> {
  const handle = await open(path, flags);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isStorageName(name: string): boolean {
  try {
    assertStorageName(name);
    return true;
  } catch {
    return false;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

const noRoomCodes: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

async function guard<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    if (noRoomCodes.has(codeOf(cause))) {
      throw new Fault(`could not ${what}: no room is left`, {
        code: "store.quota_exceeded",
        hint: "free some space on the disk, or lower the limits of the model package",
        cause,
        isRetryable: true,
      });
    }
    throw new Fault(
      `could not ${what}: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        code: "store.io_failed",
        hint: "check that the folder belongs to this user, can be written and is on a healthy disk",
        cause,
      },
    );
  }
}
