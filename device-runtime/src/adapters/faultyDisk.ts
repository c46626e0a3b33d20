// A disk with a page cache that can lose power at any operation, for proving that a store survives it. It must not be kinder than a
// real disk.
import { Fault } from "@attune/protocol";
import { intBelow, type Random, uniform } from "../ports/random.ts";
import { assertStorageName, type Storage } from "../ports/storage.ts";

/** What goes wrong, and when. */
export interface FaultyDiskOptions {
  /** Decides what survives. */
  readonly random: Random;
  /** Bytes that are written together or not at all, and sometimes torn even so; 64 when left out. */
  readonly pageBytes?: number;
  /** The operation, counted from 0, in the middle of which the power is cut. */
  readonly crashAtOperation?: number;
  /** The operation that fails once with `store.quota_exceeded`, having written a part. */
  readonly failAtOperation?: number;
  /** A planted mistake: a sync for which this is true returns without doing anything. */
  readonly isSyncSkipped?: (name: string) => boolean;
}

/** A disk whose power can be cut. */
export interface FaultyDisk {
  /** The disk as the running process sees it. */
  readonly storage: Storage;
  /** Operations so far, all but `read` and `list`. */
  operationCount(): number;
  /** Cuts the power now: every later call on a storage that was handed out rejects with {@link PowerCut}. */
  crash(): void;
  /**
   * Starts a new process: after a power cut with what the disk then holds, else with all that was written. Operations are counted
   * from 0 again; only what `plan` names goes wrong.
   */
  reopen(plan?: Pick<FaultyDiskOptions, "crashAtOperation" | "failAtOperation">): Storage;
}

/** The power is gone. Not a Fault: no code of the device may catch it and go on. */
export class PowerCut extends Error {
  constructor() {
    super("the power was cut");
    this.name = "PowerCut";
  }
}

/** A file's content, apart from its names. */
interface Inode {
  cached: Uint8Array;
  durable: Uint8Array;
}

/** A change of names that has not reached the disk. */
type NameChange =
  | { readonly kind: "link"; readonly name: string; readonly inode: Inode }
  | { readonly kind: "rename"; readonly from: string; readonly to: string; readonly inode: Inode }
  | { readonly kind: "unlink"; readonly name: string };

/**
 * Creates an empty disk.
 *
 * At a power cut each page that was not synced is lost, kept or torn on its own; a file that grew may have the new length and zeros in
 * it; each change of a name that was not synced happens or not, whatever the others do. A third of all cuts lose everything that
 * was not synced and a third nothing, because those are the cuts that find most mistakes.
 */
