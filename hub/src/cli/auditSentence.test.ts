import { describe, expect, it } from "vitest";
import type { AuditRow } from "../core/audit/auditChain.ts";
import { auditSentence, auditTone } from "./auditSentence.ts";

const digest = "7c1f09aa".padEnd(64, "0");
const rowOf = (fields: Partial<AuditRow>): AuditRow =>
  ({
    sequence: 1,
    atMs: 0,
    actor: "hub",
    action: "hub.started",
    line: "activity",
    subject: "",
    reason: "",
    detail: {},
    previous: digest,
    hash: digest,
    ...fields,
  }) as AuditRow;

describe("auditSentence", () => {
  it.each<[string, Partial<AuditRow>]>([
    ["wrist-03 joined the fleet", { action: "device.enrolled", subject: "wrist-03" }],
    [
      "wrist-03 sent a delta",
      { action: "contribution.committed", subject: digest, detail: { device: "wrist-03" } },
    ],
    [
      "Window 4 closed: 8 of 8 contributions",
      { action: "window.closed", subject: "4", reason: "8 of 8 contributions" },
    ],
    [
      "Gate rejects activity@7c1f09aa: worst slice",
      {
        action: "gate.verdict",
        subject: digest,
        reason: "worst slice",
        detail: { verdict: "reject" },
      },
    ],
    [
      "activity@7c1f09aa goes to 3 canaries",
      { action: "rollout.started", subject: digest, detail: { devices: ["a", "b", "c"] } },
    ],
    [
      "activity@7c1f09aa goes to 3 canaries: whatever harms 3 of 6 devices meets one of them with 95 %",
      {
        action: "rollout.started",
        subject: digest,
        reason:
          "canary of 3 devices for activity@7c1f09aa: whatever harms 3 of 6 devices meets one of them with 95 %",
        detail: { devices: ["a", "b", "c"] },
      },
    ],
    [
      "activity@7c1f09aa is rolled back: evidence of harm 23.4, limit 20",
      { action: "rollout.rolledBack", subject: digest, reason: "evidence of harm 23.4, limit 20" },
    ],
    [
      "wrist-03 has proven activity@7c1f09aa",
      {
        action: "receipt.stored",
        subject: digest,
        detail: { device: "wrist-03", outcome: "baked" },
      },
    ],
    [
      "Cohort ward-3 goes back to activity@7c1f09aa: missed falls (by admin:a1)",
      {
        action: "rollback.ordered",
        actor: "admin:a1",
        subject: digest,
        reason: "missed falls",
        detail: { cohort: "ward-3" },
      },
    ],
  ])("says: %s", (sentence, fields) => {
    expect(auditSentence(rowOf(fields))).toBe(sentence);
  });

  it("has words for an act that it does not know, or whose figures are not as expected", () => {
    expect(auditSentence(rowOf({ action: "moon.landed", subject: "eagle" }))).toBe(
      "moon.landed eagle",
    );
    expect(auditSentence(rowOf({ action: "gate.verdict", subject: "x" }))).toBe("Gate looked at x");
    expect(auditSentence(rowOf({ action: "rollout.started", subject: "x" }))).toBe(
      "x goes to canaries",
    );
    expect(auditSentence(rowOf({ action: "receipt.stored", detail: { outcome: {} } }))).toContain(
      "answered",
    );
  });

  it("cuts digests in reasons as well", () => {
    expect(auditSentence(rowOf({ reason: `instead of ${digest}` }))).toBe(
      "The hub started: instead of 7c1f09aa",
    );
  });
});

describe("auditTone", () => {
  it.each<[string, Partial<AuditRow>]>([
    ["good", { action: "rollout.promoted" }],
    ["bad", { action: "rollout.rolledBack" }],
    ["good", { action: "gate.verdict", detail: { verdict: "promote" } }],
    ["bad", { action: "gate.verdict", detail: { verdict: "reject" } }],
    ["wait", { action: "gate.verdict", detail: { verdict: "hold" } }],
    ["bad", { action: "receipt.stored", detail: { outcome: "reverted" } }],
    ["plain", { action: "receipt.stored", detail: { outcome: "baked" } }],
    ["plain", { action: "moon.landed" }],
  ])("is %s", (tone, fields) => {
    expect(auditTone(rowOf(fields))).toBe(tone);
  });
});
