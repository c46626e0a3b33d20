import { Defect, Fault } from "@attune/protocol";
import { expect, it } from "vitest";
import { createFaultyDisk } from "../adapters/faultyDisk.ts";
import { createMemoryStorage } from "../adapters/memoryStorage.ts";
import { createSeededRandom } from "../adapters/seededRandom.ts";
import type { Storage } from "../ports/storage.ts";
import { type JournalOptions, openJournal } from "./journal.ts";
import { frameHeaderBytes } from "./journalFrame.ts";

const bytesOf = (content: string): Uint8Array => new TextEncoder().encode(content);
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

async function readBack(
  storage: Storage,
  options?: JournalOptions,
): Promise<{ snapshot: string | null; records: string[]; cutBytes: number }> {
  const { snapshot, records, cutBytes } = await openJournal(storage, "j", options);
  return {
    snapshot: snapshot === null ? null : text(snapshot),
    records: records.map(text),
    cutBytes,
  };
}

async function faultOf(work: Promise<unknown>): Promise<string> {
  const error = await work.catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(Fault);
  expect((error as Fault).hint).not.toBe("");
  return (error as Fault).code;
}

it("[ST11] a journal that is begun is empty", async () => {
  const storage = createMemoryStorage();
  expect(await readBack(storage)).toEqual({ snapshot: null, records: [], cutBytes: 0 });
  expect(await storage.list()).toEqual([]);
});

it("[ST11] records come back in order, behind the last snapshot", async () => {
  const storage = createMemoryStorage();
  const { journal } = await openJournal(storage, "j");
  journal.append(bytesOf("a"));
  journal.append(bytesOf(""));
  await journal.commit();
  expect(await readBack(storage)).toEqual({ snapshot: null, records: ["a", ""], cutBytes: 0 });
  await journal.compact(bytesOf("all so far"));
  journal.append(bytesOf("b"));
  await journal.commit();
  expect(await readBack(storage)).toEqual({ snapshot: "all so far", records: ["b"], cutBytes: 0 });
  expect(await storage.list()).toEqual(["j.1.journal", "j.snapshot"]);
});

it("[ST11] a record is copied, and not written before a commit", async () => {
  const storage = createMemoryStorage();
  const { journal } = await openJournal(storage, "j");
  const record = bytesOf("mine");
  journal.append(record);
  record.fill(0);
  expect((await readBack(storage)).records).toEqual([]);
  await journal.commit();
  expect((await readBack(storage)).records).toEqual(["mine"]);
});

it("[ST12] commits that come together share one write and one sync", async () => {
  const disk = createFaultyDisk({ random: createSeededRandom(1) });
  const { journal } = await openJournal(disk.storage, "j");
  const commits: Promise<void>[] = [];
  for (let index = 0; index < 50; index++) {
    journal.append(bytesOf(String(index)));
    commits.push(journal.commit());
  }
  await Promise.all(commits);
  expect(disk.operationCount()).toBe(2);
  journal.append(bytesOf("next"));
  const first = journal.commit();
  // While that one is under way, two more wait for one further write.
  await Promise.resolve();
  await Promise.resolve();
  journal.append(bytesOf("later"));
  await Promise.all([first, journal.commit(), journal.commit()]);
  expect(disk.operationCount()).toBe(6);
  expect((await readBack(disk.reopen())).records).toHaveLength(52);
});

it("[ST12] a compaction leaves out what waits, unless somebody waits for it, and keeps what comes after", async () => {
  const storage = createMemoryStorage();
  const { journal } = await openJournal(storage, "j");
  journal.append(bytesOf("covered"));
  const committed = journal.commit();
  journal.append(bytesOf("covered too"));
  const compacted = journal.compact(bytesOf("both"));
  journal.append(bytesOf("after"));
  await Promise.all([committed, compacted, journal.commit()]);
  expect(await readBack(storage)).toEqual({ snapshot: "both", records: ["after"], cutBytes: 0 });
  expect(journal.bytes).toBe(frameHeaderBytes + 5);
});

it("[ST13] a torn tail is cut off, and what is appended next can be read", async () => {
  const storage = createMemoryStorage();
  const { journal } = await openJournal(storage, "j");
  journal.append(bytesOf("whole"));
  await journal.commit();
  const file = (await storage.read("j.0.journal")) as Uint8Array;
  for (let kept = 1; kept < file.length; kept++) {
    await storage.write("j.0.journal", Uint8Array.of(...file, ...file.subarray(0, kept)));
    const opened = await openJournal(storage, "j");
    expect(opened.cutBytes).toBe(kept);
    opened.journal.append(bytesOf("next"));
    await opened.journal.commit();
    expect((await readBack(storage)).records).toEqual(["whole", "next"]);
  }
});