export function createFaultyDisk(options: FaultyDiskOptions): FaultyDisk {
  const { random } = options;
  const pageBytes = options.pageBytes ?? 64;
  let cachedNames = new Map<string, Inode>();
  const durableNames = new Map<string, Inode>();
  let pendingChanges: NameChange[] = [];
  let plan: Pick<FaultyDiskOptions, "crashAtOperation" | "failAtOperation"> = options;
  let operationCount = 0;
  /** Rises with every process; a storage of an earlier one is dead. */
  let life = 0;
  let isCut = false;

  function change(what: NameChange): void {
    applyChange(cachedNames, what);
    pendingChanges.push(what);
  }

  function inodeFor(name: string): Inode {
    const known = cachedNames.get(name);
    if (known !== undefined) return known;
    const inode: Inode = { cached: new Uint8Array(0), durable: new Uint8Array(0) };
    change({ kind: "link", name, inode });
    return inode;
  }

  /** What the disk holds of a file after a cut. */
  function survivorOf(inode: Inode, mode: "all" | "none" | "some"): Uint8Array {
    const { cached, durable } = inode;
    if (mode !== "some" || cached === durable) return mode === "none" ? durable : cached;
    const [shorter, longer] = [
      Math.min(cached.length, durable.length),
      Math.max(cached.length, durable.length),
    ];
    const survivor = new Uint8Array(shorter + intBelow(random, longer - shorter + 1));
    for (let start = 0; start < survivor.length; start += pageBytes) {
      const end = Math.min(survivor.length, start + pageBytes);
      const fate = intBelow(random, 3);
      // Lost, kept, or torn somewhere inside the page.
      const cut = fate === 0 ? start : fate === 1 ? end : start + intBelow(random, end - start + 1);
      for (let at = start; at < end; at++) {
        survivor[at] = (at < cut ? cached[at] : durable[at]) ?? 0;
      }
    }
    return survivor;
  }

  /** Turns what was in flight into what the disk holds. */
  function settle(): void {
    const fate = intBelow(random, 3);
    const mode = fate === 0 ? "all" : fate === 1 ? "none" : "some";
    for (const what of pendingChanges) {
      if (mode === "all" || (mode === "some" && uniform(random) < 0.5)) {
        applyChange(durableNames, what);
      }
    }
    const survivors = new Map<Inode, Inode>();
    for (const [name, inode] of durableNames) {
      const bytes = survivorOf(inode, mode);
      const survivor = survivors.get(inode) ?? { cached: bytes, durable: bytes };
      survivors.set(inode, survivor);
      durableNames.set(name, survivor);
    }
    cachedNames = new Map(durableNames);
    pendingChanges = [];
  }

  function assertAlive(owner: number): void {
    if (isCut || owner !== life) throw new PowerCut();
  }

  /** Runs one operation, of which only a part may happen. `work` does the share `part` of it, 1 for all. */
  function operate(owner: number, work: (part: number) => void): void {
    assertAlive(owner);
    const operation = operationCount++;
    if (operation === plan.crashAtOperation) {
      work(intBelow(random, 3) / 2);
      isCut = true;
      throw new PowerCut();
    }
    if (operation === plan.failAtOperation) {
      work(intBelow(random, 3) / 2);
      throw new Fault("the disk is full", {
        code: "store.quota_exceeded",
        hint: "this disk was told to be full",
        isRetryable: true,
      });
    }
    work(1);
  }

  function open(): Storage {
    const owner = life;
    return {
      read: (name) =>
        later(() => {
          assertAlive(owner);
          assertStorageName(name);
          return cachedNames.get(name)?.cached.slice() ?? null;
        }),
      write: (name, bytes) =>
        later(() => {
          assertStorageName(name);
          operate(owner, (part) => {
            inodeFor(name).cached = bytes.slice(0, Math.floor(bytes.length * part));
          });
        }),
      append: (name, bytes) =>
        later(() => {
          assertStorageName(name);
          operate(owner, (part) => {
            const inode = inodeFor(name);
            const added = bytes.subarray(0, Math.floor(bytes.length * part));
            const grown = new Uint8Array(inode.cached.length + added.length);
            grown.set(inode.cached);
            grown.set(added, inode.cached.length);
            inode.cached = grown;
          });
        }),
      sync: (name) =>
        later(() => {
          assertStorageName(name);
          operate(owner, (part) => {
            const inode = existing(cachedNames, name);
            if (options.isSyncSkipped?.(name) === true) return;
            // Content first, then names: half a sync has done the first.
            if (part > 0) inode.durable = inode.cached;
            if (part < 1) return;
            for (const what of pendingChanges) applyChange(durableNames, what);
            pendingChanges = [];
          });
        }),
      rename: (from, to) =>
        later(() => {
          assertStorageName(from);
          assertStorageName(to);
          operate(owner, (part) => {
            const inode = existing(cachedNames, from);
            if (part === 1) change({ kind: "rename", from, to, inode });
          });
        }),
      remove: (name) =>
        later(() => {
          assertStorageName(name);
          operate(owner, (part) => {
            if (part === 1 && cachedNames.has(name)) change({ kind: "unlink", name });
          });
        }),
      list: () =>
        later(() => {
          assertAlive(owner);
          return [...cachedNames.keys()].sort();
        }),
    };
  }

  return {
    storage: open(),
    operationCount: () => operationCount,
    crash() {
      isCut = true;
    },
    reopen(nextPlan = {}) {
      if (isCut) settle();
      isCut = false;
      plan = nextPlan;
      operationCount = 0;
      life++;
      return open();
    },
  };
}

function applyChange(names: Map<string, Inode>, what: NameChange): void {
  switch (what.kind) {
    case "link":
      names.set(what.name, what.inode);
      return;
    case "rename":
      if (names.get(what.from) === what.inode) names.delete(what.from);
      names.set(what.to, what.inode);
      return;
    case "unlink":
      names.delete(what.name);
  }
}

function existing(names: Map<string, Inode>, name: string): Inode {
  const inode = names.get(name);
  if (inode === undefined) {
    throw new Fault(`there is no file "${name}"`, {
      code: "store.io_failed",
      hint: "the device uses a file that it has removed",
    });
  }
  return inode;
}

/** As a disk does: not before the caller has gone on. */
function later<T>(work: () => T): Promise<T> {
  return Promise.resolve().then(work);
}
