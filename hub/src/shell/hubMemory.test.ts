import type { LineId } from "@attune/protocol";
import { expect, it } from "vitest";
import { createLineState } from "../core/rollout/lineState.ts";
import { defaultPolicy } from "../policy.ts";
import type { LineRow, StoredHub } from "../ports/store.ts";
import { createHubMemory } from "./hubMemory.ts";

const line = "activity" as LineId;

it("[HB52] a line that was stored before a rule existed has that rule's default, and keeps its own", () => {
  const { minorityShare: _newer, ...rollout } = { ...defaultPolicy.rollout, canaryDevices: 5 };
  const row = {
    line,
    state: createLineState(line, 0, 1),
    policy: { ...defaultPolicy, rollout },
    validationSet: null,
  } as unknown as LineRow;
  const stored: StoredHub = {
    meta: {},
    accessTokens: [],
    trustRoots: [],
    enrolmentTokens: [],
    devices: [],
    lines: [row],
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
  const { rollout: loaded } = createHubMemory(stored).lines.get(line)?.row.policy ?? {};
  expect(loaded).toEqual({ ...defaultPolicy.rollout, canaryDevices: 5 });
});
