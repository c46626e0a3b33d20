// Files in a browser's IndexedDB. It must not be open in two tabs at once.
import { Fault } from "@attune/protocol";
import { type DBSchema, type IDBPDatabase, type IDBPTransaction, openDB } from "idb";
import { assertStorageName, type Storage } from "../ports/storage.ts";

/** A name points at pieces: appending adds one, and renaming moves none. */
interface FileEntry {
  readonly id: number;
  readonly pieceCount: number;
}

interface FilesSchema extends DBSchema {
  names: { key: string; value: FileEntry };
  /** By the file's id and its place in the file. */
  pieces: { key: [number, number]; value: Uint8Array<ArrayBuffer> };
  /** One entry: the next file's id. */
  nextId: { key: "nextId"; value: number };
}

type StoreName = "names" | "pieces" | "nextId";
const storeNames: StoreName[] = ["names", "pieces", "nextId"];
type Change = IDBPTransaction<FilesSchema, StoreName[], "readwrite">;

/**
 * Opens a database of this origin as a storage, creating it when it is missing.
 *
 * - Every change is one transaction with `durability: "strict"`: it is on the disk when its promise resolves, so `sync` only looks
 *   whether the file is there.
 * - `append` costs the same however long the file is; `rename` moves no bytes.
 * - A browser may delete the data of an origin when its disk is full: ask for `navigator.storage.persist()`.
 *
 * @param database its name; a device needs one of its own, and one tab at a time may have it open: hold a Web Lock
 * @throws {@link Fault} `store.quota_exceeded`, `store.io_failed`
 * @example
 * import "fake-indexeddb/auto"; // Brought by every browser.
 *
 * const storage = await createIndexedDbStorage("attune");
 * await storage.append("journal", Uint8Array.of(1));
 * await storage.append("journal", Uint8Array.of(2));
 * await storage.read("journal"); // => Uint8Array.of(1, 2)
 */
export async function createIndexedDbStorage(database: string): Promise<Storage> {
  const files = await guard(`open the database ${database}`, () =>
    openDB<FilesSchema>(database, 1, {
      upgrade: (opened) => {
        for (const store of storeNames) opened.createObjectStore(store);
      },
      // A later version of this package wants to convert it.
      blocking: (_current, _wanted, event) => (event.target as IDBDatabase).close(),
    }),
  );

  return {
    read: async (name) => {
      assertStorageName(name);
      return guard(`read ${name}`, () => readFile(files, name));
    },
    write: async (name, bytes) => {
      assertStorageName(name);
      await change(files, `write ${name}`, async (stores) => {
        await removeFile(stores, name);
        const ids = stores.objectStore("nextId");
        const id = (await ids.get("nextId")) ?? 0;
        await ids.put(id + 1, "nextId");
        await addPiece(stores, name, { id, pieceCount: 0 }, bytes);
      });
    },
    append: async (name, bytes) => {
      assertStorageName(name);
      await change(files, `append to ${name}`, async (stores) => {
        const ids = stores.objectStore("nextId");
        let entry = await stores.objectStore("names").get(name);
        if (entry === undefined) {
          entry = { id: (await ids.get("nextId")) ?? 0, pieceCount: 0 };
          await ids.put(entry.id + 1, "nextId");
        }
        await addPiece(stores, name, entry, bytes);
      });
    },
    sync: async (name) => {
      assertStorageName(name);
      const key = await guard(`sync ${name}`, () => files.getKey("names", name));
      if (key === undefined) throw missingFile(name);
    },
    rename: async (from, to) => {
      assertStorageName(from);
      assertStorageName(to);
      await change(files, `rename ${from}`, async (stores) => {
        const names = stores.objectStore("names");
        const entry = await names.get(from);
        if (entry === undefined) throw missingFile(from);
        if (from === to) return;
        await removeFile(stores, to);
        await names.delete(from);
        await names.put(entry, to);
      });
    },
    remove: async (name) => {
      assertStorageName(name);
      await change(files, `remove ${name}`, (stores) => removeFile(stores, name));
    },
    // IndexedDB sorts keys by UTF-16 units, as `sort` does.
    list: () => guard("list the files", () => files.getAllKeys("names")),
  };
}

async function readFile(
  files: IDBPDatabase<FilesSchema>,
  name: string,
): Promise<Uint8Array | null> {
  // Both in one transaction, or another change could come between.
  const stores = files.transaction(["names", "pieces"]);
  const entry = await stores.objectStore("names").get(name);
  if (entry === undefined) return null;
  const pieces = await stores.objectStore("pieces").getAll(piecesOf(entry));
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

async function addPiece(
  stores: Change,
  name: string,
  { id, pieceCount }: FileEntry,
  bytes: Uint8Array,
): Promise<void> {
  // A copy: what is stored of a view is its whole buffer.
  await stores.objectStore("pieces").put(new Uint8Array(bytes), [id, pieceCount]);
  await stores.objectStore("names").put({ id, pieceCount: pieceCount + 1 }, name);
}

async function removeFile(stores: Change, name: string): Promise<void> {
  const names = stores.objectStore("names");
  const entry = await names.get(name);
  if (entry === undefined) return;
  await stores.objectStore("pieces").delete(piecesOf(entry));
  await names.delete(name);
}

function piecesOf({ id, pieceCount }: FileEntry): IDBKeyRange {
  return IDBKeyRange.bound([id, 0], [id, pieceCount]);
}

/** One transaction: all of `work` is on the disk when this returns, or nothing of it ever is. */
async function change(
  files: IDBPDatabase<FilesSchema>,
  what: string,
  work: (stores: Change) => Promise<void>,
): Promise<void> {
  await guard(what, async () => {
    const stores = files.transaction(storeNames, "readwrite", { durability: "strict" });
    const worked = work(stores).catch((error: unknown) => {
      // A request that failed has aborted it already.
      if (stores.error === null) stores.abort();
      throw error;
    });
    await Promise.all([worked, stores.done]);
  });
}

async function guard<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    const isFull = cause instanceof DOMException && cause.name === "QuotaExceededError";
    throw new Fault(`cannot ${what}: ${String(cause)}`, {
      code: isFull ? "store.quota_exceeded" : "store.io_failed",
      hint: isFull
        ? "the browser gives this origin no more room: free some, or ask for navigator.storage.persist()"
        : "see the cause; a private window, another tab or cleared site data are the usual ones",
      cause,
    });
  }
}

function missingFile(name: string): Fault {
  return new Fault(`there is no file "${name}"`, {
    code: "store.io_failed",
    hint: "something else removed it: give the device a database of its own",
  });
}
