import "fake-indexeddb/auto";
import { Fault } from "@attune/protocol";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createIndexedDbStorage } from "./indexedDbStorage.ts";
import { storageContract } from "./storage.contract.ts";

let databaseCount = 0;
const freshName = (): string => {
  databaseCount += 1;
  return `storage-${databaseCount}`;
};

storageContract("IndexedDB", async () => {
  const name = freshName();
  const storage = await createIndexedDbStorage(name);
  return { storage, reopen: () => createIndexedDbStorage(name) };
});

describe("IndexedDB", () => {
  afterEach(() => vi.restoreAllMocks());

  it("[ST2] asks for strict durability in every transaction that changes something", async () => {
    const storage = await createIndexedDbStorage(freshName());
    const transaction = vi.spyOn(IDBDatabase.prototype, "transaction");
    await storage.write("a", Uint8Array.of(1));
    await storage.append("a", Uint8Array.of(2));
    await storage.rename("a", "b");
    await storage.remove("b");
    expect(transaction.mock.calls.map(([, mode, options]) => [mode, options])).toEqual(
      Array.from({ length: 4 }, () => ["readwrite", { durability: "strict" }]),
    );
  });

  it("[ST3] a full disk is store.quota_exceeded, and the file is as it was", async () => {
    const storage = await createIndexedDbStorage(freshName());
    await storage.write("a", Uint8Array.of(1));
    vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(() => {
      throw new DOMException("no room", "QuotaExceededError");
    });
    await expect(storage.write("a", Uint8Array.of(2))).rejects.toMatchObject({
      code: "store.quota_exceeded",
    });
    vi.restoreAllMocks();
    expect(await storage.read("a")).toEqual(Uint8Array.of(1));
  });

  it("[ST3] anything else is store.io_failed", async () => {
    const storage = await createIndexedDbStorage(freshName());
    vi.spyOn(IDBObjectStore.prototype, "get").mockImplementation(() => {
      throw new DOMException("gone", "InvalidStateError");
    });
    const failed = await storage.read("a").catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(Fault);
    expect(failed).toMatchObject({ code: "store.io_failed" });
  });

  it("keeps of a view its own bytes only", async () => {
    const storage = await createIndexedDbStorage(freshName());
    const put = vi.spyOn(IDBObjectStore.prototype, "put");
    await storage.write("a", new Uint8Array(1000).subarray(500, 502));
    const stored = put.mock.calls.map(([value]) => value as unknown);
    const piece = stored.find((value) => value instanceof Uint8Array);
    expect(piece?.buffer.byteLength).toBe(2);
  });
});
