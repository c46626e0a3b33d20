import { beforeAll, describe, expect, it } from "vitest";
import { createSeededRandom } from "../src/adapters/seededRandom.ts";
import { defaultGuardPolicy } from "../src/core/learn/localGuard.ts";
import { loadNodeOrt } from "../src/model/session/nodeOrtRuntime.ts";
import type { OrtRuntime } from "../src/model/session/ortRuntime.ts";
import type { ModelPackage } from "../src/package/modelPackage.ts";
import type { Storage } from "../src/ports/storage.ts";
import { type BenchDevice, createPerson, openBenchDevice } from "./benchDevice.ts";
import { createBenchHub } from "./benchHub.ts";
import { benchPackage, windowOf } from "./benchModel.ts";

let runtime: OrtRuntime;
let modelPackage: ModelPackage;

beforeAll(async () => {
  runtime = await loadNodeOrt();
  modelPackage = await benchPackage(runtime, {
    guard: { ...defaultGuardPolicy, rule: "always" },
  });
});

const contents = async (storage: Storage): Promise<ReadonlyMap<string, Buffer>> => {
  const files = new Map<string, Buffer>();
  for (const name of await storage.list()) {
    files.set(name, Buffer.from((await storage.read(name)) as Uint8Array));
  }
  return files;
};

/** Names of files that hold any of the given bytes, or are named after them. */
async function filesWith(storage: Storage, traces: readonly Buffer[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const [name, bytes] of await contents(storage)) {
    const isFound = traces.some(
      (trace) => bytes.includes(trace) || name.includes(trace.toString("latin1")),
    );
    if (isFound) found.push(name);
  }
  return found;
}

describe("erasing a user", () => {
  it("[DR47] leaves no window, no parameters and no hash of theirs in any file, and everybody else as they were", async () => {
    const hub = createBenchHub();
    hub.isReceipting = false;
    const bench: BenchDevice = await openBenchDevice(runtime, modelPackage, {
      hub_: hub,
      contribute: true,
    });
    const { device, storage } = bench;
    // Overwritten before it is removed: every content that a name ever had at its last write.
    const random = createSeededRandom("windows");
    const windows = Array.from({ length: 4 }, () => windowOf(random, 1, 0.6));
    const anna = device.user("anna");
    const bob = createPerson(bench, device.user("bob"), createSeededRandom("bob"));
    await bob.live(60, 0.6);
    for (const window of windows) {
      const { predictionId } = await anna.predict(window);
      await anna.feedback(predictionId, "walking");
    }
    await createPerson(bench, anna, createSeededRandom("anna")).live(40, 0.6);
    const users = device.inspect().users;
    const [one, other] = [
      users.find(({ name }) => name === "anna"),
      users.find(({ name }) => name === "bob"),
    ];
    expect(one?.serving).toBe("personal");
    const traces = [
      ...windows.map((window) => Buffer.from(window.buffer)),
      Buffer.from(one?.user as string),
      Buffer.from(one?.layer?.digest as string),
    ];
    expect((await filesWith(storage, traces)).length).toBeGreaterThan(2);
    const kinds = device.inspect().outbox.entries.map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === "contribution").length).toBeGreaterThan(1);
    const counts = device.inspect().counts;

    await device.eraseUser("anna");

    expect(await filesWith(storage, traces)).toEqual([]);
    const after = device.inspect();
    expect(after.users.map(({ name }) => name)).toEqual(["bob"]);
    expect(after.users[0]).toEqual(other);
    expect(after.counts).toEqual(counts);
    expect(after.outbox.entries.length).toBeLessThan(kinds.length);
    expect(after.outbox.entries.length).toBeGreaterThan(0);
    // Old answers cannot be told the truth about any more; a new life begins at nothing.
    expect((await anna.feedback("1-1", "walking")).ok).toBe(false);
    expect(device.inspect().users.find(({ name }) => name === "anna")?.counts.feedback).toBe(0);
    await device.close();
    expect(await filesWith(storage, traces.slice(0, -2))).toEqual([]);
  });

  it("[DR47] overwrites what it removes", async () => {
    const bench = await openBenchDevice(runtime, modelPackage);
    const written = new Map<string, Uint8Array>();
    const removed: { readonly name: string; readonly isZero: boolean }[] = [];
    await bench.device.close();
    const { storage } = bench;
    const watched: Storage = {
      ...storage,
      write: async (name, bytes) => {
        written.set(name, bytes.slice());
        await storage.write(name, bytes);
      },
      append: async (name, bytes) => {
        written.set(name, bytes.slice());
        await storage.append(name, bytes);
      },
      rename: async (from, to) => {
        written.set(to, written.get(from) ?? new Uint8Array());
        await storage.rename(from, to);
      },
      remove: async (name) => {
        const isZero = (written.get(name) ?? new Uint8Array()).every((byte) => byte === 0);
        removed.push({ name, isZero });
        await storage.remove(name);
      },
    };
    const again = await openBenchDevice(runtime, modelPackage, {
      storage: watched,
      clock: bench.clock,
    });
    const anna = again.device.user("anna");
    await createPerson(again, anna, createSeededRandom("anna")).live(40, 0.6);
    removed.length = 0;
    await again.device.eraseUser("anna");
    const theirs = removed.filter(({ name }) => name.startsWith("user-"));
    expect(theirs.length).toBeGreaterThan(1);
    expect(theirs.filter(({ isZero }) => !isZero)).toEqual([]);
  });
});
