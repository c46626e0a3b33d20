// Messages that are sent again until the hub's receipt: a PUBACK is not a delivery. It must not build a contribution.
import {
  type DecisionSequence,
  type DeviceReceipt,
  type Digest,
  decodeMessage,
  deviceReceiptMessage,
  digestOf,
  type EpochMs,
  encodeMessage,
  hubReceiptMessage,
  verifyRole,
} from "@attune/protocol";
import { backoffMs } from "../backoff.ts";
import {
  OUTBOX_IN_FLIGHT_MAX,
  PUBLISH_DEADLINE_MS,
  RECEIPT_WAIT_MS,
  RECEIPT_WAIT_MS_MAX,
  SETTLED_MAX,
} from "../limits.ts";
import { leaveLink } from "../link/link.ts";
import type { DeviceState } from "../state.ts";
import { change, hubOf, keep, noteRefusal, type Transition, tell } from "../transition.ts";
import { enqueue } from "./enqueue.ts";
import type { Sending } from "./outboxState.ts";

/** Signs the receipts that are owed, and keeps them. */
export function signReceipts(transition: Transition): void {
  const { enrolment, outbox } = transition.state.kept;
  const { owed, ...others } = outbox;
  if (owed === undefined || enrolment.phase !== "enrolled") return;
  keep(transition, { outbox: others });
  const { cryptography, keyPair } = hubOf(transition.context);
  const { line } = transition.context.settings;
  for (const { owedAtMs, ...receipt } of owed) {
    const value: DeviceReceipt = {
      device: enrolment.device,
      line,
      decisionSequence: receipt.decisionSequence as DecisionSequence,
      outcome: receipt.outcome,
      active: receipt.active,
      code: receipt.code,
      message: receipt.message,
      atMs: Math.trunc(owedAtMs) as EpochMs,
    };
    const frame = encodeMessage(deviceReceiptMessage, value, [keyPair], cryptography);
    enqueue(transition, {
      kind: "receipt",
      digest: digestOf(cryptography, frame),
      bytes: frame.length,
      frame,
      createdAtMs: owedAtMs,
      user: null,
      layer: null,
    });
  }
}

/** The broker has the message: now the hub's receipt is waited for. */
export function published(transition: Transition, digest: string, attempt: number): void {
  const sending = transition.state.sending[digest];
  if (sending?.phase !== "publishing" || sending.attempt !== attempt) return;
  setSending(transition, digest, {
    phase: "awaiting",
    attempt: attempt + 1,
    untilMs:
      transition.context.nowMs +
      backoffMs(attempt, RECEIPT_WAIT_MS, RECEIPT_WAIT_MS_MAX, transition.context.jitter),
  });
}

/** The message did not reach the broker. */
export function publishFailed(transition: Transition, digest: string, attempt: number): void {
  const sending = transition.state.sending[digest];
  if (sending?.phase !== "publishing" || sending.attempt !== attempt) return;
  setSending(transition, digest, {
    phase: "due",
    attempt: attempt + 1,
    untilMs:
      transition.context.nowMs +
      backoffMs(attempt, RECEIPT_WAIT_MS, RECEIPT_WAIT_MS_MAX, transition.context.jitter),
  });
}

/**
 * Refusals of the moment, not of what was learned: another delta of the same training may pass. The window is full; or the sequence was
 * used before, by a device whose disk was put back.
 */
const passingRefusals: ReadonlySet<string> = new Set(["window.full", "contribution.replayed"]);

/** A delta that may be offered again. */
interface PassedOver {
  readonly user: string;
  readonly layer: Digest;
  readonly code: string;
}

/**
 * The hub says what became of messages. Only what its key signed ends a message's stay.
 *
 * @returns what it refused for now only
 */
