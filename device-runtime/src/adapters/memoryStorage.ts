// Files in memory, for simulations, tests and devices that must leave nothing behind. It must not touch a disk.
import { Fault } from "@attune/protocol";
import { assertStorageName, type Storage } from "../ports/storage.ts";

/**
 * Creates a storage that lives as long as the object.
 *
 * Everything counts as durable at once: what a power cut does is shown by `createFaultyDisk`.
 */
export function createMemoryStorage(): Storage {
  const files = new Map<string, GrowingBytes>();

  function existing(name: string): GrowingBytes {
    const file = files.get(name);
    if (file === undefined) throw missingFile(name);
    return file;
  }

  return {
    read: (name) =>
      settle(() => {
        assertStorageName(name);
        const file = files.get(name);
        return file === undefined ? null : file.bytes.slice(0, file.length);
      }),
    write: (name, bytes) =>
      settle(() => {
        assertStorageName(name);
        files.set(name, { bytes: bytes.slice(), length: bytes.length });
      }),
    append: (name, bytes) =>
      settle(() => {
        assertStorageName(name);
        const file = files.get(name) ?? { bytes: new Uint8Array(0), length: 0 };
        const length = file.length + bytes.length;
        if (length > file.bytes.length) {
          // Doubled, so that a journal of many small appends is copied a constant number of times.
          const grown = new Uint8Array(Math.max(length, 2 * file.bytes.length));
          grown.set(file.bytes.subarray(0, file.length));
          file.bytes = grown;
        }
        file.bytes.set(bytes, file.length);
        file.length = length;
        files.set(name, file);
      }),
    sync: (name) =>
      settle(() => {
        assertStorageName(name);
        existing(name);
      }),
    rename: (from, to) =>
      settle(() => {
        assertStorageName(from);
        assertStorageName(to);
        const file = existing(from);
        files.delete(from);
        files.set(to, file);
      }),
    remove: (name) =>
      settle(() => {
        assertStorageName(name);
        files.delete(name);
      }),
    list: () => settle(() => [...files.keys()].sort()),
  };
}

/** The outcome of `work` as a promise: every mistake comes as a rejection, as from a disk. */
function settle<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(work());
  });
}

interface GrowingBytes {
  bytes: Uint8Array;
  length: number;
}

function missingFile(name: string): Fault {
  return new Fault(`there is no file "${name}"`, {
    code: "store.io_failed",
    hint: "something else removed it: give the device a store of its own",
  });
}
