// An audit row as a sentence, for the terminal and the page. It only words what the row says; it must not judge or fetch.
import type { AuditRow } from "./api.ts";

/** What kind of news a row is, for its colour; the sentence says the same. */
export type AuditTone = "good" | "bad" | "wait" | "plain";

const tones: Readonly<Record<string, AuditTone>> = {
  "release.created": "good",
  "signing.signed": "good",
  "rollout.promoted": "good",
  "rollout.started": "wait",
  "rollout.grown": "wait",
  "rollout.held": "wait",
  "rollout.halted": "bad",
  "rollout.rolledBack": "bad",
  "rollback.ordered": "bad",
  "signing.refused": "bad",
  "refusal.counted": "bad",
  "device.quarantined": "bad",
  "device.retired": "bad",
};

/** Tone of a row. */
export function auditTone(row: AuditRow): AuditTone {
  if (row.action === "gate.verdict") {
    const { verdict } = row.detail;
    return verdict === "promote" ? "good" : verdict === "reject" ? "bad" : "wait";
  }
  if (row.action === "receipt.stored") {
    const { outcome } = row.detail;
    return outcome === "baked"
      ? "good"
      : outcome === "reverted" || outcome === "refused"
        ? "bad"
        : "plain";
  }
  return tones[row.action] ?? "plain";
}

const phrases: Readonly<Record<string, string>> = {
  "hub.started": "hub started",
  "hub.stopped": "hub stopped",
  "access.created": "made an API token",
  "access.revoked": "revoked an API token",
  "trust.rootAccepted": "trust root accepted",
  "delegation.stored": "delegation stored",
  "token.created": "made an enrolment token",
  "device.enrolled": "joined the fleet",
  "device.retired": "retired",
  "device.quarantined": "quarantined: its deltas are kept out",
  "device.released": "out of quarantine",
  "device.moved": "moved to another cohort",
  "contribution.committed": "sent a delta, which is committed",
  "refusal.counted": "sent something that was refused",
  "model.imported": "brought a model",
  "validation.stored": "brought a validation set",
  "policy.changed": "changed the policy",
  "window.closed": "window closed",
  "candidate.made": "candidate made",
  "gate.verdict": "gate",
  "approval.given": "approval given",
  "signing.requested": "asks for a signature",
  "signing.signed": "signed",
  "signing.refused": "signature refused",
  "release.created": "released",
  "rollout.started": "canary starts",
  "rollout.grown": "rollout grows",
  "rollout.held": "rollout holds",
  "rollout.halted": "rollout halted",
  "rollout.rolledBack": "rolled back by itself",
  "rollout.promoted": "promoted to the whole fleet",
  "rollback.ordered": "rollback ordered",
  "pin.removed": "follows its line again",
  "decision.made": "decision sent",
  "receipt.stored": "answered a decision",
};

/** Digests are cut to the eight digits that people read; the row keeps them whole. */
const cutDigests = (text: string): string =>
  text.replace(/\b[0-9a-f]{64}\b/g, (d) => d.slice(0, 8));

/**
 * One line that says who did what to what, and why.
 *
 * @example
 * auditSentence({ action: "device.enrolled", subject: "wrist-03", reason: "", actor: "hub" } as AuditRow); // => "wrist-03 joined the fleet"
 */
export function auditSentence(row: AuditRow): string {
  const phrase = phrases[row.action] ?? row.action;
  const subject = row.subject === "" ? "" : `${cutDigests(row.subject)} `;
  const reason = row.reason === "" ? "" : `: ${cutDigests(row.reason)}`;
  const by = /^(?:admin|signer):/.test(row.actor) ? ` (${row.actor})` : "";
  return `${subject}${phrase}${reason}${by}`;
}
