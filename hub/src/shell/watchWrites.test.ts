import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fault } from "@attune/protocol";
import { OpenAPIHono } from "@hono/zod-openapi";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openWorkerStore } from "../adapters/sqlite/workerStore.ts";
import { DISK_FREE_MIN_BYTES } from "../limits.ts";
import type { Store } from "../ports/store.ts";
import type { ApiEnv } from "../routes/api.ts";
import { liveRoutes } from "../routes/live.ts";
import type { RunningHub } from "./runningHub.ts";
import { type WatchedStore, watchWrites } from "./watchWrites.ts";

let folder: string;
let sqlite: Store;
let isFull = false;
/** Writes that reached the store. */
let tried = 0;
let freeBytes: number | null = null;
let watched: WatchedStore;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "attune-writes-"));
  sqlite = await openWorkerStore(join(folder, "attune.db"));
  const whileRoom =
    <Args extends unknown[], T>(write: (...args: Args) => Promise<T>) =>
    async (...args: Args): Promise<T> => {
      tried += 1;
      if (isFull) {
        throw new Fault("database or disk is full", { code: "store.io_failed", hint: "" });
      }
      return write(...args);
    };
  watched = watchWrites(
    {
      ...sqlite,
      commit: whileRoom(sqlite.commit),
      commitIntake: whileRoom(sqlite.commitIntake),
    },
    () => Promise.resolve(freeBytes),
  );
});
afterAll(async () => {
  await sqlite.close();
  rmSync(folder, { recursive: true });
});

const health = async (): Promise<{ status: number; body: Record<string, unknown> }> => {
  const app = new OpenAPIHono<ApiEnv>();
  const hub = {
    isBrokerConnected: () => true,
    isStoreSound: watched.isSound,
    context: { memory: { auditLength: 0 } },
  } as unknown as RunningHub;
  const deaf = () => () => undefined;
  liveRoutes({ app, hub: () => hub }, { onAudit: deaf, onState: deaf });
  const answer = await app.request("/healthz");
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
};

it("[HB99] a store that no longer writes is not well, until it writes again", async () => {
  const { store } = watched;
  expect(await health()).toMatchObject({ status: 200, body: { store: "ok" } });
  expect(tried, "while all is well nothing is tried").toBe(0);
  isFull = true;
  await expect(store.commitIntake([])).rejects.toThrow("disk is full");
  expect(await store.auditLatest(1), "reading still works").toEqual([]);
  for (const _ of [1, 2]) {
    expect(await health()).toMatchObject({
      status: 503,
      body: { status: "degraded", code: "hub.degraded", store: "failed", broker: "ok" },
    });
  }
  expect((await health()).body).toMatchObject({
    detail: expect.stringContaining("the store fails"),
    hint: expect.stringContaining("free space"),
  });
  isFull = false;
  expect(await health()).toMatchObject({ status: 200, body: { store: "ok" } });
  isFull = true;
  await expect(store.commit([], [])).rejects.toThrow("disk is full");
  isFull = false;
  await store.commit([], []);
  tried = 0;
  expect((await health()).status, "a write of anybody's is enough").toBe(200);
  expect(tried).toBe(0);
});

it("[HB99] a disk that fills while nobody writes is noticed, and one that is only nearly full is well", async () => {
  tried = 0;
  freeBytes = 10 * DISK_FREE_MIN_BYTES;
  expect((await health()).status).toBe(200);
  expect(tried, "with room nothing is tried").toBe(0);
  freeBytes = DISK_FREE_MIN_BYTES - 1;
  expect((await health()).status, "a write that is tried is kept").toBe(200);
  expect(tried).toBeGreaterThan(0);
  freeBytes = 0;
  isFull = true;
  expect(await health()).toMatchObject({ status: 503, body: { store: "failed" } });
  isFull = false;
  freeBytes = null;
  expect((await health()).status).toBe(200);
});