it("[ST14] a damaged byte in front of something that was written later is a Fault, not a shorter journal", async () => {
  const storage = createMemoryStorage();
  const { journal } = await openJournal(storage, "j");
  for (const record of ["first", "second", "third"]) {
    journal.append(bytesOf(record));
    await journal.commit();
  }
  const file = (await storage.read("j.0.journal")) as Uint8Array;
  const third = file.length - frameHeaderBytes - 5;
  const openDamagedAt = async (at: number): Promise<string> => {
    const damaged = file.slice();
    damaged[at] = (damaged[at] as number) ^ 0x40;
    await storage.write("j.0.journal", damaged);
    return readBack(storage).then(
      ({ records }) => records.join(" "),
      (error: unknown) => (error as Fault).code,
    );
  };
  const found: string[] = [];
  for (let at = 0; at < file.length; at++) found.push(await openDamagedAt(at));
  expect(new Set(found.slice(0, third))).toEqual(new Set(["store.journal_corrupt"]));
  // Nothing behind the last record tells a damage from a torn tail.
  expect(new Set(found.slice(third))).toEqual(new Set(["first second"]));
});

it("[ST14] a hole among records that were never committed is a torn tail", async () => {
  const storage = createMemoryStorage();
  const { journal } = await openJournal(storage, "j");
  journal.append(bytesOf("committed"));
  await journal.commit();
  const before = ((await storage.read("j.0.journal")) as Uint8Array).length;
  for (const record of ["lost", "readable"]) journal.append(bytesOf(record));
  await journal.commit();
  const file = (await storage.read("j.0.journal")) as Uint8Array;
  // As if the power had gone before the sync, with the second page written and the first not.
  file.fill(0, before, before + frameHeaderBytes + 4);
  await storage.write("j.0.journal", file);
  expect((await readBack(storage)).records).toEqual(["committed"]);
});

it("[ST14] a damaged or missing snapshot is a Fault, because its records cannot be had elsewhere", async () => {
  const storage = createMemoryStorage();
  const { journal } = await openJournal(storage, "j");
  await journal.compact(bytesOf("snapshot"));
  journal.append(bytesOf("record"));
  await journal.commit();
  const snapshot = (await storage.read("j.snapshot")) as Uint8Array;
  for (let at = 0; at < snapshot.length; at++) {
    const damaged = snapshot.slice();
    damaged[at] = (damaged[at] as number) ^ 1;
    await storage.write("j.snapshot", damaged);
    expect(await faultOf(openJournal(storage, "j"))).toBe("store.journal_corrupt");
  }
  await storage.write("j.snapshot", snapshot.subarray(0, 7));
  expect(await faultOf(openJournal(storage, "j"))).toBe("store.journal_corrupt");
  await storage.remove("j.snapshot");
  expect(await faultOf(openJournal(storage, "j"))).toBe("store.journal_corrupt");
});

it("[ST15] leftovers of a cut compaction are removed, files of others are not", async () => {
  const storage = createMemoryStorage();
  const { journal } = await openJournal(storage, "j");
  await journal.compact(bytesOf("snapshot"));
  for (const name of [
    "j.0.journal",
    "j.0.journal.new",
    "j.snapshot.new",
    "j.notes",
    "j2.0.journal",
  ]) {
    await storage.write(name, bytesOf("x"));
  }
  expect((await readBack(storage)).snapshot).toBe("snapshot");
  expect(await storage.list()).toEqual(["j.notes", "j.snapshot", "j2.0.journal"]);
});

it("[ST16] a record over its bound is a Defect, a file over its bound a Fault that compaction mends", async () => {
  const storage = createMemoryStorage();
  const options = {
    recordBytesMax: 10,
    journalBytesMax: 3 * (frameHeaderBytes + 10),
    compactAtBytes: 40,
  };
  const { journal } = await openJournal(storage, "j", options);
  expect(() => journal.append(new Uint8Array(11))).toThrow(Defect);
  journal.append(new Uint8Array(10));
  expect(journal.wantsCompaction).toBe(false);
  journal.append(new Uint8Array(10));
  expect(journal.wantsCompaction).toBe(true);
  await journal.commit();
  journal.append(new Uint8Array(10));
  await journal.commit();
  expect(() => journal.append(new Uint8Array(0))).toThrow(Fault);
  await journal.compact(bytesOf("s"));
  expect(journal.bytes).toBe(0);
  expect(journal.wantsCompaction).toBe(false);
  journal.append(new Uint8Array(10));
  await journal.commit();
  expect((await readBack(storage, options)).records).toHaveLength(1);
});

it("[ST16] after a fault the journal takes nothing more, and opened again it has what was committed", async () => {
  for (const failAtOperation of [2, 3]) {
    const disk = createFaultyDisk({ random: createSeededRandom(failAtOperation), failAtOperation });
    const { journal } = await openJournal(disk.storage, "j");
    journal.append(bytesOf("a"));
    await journal.commit();
    journal.append(bytesOf("b"));
    expect(await faultOf(journal.commit())).toBe("store.quota_exceeded");
    expect(() => journal.append(bytesOf("c"))).toThrow(Fault);
    expect(await faultOf(journal.commit())).toBe("store.journal_failed");
    expect(await faultOf(journal.compact(bytesOf("s")))).toBe("store.journal_failed");
    const again = await openJournal(disk.storage, "j");
    expect(["a", "a b"]).toContain(again.records.map(text).join(" "));
    await again.journal.compact(bytesOf("anew"));
    expect((await readBack(disk.storage)).snapshot).toBe("anew");
  }
});
