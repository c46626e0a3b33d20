// Records that survive a power cut, in order: a snapshot and the records since. It must not know what a record means.
import { Defect, Fault } from "@attune/protocol";
import type { Storage } from "../ports/storage.ts";
import { frameHeaderBytes, readFrames, writeFrame } from "./journalFrame.ts";
import { decodeSnapshot, encodeSnapshot } from "./journalSnapshot.ts";

/** Bounds of a {@link Journal}. */
export interface JournalOptions {
  /** Longest record, 4 MB when left out: the state of one user with a window of every class. */
  readonly recordBytesMax?: number;
  /** Longest file of records, 64 MB when left out: what a start reads in well under a second. */
  readonly journalBytesMax?: number;
  /**
   * From this length on, and from the length of the snapshot on, the journal asks for compaction; 256 KB when left out. So the
   * bytes written for snapshots stay below those written for records.
   */
  readonly compactAtBytes?: number;
}

/** An open journal. One owner. */
export interface Journal {
  /**
   * Adds a record; it is copied.
   *
   * It is **not** durable before a later {@link Journal.commit} or {@link Journal.compact} has resolved.
   *
   * @throws {@link Defect} `journal.record_too_large`.
   * @throws {@link Fault} `store.journal_full` when the file would become longer than its bound: compact, then go on;
   *   `store.journal_failed` after an earlier fault.
   */
  append(record: Uint8Array): void;
  /**
   * Makes every record that was appended before this call durable.
   *
   * Calls that come while one is under way share the next write and the next sync.
   *
   * @throws {@link Fault} what the storage throws; `store.journal_failed` from then on.
   */
  commit(): Promise<void>;
  /**
   * Replaces everything by a snapshot, durable before return.
   *
   * The snapshot stands for every record appended before this call; those appended after it come behind it.
   *
   * @param snapshot copied before the call returns.
   * @throws {@link Fault} what the storage throws; `store.journal_failed` from then on.
   */
  compact(snapshot: Uint8Array): Promise<void>;
  /** Length of the file of records, with those that wait to be written. */
  readonly bytes: number;
  /** It has grown so far that a compaction pays. */
  readonly wantsCompaction: boolean;
}

/** What {@link openJournal} found. */
export interface OpenedJournal {
  readonly journal: Journal;
  /** The last snapshot, or null when there was none. */
  readonly snapshot: Uint8Array | null;
  /** The records after the snapshot, in the order in which they were appended. */
  readonly records: readonly Uint8Array[];
  /** Bytes of a torn tail that were cut off; 0 after a clean end. */
  readonly cutBytes: number;
}

const defaults = {
  recordBytesMax: 4 * 1024 * 1024,
  journalBytesMax: 64 * 1024 * 1024,
  compactAtBytes: 256 * 1024,
} as const;

/** Records that go to the disk with one write. */
interface Batch {
  readonly records: Uint8Array[];
  bytes: number;
  /** Settles when they are durable; null while nobody waits for that. */
  written: Promise<void> | null;
}

/**
 * Opens the journal `name`, or begins it.
 *
 * **What it promises**: after a power cut at any moment the snapshot and the records are a beginning of what was appended, in
 * order and without a gap, with everything that a resolved `commit` or `compact` stands for. What was appended later may be there or
 * not. Everything that is handed back is durable.
 *
 * Files: `<name>.snapshot`; `<name>.<generation>.journal`, whose generation the snapshot names; the same with `.new` while they are
 * written. A compaction writes the next snapshot beside the old one, syncs it, renames it and syncs the name, and only then begins the next
 * journal: at every instant the disk holds one snapshot with its journal.
 *
 * @throws {@link Fault} `store.journal_corrupt` when the disk has lost or changed what was durable; what the storage throws.
 */
