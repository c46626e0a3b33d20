import { Fault } from "@attune/protocol";
import { expect, it } from "vitest";
import { createHubContext, type HubPorts } from "./hubContext.ts";
import type { HubMemory } from "./hubMemory.ts";

it("keeps each fault once, with the time of its last occurrence, newest first", () => {
  let nowMs = 0;
  const told: string[] = [];
  const context = createHubContext({ clock: { nowMs: () => nowMs } } as HubPorts, {} as HubMemory, {
    onAudit: () => {},
    onChange: () => {},
    onFault: ({ code }) => told.push(code),
  });
  const full = new Fault("disk is full", { code: "store.io_failed", hint: "free some space" });
  for (const error of [full, new Error("another"), full]) {
    nowMs += 1;
    context.fault(error);
  }
  expect(context.faults.map(({ code, atMs }) => [code, atMs])).toEqual([
    ["store.io_failed", 3],
    ["hub.failed", 2],
  ]);
  expect(told.length, "listeners hear of each").toBe(3);
});
