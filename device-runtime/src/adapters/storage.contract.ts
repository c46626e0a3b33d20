// What every storage does alike. Each adapter's test calls it with a way to make one.
import { Defect, Fault } from "@attune/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Storage } from "../ports/storage.ts";

/** A storage under test, and the same one opened by a later process. */
export interface StorageUnderTest {
  readonly storage: Storage;
  reopen(): Promise<Storage>;
}

const text = (bytes: Uint8Array | null): string | null =>
  bytes === null ? null : new TextDecoder().decode(bytes);
const bytesOf = (content: string): Uint8Array => new TextEncoder().encode(content);

/** Runs the contract against storages made by `create`. */
export function storageContract(label: string, create: () => Promise<StorageUnderTest>): void {
  describe(`storage contract: ${label}`, () => {
    it("[ST1] a file that is not there reads as null, and nothing is listed", async () => {
      const { storage } = await create();
      expect(await storage.read("nothing")).toBeNull();
      expect(await storage.list()).toEqual([]);
      await storage.remove("nothing");
    });

    it("[ST1] write replaces, append adds, both create; an empty file is a file", async () => {
      const { storage } = await create();
      await storage.append("a", bytesOf("one"));
      await storage.append("a", bytesOf(" two"));
      expect(text(await storage.read("a"))).toBe("one two");
      await storage.write("a", bytesOf("new"));
      expect(text(await storage.read("a"))).toBe("new");
      await storage.append("a", bytesOf("er"));
      expect(text(await storage.read("a"))).toBe("newer");
      await storage.write("b", new Uint8Array(0));
      expect(text(await storage.read("b"))).toBe("");
      expect(await storage.list()).toEqual(["a", "b"]);
    });

    it("[ST1] rename moves in one step and replaces what had the name", async () => {
      const { storage } = await create();
      await storage.write("from", bytesOf("moved"));
      await storage.write("to", bytesOf("old"));
      await storage.rename("from", "to");
      expect(text(await storage.read("to"))).toBe("moved");
      expect(await storage.list()).toEqual(["to"]);
      await storage.append("to", bytesOf("!"));
      await storage.write("from", bytesOf("another"));
      expect(text(await storage.read("to"))).toBe("moved!");
    });

    it("[ST1] bytes belong to the caller before and after", async () => {
      const { storage } = await create();
      const mine = bytesOf("mine");
      await storage.write("a", mine);
      await storage.append("b", mine);
      mine.fill(0);
      const read = await storage.read("a");
      read?.fill(0);
      expect(text(await storage.read("a"))).toBe("mine");
      expect(text(await storage.read("b"))).toBe("mine");
    });

    it("[ST2] what was synced is there for the next process", async () => {
      const { storage, reopen } = await create();
      await storage.write("a", bytesOf("kept"));
      await storage.write("b.new", bytesOf("renamed"));
      await storage.write("c", bytesOf("removed"));
      await storage.rename("b.new", "b");
      await storage.remove("c");
      await storage.sync("a");
      await storage.sync("b");
      const next = await reopen();
      expect(await next.list()).toEqual(["a", "b"]);
      expect(text(await next.read("a"))).toBe("kept");
      expect(text(await next.read("b"))).toBe("renamed");
    });

    it("[ST3] a missing file is a Fault for sync and rename, a name that not every storage can keep is a Defect", async () => {
      const { storage } = await create();
      await expect(storage.sync("missing")).rejects.toThrow(Fault);
      await expect(storage.rename("missing", "b")).rejects.toThrow(Fault);
      for (const name of ["", ".hidden", "a/b", "..", "A", "a b", "x".repeat(201)]) {
        await expect(storage.read(name)).rejects.toThrow(Defect);
        await expect(storage.write(name, bytesOf("x"))).rejects.toThrow(Defect);
        await expect(storage.append(name, bytesOf("x"))).rejects.toThrow(Defect);
        await expect(storage.sync(name)).rejects.toThrow(Defect);
        await expect(storage.rename("a", name)).rejects.toThrow(Defect);
        await expect(storage.remove(name)).rejects.toThrow(Defect);
      }
      expect(await storage.list()).toEqual([]);
    });

    it("[ST1] any sequence of calls leaves what a table of names and contents would hold", async () => {
      const name = fc.constantFrom("a", "b", "c.1");
      const call = fc.oneof(
        fc.record({
          kind: fc.constantFrom("write", "append"),
          name,
          content: fc.string({ maxLength: 20 }),
        }),
        fc.record({ kind: fc.constantFrom("rename"), name, to: name }),
        fc.record({ kind: fc.constantFrom("remove", "sync"), name }),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(call, { maxLength: 25 }), async (calls) => {
          const { storage, reopen } = await create();
          const table = new Map<string, string>();
          for (const one of calls) {
            const before = table.get(one.name);
            if ("content" in one) {
              await storage[one.kind === "write" ? "write" : "append"](
                one.name,
                bytesOf(one.content),
              );
              table.set(one.name, (one.kind === "write" ? "" : (before ?? "")) + one.content);
            } else if ("to" in one) {
              const outcome = await storage
                .rename(one.name, one.to)
                .catch((error: unknown) => error);
              if (outcome instanceof Fault !== (before === undefined)) throw outcome;
              if (before !== undefined) {
                table.delete(one.name);
                table.set(one.to, before);
              }
            } else if (one.kind === "remove") {
              await storage.remove(one.name);
              table.delete(one.name);
            } else if (before !== undefined) {
              await storage.sync(one.name);
            }
          }
          for (const view of [() => Promise.resolve(storage), reopen]) {
            const seen = await view();
            expect(await seen.list()).toEqual([...table.keys()].sort());
            for (const [file, content] of table) expect(text(await seen.read(file))).toBe(content);
          }
        }),
        { numRuns: 30 },
      );
    });
  });
}