export async function openJournal(
  storage: Storage,
  name: string,
  options: JournalOptions = {},
): Promise<OpenedJournal> {
  const recordBytesMax = options.recordBytesMax ?? defaults.recordBytesMax;
  const journalBytesMax = options.journalBytesMax ?? defaults.journalBytesMax;
  const compactAtBytes = options.compactAtBytes ?? defaults.compactAtBytes;
  const snapshotName = `${name}.snapshot`;
  const journalName = (ofGeneration: number): string => `${name}.${ofGeneration}.journal`;

  const names = (await storage.list()).filter((one) => one.startsWith(`${name}.`));
  const snapshotFile = await storage.read(snapshotName);
  const snapshot = snapshotFile === null ? null : decodeSnapshot(snapshotFile);
  if (snapshotFile !== null && snapshot === null) {
    throw corrupt(`${snapshotName} is damaged`);
  }
  let generation = snapshot?.generation ?? 0;
  const newest = names.reduce((newestSoFar, one) => {
    const found = /^\.(\d+)\.journal$/.exec(one.slice(name.length));
    return Math.max(newestSoFar, found === null ? 0 : Number(found[1]));
  }, 0);
  if (newest > generation) {
    throw corrupt(`${journalName(newest)} goes on after a snapshot that is missing`);
  }

  const file = (await storage.read(journalName(generation))) ?? new Uint8Array(0);
  const { records, validBytes, damagedAt } = readFrames(file, recordBytesMax);
  if (damagedAt !== null) {
    throw corrupt(`${journalName(generation)} is damaged at byte ${damagedAt} of ${file.length}`);
  }
  const cutBytes = file.length - validBytes;
  if (cutBytes > 0) {
    // What would be appended behind a torn frame could never be read.
    const whole = `${journalName(generation)}.new`;
    await storage.write(whole, file.subarray(0, validBytes));
    await storage.sync(whole);
    await storage.rename(whole, journalName(generation));
  }
  // A process that was killed may leave records that this one can read and the disk does not hold: nobody may act on those.
  if (names.includes(journalName(generation))) await storage.sync(journalName(generation));
  if (snapshot !== null) await storage.sync(snapshotName);
  const keptNames = new Set([snapshotName, journalName(generation)]);
  for (const one of names) {
    if (isLeftover(one.slice(name.length)) && !keptNames.has(one)) await storage.remove(one);
  }

  /** What is in the file, and how much of that is durable; the next place in it. */
  let fileBytes = validBytes;
  let durableBytes = validBytes;
  let nextPlace = records.length;
  let snapshotBytes = snapshotFile?.length ?? 0;
  let waiting: Batch = { records: [], bytes: 0, written: null };
  /** Bytes of all records that are appended and not yet in the file. */
  let waitingBytes = 0;
  let lastWork: Promise<void> = Promise.resolve();
  let failure: unknown = null;

  function assertWorking(): void {
    if (failure === null) return;
    throw new Fault(`the journal ${name} has failed and takes nothing more`, {
      code: "store.journal_failed",
      hint: "open it again: what was committed is there",
      cause: failure,
    });
  }

  /** Work on the files comes one after the other; after the first fault, none. */
  function enqueue(work: () => Promise<void>): Promise<void> {
    const earlier = lastWork;
    const run = async (): Promise<void> => {
      await earlier;
      assertWorking();
      try {
        await work();
      } catch (error) {
        failure = error;
        throw error;
      }
    };
    const done = run();
    lastWork = done.catch(() => {});
    return done;
  }

  function seal(): Batch {
    const sealed = waiting;
    waiting = { records: [], bytes: 0, written: null };
    return sealed;
  }

  async function write(batch: Batch): Promise<void> {
    if (waiting === batch) seal();
    if (batch.records.length === 0) return;
    const frames = new Uint8Array(batch.bytes);
    let end = 0;
    for (const record of batch.records) {
      end = writeFrame(record, nextPlace++, durableBytes, frames, end);
    }
    fileBytes += frames.length;
    waitingBytes -= frames.length;
    await storage.append(journalName(generation), frames);
    await storage.sync(journalName(generation));
    durableBytes = fileBytes;
  }

  async function replaceBy(bytes: Uint8Array): Promise<void> {
    const unfinished = `${snapshotName}.new`;
    const next = encodeSnapshot({ generation: generation + 1, bytes });
    await storage.write(unfinished, next);
    await storage.sync(unfinished);
    await storage.rename(unfinished, snapshotName);
    await storage.sync(snapshotName);
    await storage.remove(journalName(generation));
    generation++;
    snapshotBytes = next.length;
    fileBytes = 0;
    durableBytes = 0;
    nextPlace = 0;
  }

  const journal: Journal = {
    append(record) {
      assertWorking();
      if (record.length > recordBytesMax) {
        throw new Defect(
          "journal.record_too_large",
          `a record has ${record.length} bytes, the limit of ${name} is ${recordBytesMax}; split it`,
        );
      }
      const bytes = frameHeaderBytes + record.length;
      if (journal.bytes + bytes > journalBytesMax) {
        throw new Fault(`the journal ${name} is full at ${journal.bytes} bytes`, {
          code: "store.journal_full",
          hint: `its limit is ${journalBytesMax} bytes: compact it`,
          isRetryable: true,
        });
      }
      waiting.records.push(record.slice());
      waiting.bytes += bytes;
      waitingBytes += bytes;
    },
    commit() {
      const batch = waiting;
      batch.written ??= enqueue(() => write(batch));
      return batch.written;
    },
    compact(bytes) {
      const copy = bytes.slice();
      const covered = seal();
      // Somebody waits for the covered batch: then it is written all the same, before the snapshot.
      if (covered.written === null) waitingBytes -= covered.bytes;
      return enqueue(() => replaceBy(copy));
    },
    get bytes() {
      return fileBytes + waitingBytes;
    },
    get wantsCompaction() {
      return (
        journal.bytes >= Math.max(compactAtBytes, Math.min(snapshotBytes, journalBytesMax / 2))
      );
    },
  };
  return {
    journal,
    snapshot: snapshot?.bytes ?? null,
    records,
    cutBytes,
  };
}

/** Names of files that a cut can leave behind, without the journal's own name. */
function isLeftover(ending: string): boolean {
  return ending === ".snapshot.new" || /^\.\d+\.journal(\.new)?$/.test(ending);
}

function corrupt(what: string): Fault {
  return new Fault(`${what}: the disk has lost what it had promised to keep`, {
    code: "store.journal_corrupt",
    hint: "check the disk; then restore this store from a copy, or remove it and let the device begin anew from its model package",
  });
}
