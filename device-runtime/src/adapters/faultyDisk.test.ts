import { Fault } from "@attune/protocol";
import { expect, it } from "vitest";
import { createFaultyDisk, PowerCut } from "./faultyDisk.ts";
import { createSeededRandom } from "./seededRandom.ts";
import { storageContract } from "./storage.contract.ts";

storageContract("faulty disk without a fault", () => {
  const disk = createFaultyDisk({ random: createSeededRandom(1) });
  return Promise.resolve({
    storage: disk.storage,
    reopen: () => Promise.resolve(disk.reopen()),
  });
});

const zeros = (length: number): Uint8Array => new Uint8Array(length);
const ones = (length: number): Uint8Array => new Uint8Array(length).fill(1);

/** Every content that `file` is found with after a power cut, over many seeds. */
async function contentsAfterCut(
  prepare: (storage: ReturnType<typeof createFaultyDisk>["storage"]) => Promise<void>,
  file: string,
): Promise<Set<string>> {
  const seen = new Set<string>();
  for (let seed = 0; seed < 1000; seed++) {
    const disk = createFaultyDisk({ random: createSeededRandom(seed), pageBytes: 2 });
    await prepare(disk.storage);
    disk.crash();
    const content = await disk.reopen().read(file);
    seen.add(content === null ? "missing" : content.join(""));
  }
  return seen;
}

it("[ST4] what was synced survives every cut", async () => {
  const seen = await contentsAfterCut(async (storage) => {
    await storage.write("a.new", ones(4));
    await storage.sync("a.new");
    await storage.rename("a.new", "a");
    await storage.sync("a");
  }, "a");
  expect([...seen]).toEqual(["1111"]);
});

it("[ST4] an append that was not synced may be lost, whole, short, full of zeros or torn inside a page", async () => {
  const seen = await contentsAfterCut(async (storage) => {
    await storage.write("a", ones(1));
    await storage.sync("a");
    await storage.append("a", ones(4));
  }, "a");
  for (const content of ["1", "11111", "11", "10000", "11001", "11100"]) {
    expect(seen).toContain(content);
  }
  expect(seen).not.toContain("missing");
});

it("[ST4] an overwrite that was not synced may mix old and new pages", async () => {
  const seen = await contentsAfterCut(async (storage) => {
    await storage.write("a", ones(4));
    await storage.sync("a");
    await storage.write("a", zeros(4));
  }, "a");
  for (const content of ["1111", "0000", "0011", "1100"]) expect(seen).toContain(content);
});

it("[ST4] a rename may survive without the content, and a later rename without an earlier one", async () => {
  const empty = await contentsAfterCut(async (storage) => {
    await storage.write("a.new", ones(4));
    await storage.rename("a.new", "a");
  }, "a");
  for (const content of ["missing", "", "1111"]) expect(empty).toContain(content);
  const reordered = new Set<string>();
  for (let seed = 0; seed < 1000; seed++) {
    const disk = createFaultyDisk({ random: createSeededRandom(seed) });
    for (const name of ["a", "b"]) {
      await disk.storage.write(`${name}.new`, ones(1));
      await disk.storage.sync(`${name}.new`);
    }
    await disk.storage.rename("a.new", "a");
    await disk.storage.rename("b.new", "b");
    disk.crash();
    reordered.add((await disk.reopen().list()).join(" "));
  }
  expect([...reordered].sort()).toEqual(["a b", "a b.new", "a.new b", "a.new b.new"]);
});

it("[ST4] a process that is killed without a power cut loses nothing", async () => {
  const disk = createFaultyDisk({ random: createSeededRandom(3) });
  await disk.storage.write("a", ones(100));
  const next = disk.reopen();
  expect(await next.read("a")).toEqual(ones(100));
  await expect(disk.storage.read("a")).rejects.toThrow(PowerCut);
});

it("[ST4] the power goes at the chosen operation and stays away; a full disk fails once", async () => {
  const disk = createFaultyDisk({ random: createSeededRandom(4), crashAtOperation: 2 });
  await disk.storage.write("a", ones(1));
  await disk.storage.sync("a");
  await expect(disk.storage.append("a", ones(1))).rejects.toThrow(PowerCut);
  await expect(disk.storage.read("a")).rejects.toThrow(PowerCut);
  const next = disk.reopen({ failAtOperation: 0 });
  await expect(next.write("b", ones(1))).rejects.toThrow(Fault);
  await next.write("b", ones(1));
  expect(disk.operationCount()).toBe(2);
});
