// An audit row as a sentence, for the terminal and the page. It only words what the row says; it must not judge or fetch.
import type { AuditRow } from "../core/audit/auditChain.ts";

/** What kind of news a row is, for its colour; the sentence says the same. */
export type AuditTone = "good" | "bad" | "wait" | "plain";

const tones: Readonly<Record<string, AuditTone>> = {
  "release.created": "good",
  "signing.signed": "good",
  "rollout.promoted": "good",
  "rollout.started": "wait",
  "signing.waiting": "wait",
  "rollout.grown": "wait",
  "rollout.proceeded": "wait",
  "rollout.held": "wait",
  "rollout.halted": "bad",
  "rollout.rolledBack": "bad",
  "rollback.ordered": "bad",
  "window.failed": "bad",
  "signing.refused": "bad",
  "refusal.counted": "bad",
  "device.quarantined": "bad",
  "device.retired": "bad",
};

/** Tone of a row. */
export function auditTone(row: AuditRow): AuditTone {
  const { verdict, outcome } = row.detail;
  if (row.action === "gate.verdict" || row.action === "approval.given") {
    return verdict === "promote" ? "good" : verdict === "reject" ? "bad" : "wait";
  }
  if (row.action === "receipt.stored") {
    return outcome === "reverted" || outcome === "refused" ? "bad" : "plain";
  }
  return tones[row.action] ?? "plain";
}

/** What a row says before its reason; `it` is its subject as people read it. */
type Phrase = (it: string, row: AuditRow) => string;

const textOf = (value: unknown): string =>
  typeof value === "string" || typeof value === "number" ? String(value) : "";

const phrases: Readonly<Record<string, Phrase>> = {
  "hub.started": () => "The hub started",
  "hub.stopped": () => "The hub stopped",
  "access.created": (_, { detail }) => `API token of role ${textOf(detail["role"])} made`,
  "access.revoked": (_, { detail }) => `API token of role ${textOf(detail["role"])} revoked`,
  "trust.rootAccepted": (_, { detail }) => `Trust root ${textOf(detail["version"])} accepted`,
  "delegation.stored": () => "Signer may co-sign aggregates",
  "token.created": (_, { detail }) =>
    `Enrolment token made for ${textOf(detail["uses"])} of cohort ${textOf(detail["cohort"])}`,
  "device.enrolled": (it) => `${it} joined the fleet`,
  "device.retired": (it) => `${it} is retired`,
  "device.quarantined": (it) => `${it} is in quarantine`,
  "device.released": (it) => `${it} is out of quarantine`,
  "device.moved": (it, { detail }) => `${it} moved to cohort ${textOf(detail["cohort"])}`,
  "contribution.committed": (_, { detail }) => `${textOf(detail["device"])} sent a delta`,
  "refusal.counted": (it, { detail }) =>
    `${it} was refused (${textOf(detail["code"])}, ${textOf(detail["count"])} times)`,
  "model.imported": (it) => `${it} was imported`,
  "validation.stored": () => "Validation set stored",
  "policy.changed": (it) => `Policy of ${it} changed`,
  "window.closed": (it) => `Window ${it} closed`,
  "window.failed": (it) => `Window ${it} made no candidate`,
  "candidate.made": (it, { detail }) =>
    `${it} made of ${textOf(detail["contributionCount"])} deltas`,
  "gate.verdict": (it, { detail }) =>
    ({
      promote: `Gate lets ${it} pass`,
      reject: `Gate rejects ${it}`,
      hold: `Gate holds ${it}`,
    })[textOf(detail["verdict"])] ?? `Gate looked at ${it}`,
  "approval.given": (it, { detail }) =>
    `A person ${detail["verdict"] === "promote" ? "approves" : "rejects"} ${it}`,
  "signing.requested": (it) => `${it} waits for release keys`,
  "signing.waiting": (it) => `Signer waits for a person to look at ${it}`,
  "signing.signed": (it) => `Signer signs ${it}`,
  "signing.refused": (it) => `Signer refuses ${it}`,
  "release.created": (it) => `${it} is released`,
  "rollout.started": (it, { detail }) => {
    const { devices } = detail;
    const count = Array.isArray(devices) ? devices.length : null;
    return `${it} goes to ${count === null ? "canaries" : count === 1 ? "1 canary" : `${count} canaries`}`;
  },
  "rollout.grown": (it) => `${it} spreads`,
  "rollout.held": (it) => `${it} holds`,
  "rollout.proceeded": (it) => `${it} may go on`,
  "rollout.halted": (it) => `${it} is halted`,
  "rollout.rolledBack": (it) => `${it} is rolled back`,
  "rollout.promoted": (it) => `${it} is the champion`,
  "rollback.ordered": (it, { detail }) => `Cohort ${textOf(detail["cohort"])} goes back to ${it}`,
  "pin.removed": (it) => `Cohort ${it} follows its line again`,
  "decision.made": (it, { detail }) =>
    `Decision ${textOf(detail["decisionSequence"])} for cohort ${it}: ${textOf(detail["action"])}`,
  "receipt.stored": (it, { detail }) =>
    ({
      activated: `${textOf(detail["device"])} serves ${it}`,
      baked: `${textOf(detail["device"])} has proven ${it}`,
      reverted: `${textOf(detail["device"])} went back to ${it}`,
      refused: `${textOf(detail["device"])} refused a decision (${textOf(detail["code"])})`,
    })[textOf(detail["outcome"])] ?? `${textOf(detail["device"])} answered a decision`,
};

const DIGEST = /\b[0-9a-f]{64}\b/g;

/**
 * One line that says who did what to what, and why. Digests are cut to the eight digits that people read; the row keeps them
 * whole.
 *
 * @example
 * const row = { action: "device.enrolled", subject: "wrist-03", reason: "", actor: "hub", line: null, detail: {} };
 * auditSentence(row); // => "wrist-03 joined the fleet"
 */
export function auditSentence(row: AuditRow): string {
  const { action, line, reason, actor } = row;
  const subject = row.subject.replace(DIGEST, (digest) =>
    line === null ? digest.slice(0, 8) : `${line}@${digest.slice(0, 8)}`,
  );
  const phrase = phrases[action]?.(subject, row) ?? `${action} ${subject}`.trim();
  // What a reason says of the phrase again is left out.
  const rest =
    action === "rollout.started" ? reason.replace(/^canary of [^:]*(?:: )?/, "") : reason;
  const because = rest === "" ? "" : `: ${rest.replace(DIGEST, (text) => text.slice(0, 8))}`;
  const by = actor.startsWith("admin:") ? ` (by ${actor})` : "";
  return `${phrase}${because}${by}`;
}
