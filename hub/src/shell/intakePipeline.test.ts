import { createManualClock } from "@attune/device-runtime/testing";
import { type DeviceId, topics } from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { expect, it } from "vitest";
import { INTAKE_PENDING_MAX } from "../limits.ts";
import type { IntakeRow, StoredHub } from "../ports/store.ts";
import type { HubContext } from "./hubContext.ts";
import { createHubMemory } from "./hubMemory.ts";
import { createIntakePipeline } from "./intakePipeline.ts";

const fleet = "home" as never;
const empty: StoredHub = {
  meta: {},
  accessTokens: [],
  trustRoots: [],
  enrolmentTokens: [],
  devices: [],
  lines: [],
  versions: [],
  decisions: [],
  signingRequests: [],
  pending: [],
  contributionSequences: {},
  contributionCounts: {},
  reports: [],
  newestReceipts: [],
  refusalCounts: [],
  outbox: [],
  auditHead: null,
};

/** A pipeline whose store answers when it is told to. */
function setUp() {
  const clock = createManualClock();
  const rows: IntakeRow[] = [];
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const faults: unknown[] = [];
  const context = {
    fleet,
    clock,
    cryptography: nodeCryptography,
    memory: createHubMemory(empty),
    broker: { isGuarding: true },
    store: {
      async commitIntake(batch: readonly IntakeRow[]) {
        await held;
        rows.push(...batch);
        const answer = { outcome: "refused", code: "x", message: "", isNew: true };
        return { answers: batch.map(() => answer), audit: [] };
      },
    },
    audited: () => undefined,
    changed: () => undefined,
    fault: (error: unknown) => faults.push(error),
  } as unknown as HubContext;
  const receipts = { send: () => undefined } as never;
  const pipeline = createIntakePipeline(context, {} as never, receipts, {} as never);
  return { clock, pipeline, rows, release, faults };
}

const topic = topics.up(fleet, "stranger" as DeviceId, "report");

it("[HB77] beyond what may wait, messages are dropped and counted; what waited is committed", async () => {
  const { clock, pipeline, rows, release, faults } = setUp();
  for (let index = 0; index < INTAKE_PENDING_MAX + 10; index += 1) {
    pipeline.onMessage(topic, Uint8Array.of(index));
  }
  expect(pipeline.droppedCount).toBe(10);
  pipeline.onForbidden({ kind: "device", device: "a" as DeviceId }, "publish", topic);
  expect(pipeline.droppedCount).toBe(11);
  release();
  clock.advance(1000);
  await pipeline.idle();
  expect(rows).toHaveLength(INTAKE_PENDING_MAX);
  pipeline.onMessage(topic, Uint8Array.of(1));
  await pipeline.idle();
  expect(rows).toHaveLength(INTAKE_PENDING_MAX + 1);
  expect(faults).toEqual([]);
});

it("[HB13] strangers are counted together, so that their names add no rows", async () => {
  const { pipeline, rows, release } = setUp();
  release();
  for (const name of ["x", "y", "z"]) {
    pipeline.onMessage(topics.up(fleet, name as DeviceId, "report"), Uint8Array.of(1));
  }
  await pipeline.idle();
  expect(rows.map((row) => row.kind === "refusal" && [row.device, row.receipt])).toEqual([
    ["(unknown)", null],
    ["(unknown)", null],
    ["(unknown)", null],
  ]);
});

it("[HB5] a topic that is no device's own is nobody's message", async () => {
  const { pipeline, rows, release } = setUp();
  release();
  for (const other of [
    "attune/v1/home/trust",
    "attune/v1/other/d/a/up/report",
    "attune/v1/home/d/a/up/x",
    "x",
  ]) {
    pipeline.onMessage(other, Uint8Array.of(1));
  }
  await pipeline.idle();
  expect(rows).toEqual([]);
});
