// Lines say what rows and events say, and nothing else.

import type { GuardVerdict } from "@attune/device-runtime";
import type { AuditRow } from "@attune/hub";
import type { Digest } from "@attune/protocol";
import { expect, it } from "vitest";
import { auditLine, deviceLine } from "./screenLine.ts";

const digest = "ab".repeat(32);

const row = (action: string, change: Partial<AuditRow> = {}): AuditRow => ({
  sequence: 1,
  atMs: 0,
  actor: "hub",
  action,
  line: "activity",
  subject: digest,
  reason: "",
  detail: {},
  previous: "" as Digest,
  hash: "" as Digest,
  ...change,
});

const verdict: GuardVerdict = {
  verdict: "adopt",
  trial: "challenge",
  n: 19,
  wins: 7,
  losses: 0,
  answerWins: 0,
  answerLosses: 0,
  evidence: 32,
  limit: 20,
  harmEvidence: 0.1,
  harmLimit: 10,
  pairsMax: 200,
  reason: "the challenger is better",
};

it("[LF3] words a rollback with its reason, as bad news of the hub", () => {
  expect(
    auditLine(row("rollout.rolledBack", { reason: "evidence of harm 23.8, limit 20" })),
  ).toEqual({
    who: "hub",
    text: "activity@abababab is rolled back: evidence of harm 23.8, limit 20",
    tone: "bad",
    kind: null,
  });
});

it("[LF3] a signature is the signer's", () => {
  expect(auditLine(row("signing.signed", { actor: "signer:1" }))?.who).toBe("signer");
});

it.each(["decision.made", "device.enrolled", "access.created", "contribution.committed"])(
  "[LF3] leaves out %s",
  (action) => {
    expect(auditLine(row(action))).toBe(null);
  },
);

it("[LF3] an alarm has its rate, what is normal, and its evidence", () => {
  const event = {
    user: "person-07",
    kind: "errorRate",
    rate: 0.31,
    referenceRate: 0.12,
    evidence: 512.4,
    limit: 500,
  } as const;
  expect(deviceLine("watch-07", { name: "alarm", event }).text).toBe(
    "alarm: error rate 0.31 where 0.12 is normal (evidence 512 >= 500)",
  );
});

it("[LF3] an adoption has its pairs and its evidence", () => {
  const event = {
    user: "person-07",
    modelVersion: digest as never,
    jobIndex: 2,
    evidence: verdict,
  };
  expect(deviceLine("watch-07", { name: "adopted", event })).toEqual({
    who: "watch-07",
    text: "adopts its training 2: 7 wins, 0 losses of 19 (evidence 32 >= 20)",
    tone: "good",
    kind: "adopted",
  });
});

it("[LF3] a drop and a return to the shared version have the guard's reason", () => {
  const event = {
    user: "person-07",
    modelVersion: digest as never,
    jobIndex: 2,
    evidence: verdict,
  };
  expect(deviceLine("watch-07", { name: "dropped", event }).text).toBe(
    "drops its training 2: the challenger is better",
  );
  expect(
    deviceLine("watch-07", { name: "reverted", event: { scope: "personal", ...event } }),
  ).toMatchObject({
    text: "goes back to the shared version: the challenger is better",
    tone: "bad",
  });
});
