// What the screen says of an audit row or a device's event. It only words what happened; it must not invent, judge or count.

import type { GuardVerdict } from "@attune/device-runtime";
import { type AuditRow, type AuditTone, auditSentence, auditTone } from "@attune/hub";
import type { DeviceNews } from "./wearable.ts";

/** One line, before it is laid out. */
export interface ScreenLine {
  readonly who: string;
  readonly text: string;
  readonly tone: AuditTone;
  /** What it is one of, for those that come from every device: after some of them, the rest are only counted. */
  readonly kind: string | null;
}

/** Acts that say how the fleet's versions come and go, and refusals. */
const shownActions: ReadonlySet<string> = new Set([
  "trust.rootAccepted",
  "delegation.stored",
  "model.imported",
  "window.closed",
  "window.failed",
  "candidate.made",
  "gate.verdict",
  "signing.signed",
  "signing.refused",
  "release.created",
  "rollout.started",
  "rollout.grown",
  "rollout.held",
  "rollout.halted",
  "rollout.rolledBack",
  "rollout.promoted",
  "refusal.counted",
]);

/** A row of the hub's audit as a line, or null when it is none of those that tell the story. */
export function auditLine(row: AuditRow): ScreenLine | null {
  if (row.action === "receipt.stored" && row.detail["outcome"] === "reverted") {
    return { who: "hub", text: auditSentence(row), tone: "bad", kind: row.action };
  }
  if (!shownActions.has(row.action)) return null;
  const who = /^(?:signing|delegation)\./.test(row.action) ? "signer" : "hub";
  return { who, text: auditSentence(row), tone: auditTone(row), kind: null };
}

const two = (value: number): string => value.toFixed(2);
/** Evidence runs over many powers of ten; beyond a million its size is all that matters. */
const size = (value: number): string =>
  value >= 1e6 ? value.toExponential(0) : value.toFixed(value >= 10 ? 0 : 1);

const rateNames = {
  errorRate: "error rate",
  outlierShare: "share of outliers",
  uncertainty: "doubt",
} as const;

const pairs = ({ wins, losses, n }: GuardVerdict): string =>
  `${wins} wins, ${losses} losses of ${n}`;

/** A device's event as a line. */
export function deviceLine(who: string, news: DeviceNews): ScreenLine {
  const line = (tone: AuditTone, text: string): ScreenLine => ({
    who,
    text,
    tone,
    kind: news.name,
  });
  switch (news.name) {
    case "alarm": {
      const { kind, rate, referenceRate, evidence, limit } = news.event;
      return line(
        "wait",
        `alarm: ${rateNames[kind]} ${two(rate)} where ${two(referenceRate)} is normal (evidence ${size(evidence)} >= ${size(limit)})`,
      );
    }
    case "adopted": {
      const { jobIndex, evidence } = news.event;
      return line(
        "good",
        `adopts its training ${jobIndex}: ${pairs(evidence)} (evidence ${size(evidence.evidence)} >= ${size(evidence.limit)})`,
      );
    }
    case "dropped": {
      const { jobIndex, evidence } = news.event;
      return line("plain", `drops its training ${jobIndex}: ${evidence.reason}`);
    }
    case "reverted": {
      const { event } = news;
      return event.scope === "personal"
        ? line("bad", `goes back to the shared version: ${event.evidence.reason}`)
        : line("bad", `goes back to ${event.to.slice(0, 8)}: ${event.code}, ${event.message}`);
    }
    case "contributed": {
      const { bytes, examples, norm } = news.event;
      return line(
        "plain",
        `sends a delta of ${bytes} bytes, from ${examples} examples, norm ${two(norm)}`,
      );
    }
    case "activated": {
      const { modelVersion } = news.event;
      return line("plain", `serves ${modelVersion.slice(0, 8)}`);
    }
  }
}