export function receiptArrived(transition: Transition, bytes: Uint8Array): readonly PassedOver[] {
  const { enrolment, outbox } = transition.state.kept;
  if (enrolment.phase !== "enrolled") return [];
  const { cryptography } = hubOf(transition.context);
  const message = decodeMessage(hubReceiptMessage, bytes);
  if (!message.ok) {
    noteRefusal(transition, "receipt", message.refusal);
    return [];
  }
  const fates = new Map(message.value.value.entries.map((entry) => [entry.digest, entry]));
  // One receipt goes to every device in a commit, and again after each repeat: most name nothing of ours.
  if (!outbox.entries.some(({ digest }) => fates.has(digest))) return [];
  const signed = verifyRole(message.value.frame, enrolment.trustRoot, "hub", cryptography);
  if (!signed.ok) {
    noteRefusal(transition, "receipt", signed.refusal);
    return [];
  }
  const settled = [...outbox.settled];
  const passedOver: PassedOver[] = [];
  for (const entry of outbox.entries) {
    const fate = fates.get(entry.digest);
    if (fate === undefined) continue;
    const { kind, digest } = entry;
    const { outcome, code, message: text } = fate;
    settled.push({ kind, digest, outcome, code, atMs: transition.context.nowMs });
    tell(transition, "receipted", { kind, digest, outcome, code, message: text });
    if (outcome === "refused") {
      noteRefusal(transition, kind === "contribution" ? "contribution" : "decision", {
        code,
        message: `the hub refused a ${kind}: ${text}`,
      });
      const { user, layer } = entry;
      if (user !== null && layer !== null && passingRefusals.has(code)) {
        passedOver.push({ user, layer, code });
      }
    }
  }
  keep(transition, {
    outbox: {
      ...outbox,
      entries: outbox.entries.filter(({ digest }) => !fates.has(digest)),
      settled: settled.slice(-SETTLED_MAX),
    },
  });
  return passedOver;
}

/** Starts what is due, and gives up on a connection that moves nothing. */
export function settleOutbox(transition: Transition): void {
  const { nowMs } = transition.context;
  const { link } = transition.state;
  const isOnline = link.phase === "online" && link.purpose === "device";
  const sending: Record<string, Sending> = {};
  let inFlightCount = 0;
  let isStuck = false;
  for (const { digest } of transition.state.kept.outbox.entries) {
    const before = transition.state.sending[digest];
    let now: Sending = before ?? { phase: "due", attempt: 0, untilMs: nowMs };
    if (!isOnline) {
      // Whatever was on its way is sent again with the next connection.
      if (now.phase !== "due" || now.untilMs > nowMs) {
        now = { phase: "due", attempt: now.attempt, untilMs: nowMs };
      }
    } else if (now.phase === "awaiting" && nowMs >= now.untilMs) {
      now = { phase: "due", attempt: now.attempt, untilMs: nowMs };
    } else if (now.phase === "publishing" && nowMs >= now.untilMs) {
      isStuck = true;
    }
    if (isOnline && now.phase === "due" && nowMs >= now.untilMs) {
      if (inFlightCount < OUTBOX_IN_FLIGHT_MAX) {
        now = { phase: "publishing", attempt: now.attempt, untilMs: nowMs + PUBLISH_DEADLINE_MS };
      }
    }
    if (now.phase === "publishing") inFlightCount += 1;
    sending[digest] = now;
  }
  if (!isSameSending(sending, transition.state.sending)) change(transition, { sending });
  if (isStuck) {
    leaveLink(transition, {
      reason: `the broker did not confirm a message within ${PUBLISH_DEADLINE_MS} ms`,
      isStuck: true,
    });
    settleOutbox(transition);
  }
}

/** When the outbox needs to be looked at again. */
export function outboxDeadlineMs(state: DeviceState, nowMs: number): number | null {
  if (state.link.phase !== "online" || state.link.purpose !== "device") return null;
  let earliest: number | null = null;
  for (const { untilMs } of Object.values(state.sending)) {
    // What is due already waits for its turn, and goes on when another message is confirmed.
    if (untilMs <= nowMs) continue;
    if (earliest === null || untilMs < earliest) earliest = untilMs;
  }
  return earliest;
}

function setSending(transition: Transition, digest: string, sending: Sending): void {
  change(transition, { sending: { ...transition.state.sending, [digest]: sending } });
}

function isSameSending(
  a: Readonly<Record<string, Sending>>,
  b: Readonly<Record<string, Sending>>,
): boolean {
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every(
      (key) =>
        a[key]?.phase === b[key]?.phase &&
        a[key]?.untilMs === b[key]?.untilMs &&
        a[key]?.attempt === b[key]?.attempt,
    )
  );
}
