// From an MQTT message to a committed row and its receipt. The checks are core; this gives them what they look at, in order,
// bounded. It must not decide what is acceptable.
import {
  type Contribution,
  contributionMessage,
  type DeviceId,
  type Digest,
  deviceReceiptMessage,
  digestOf,
  type Principal,
  parseUpTopic,
  type Refusal,
  reportMessage,
} from "@attune/protocol";
import { stalenessOf } from "../core/aggregate/staleness.ts";
import { judgeContribution } from "../core/intake/judgeContribution.ts";
import {
  type FindDevice,
  readUpMessage,
  type SignedMessage,
} from "../core/intake/readUpMessage.ts";
import { INTAKE_PENDING_MAX } from "../limits.ts";
import type { IntakeAnswer, IntakeRow } from "../ports/store.ts";
import { createCommitBatcher } from "./commitBatcher.ts";
import type { HubContext } from "./hubContext.ts";
import { type LineMemory, noteRefusal, noteReport, pairKey } from "./hubMemory.ts";
import type { LineRunner } from "./lineRunner.ts";
import type { ParameterShelf } from "./parameterShelf.ts";
import type { ReceiptSender } from "./receiptSender.ts";

/** Whom refusals of strangers are counted for: names that no device can have, so that strangers add no rows. */
export const strangers = { unknown: "(unknown)", enrolling: "(enrolling)", hub: "(hub)" } as const;

/** What a refusal counts as in a commit: its row and its receipt. */
const REFUSAL_BYTES = 512;

/** What a device's last will says in its report's `state`. */
const OFFLINE_STATE = "offline";

/** Messages of devices on their way into the store. */
export interface IntakePipeline {
  onMessage(topic: string, bytes: Uint8Array): void;
  onForbidden(principal: Principal, act: "publish" | "subscribe", topic: string): void;
  /** Counts a refusal that nobody is told, such as of an enrolment. */
  countRefusal(who: string, refusal: Refusal): void;
  /** Resolves when everything that has arrived so far is committed. */
  idle(): Promise<void>;
  /** Messages that were dropped because too many were on their way. */
  readonly droppedCount: number;
}

/** Creates the pipeline. */
export function createIntakePipeline(
  context: HubContext,
  shelf: ParameterShelf,
  receipts: ReceiptSender,
  lines: LineRunner,
): IntakePipeline {
  const { fleet, clock, cryptography, memory, store, broker } = context;
  /** Every message from its arrival to its commit. */
  const pending = new Set<Promise<void>>();
  let droppedCount = 0;

  const batcher = createCommitBatcher(clock, async (rows) => {
    try {
      const { answers, audit } = await store.commitIntake(rows);
      context.audited(audit);
      const entries = rows.flatMap((row, index) => {
        const { outcome, code, message } = answers[index] as IntakeAnswer;
        const to = receiptOf(row);
        return to === null ? [] : [{ ...to, outcome, code, message }];
      });
      receipts.send(entries);
      context.changed();
      return answers;
    } catch (error) {
      // Nobody is receipted: devices send it all again.
      context.fault(error);
      return null;
    }
  });

  /** Keeps count of a message; drops it when too many are on their way, and for want of a receipt it is sent again. */
  const take = (work: () => Promise<void>): void => {
    if (pending.size >= INTAKE_PENDING_MAX) {
      droppedCount += 1;
      return;
    }
    const taken = work()
      .catch((error: unknown) => context.fault(error))
      .finally(() => pending.delete(taken));
    pending.add(taken);
  };

  const findDevice: FindDevice = (device) => {
    const known = memory.devices.get(device);
    if (known === undefined) return undefined;
    const { line, keyId, publicKey, status } = known.row;
    return { device, line, keyId, publicKey, status };
  };

  const refuseRow = async (
    who: string,
    refusal: Refusal,
    receipt: { readonly device: DeviceId; readonly digest: Digest } | null,
    contributionSequence: number | null = null,
  ): Promise<void> => {
    const atMs = clock.nowMs();
    const { code, message } = refusal;
    const line = receipt === null ? null : (memory.devices.get(receipt.device)?.row.line ?? null);
    const answer = await batcher.add(
      {
        kind: "refusal",
        device: who,
        line,
        code,
        message,
        atMs,
        receipt,
        contributionSequence,
      },
      REFUSAL_BYTES,
    );
    if (answer !== null) noteRefusal(memory, { device: who, code, message, atMs });
  };

  /** A refusal of bytes from a device's topic: the device is told, when it is enrolled and the bytes may be its own. */
  const refuseUp = (topicDevice: DeviceId, bytes: Uint8Array, refusal: Refusal): Promise<void> => {
    const isEnrolled = memory.devices.has(topicDevice);
    const isOwn = isEnrolled && refusal.code !== "topic.forbidden";
    const receipt = isOwn ? { device: topicDevice, digest: digestOf(cryptography, bytes) } : null;
    return refuseRow(isEnrolled ? topicDevice : strangers.unknown, refusal, receipt);
  };

  const isSeen = (device: DeviceId): void => {
    const known = memory.devices.get(device);
    if (known === undefined) return;
    known.lastSeenMs = clock.nowMs();
    if (!broker.isGuarding) known.isConnected = true;
  };

  const takeContribution = async (
    { value, device }: SignedMessage<Contribution>,
    bytes: Uint8Array,
  ): Promise<void> => {
    const known = memory.devices.get(device.device);
    const line = memory.lines.get(device.line);
    if (known === undefined || line === undefined) return;
    const digest = digestOf(cryptography, bytes);
    const to = { device: device.device, digest };
    const sequence = value.contributionSequence;
    if (sequence <= known.contributionSequence) {
      // Sent again, out of order, or replayed: the store knows, once everything before it is in.
      await batcher.flush();
      const before = await store.knownContribution(digest, device.device, sequence);
      if (before.kind === "committed" || before.kind === "refused") {
        const { code, message } = before.kind === "refused" ? before : { code: "", message: "" };
        receipts.send([{ ...to, outcome: before.kind, code, message }]);
        return;
      }
      if (before.kind === "sequenceTaken") {
        const message = `contribution ${sequence} of ${device.device} was committed with other bytes; use the next number`;
        return refuseRow(device.device, { code: "contribution.replayed", message }, to, sequence);
      }
    }
    known.contributionSequence = Math.max(known.contributionSequence, sequence);
    const isReleased = isReleasedIn(line, value);
    const base = isReleased ? await shelf.of(value.base) : null;
    const { policy, state } = line.row;
    const judged = judgeContribution(
      value,
      {
        line: device.line,
        base,
        staleness: stalenessIn(line, value),
        champion: state.champion,
        policy: policy.intake,
        isWindowFull:
          line.pool.deviceCount >= policy.window.contributionsMax && !line.pool.has(device.device),
      },
      cryptography,
    );
    if (!judged.ok) return refuseRow(device.device, judged.refusal, to, sequence);
    const row: IntakeRow = {
      kind: "contribution",
      digest,
      device: device.device,
      contributionSequence: sequence,
      line: device.line,
      base: value.base,
      weight: judged.value.weight,
      norm: judged.value.norm,
      examples: value.examples,
      steps: value.steps,
      evidence: value.evidence,
      frame: bytes,
      atMs: clock.nowMs(),
    };
    const answer = await batcher.add(row, bytes.length);
    if (answer?.isNew !== true) return;
    if (answer.outcome === "refused") {
      const { code, message } = answer;
      return noteRefusal(memory, { device: device.device, code, message, atMs: row.atMs });
    }
    known.contributionCount += 1;
    line.pool.add({
      digest,
      device: device.device,
      contributionSequence: sequence,
      base: value.base,
    });
    lines.look(device.line);
  };

  const isReleasedIn = (line: LineMemory, value: Contribution): boolean => {
    const version = memory.versions.get(value.base);
    return version !== undefined && version.line === line.row.line && version.record !== null;
  };

  const stalenessIn = (line: LineMemory, value: Contribution): number | null => {
    const { state, policy } = line.row;
    if (state.champion === null) return null;
    // A canary's contributions wait: they count when it becomes champion.
    if (value.base === state.challenger?.version && state.challenger.rollout !== null) return 0;
    const { stalenessMax } = policy.intake;
    return stalenessOf(value.base, state.champion, lines.parentOf, stalenessMax);
  };

  const takeUp = async (
    topicDevice: DeviceId,
    channel: "contribution" | "report" | "receipt",
    bytes: Uint8Array,
  ): Promise<void> => {
    switch (channel) {
      case "contribution": {
        const read = readUpMessage(
          contributionMessage,
          topicDevice,
          bytes,
          findDevice,
          cryptography,
        );
        if (!read.ok) return refuseUp(topicDevice, bytes, read.refusal);
        isSeen(topicDevice);
        return takeContribution(read.value, bytes);
      }
      case "receipt": {
        const read = readUpMessage(
          deviceReceiptMessage,
          topicDevice,
          bytes,
          findDevice,
          cryptography,
        );
        if (!read.ok) return refuseUp(topicDevice, bytes, read.refusal);
        isSeen(topicDevice);
        const { value } = read.value;
        const digest = digestOf(cryptography, bytes);
        const row = { ...value, digest, storedAtMs: clock.nowMs() };
        const answer = await batcher.add({ kind: "receipt", ...row }, bytes.length);
        if (answer?.isNew !== true) return;
        const known = memory.devices.get(topicDevice);
        if (known !== undefined) known.active = row.active;
        lines.receiptStored(row);
        return;
      }
      case "report": {
        const read = readUpMessage(reportMessage, topicDevice, bytes, findDevice, cryptography);
        if (!read.ok) return refuseUp(topicDevice, bytes, read.refusal);
        const report = read.value.value;
        isSeen(topicDevice);
        if (report.state === OFFLINE_STATE && !broker.isGuarding) {
          lines.presenceChanged(topicDevice, false);
        }
        const receivedAtMs = clock.nowMs();
        const answer = await batcher.add({ kind: "report", report, receivedAtMs }, bytes.length);
        const known = memory.devices.get(topicDevice);
        if (answer?.isNew !== true || known === undefined) return;
        noteReport(memory, known, { report, receivedAtMs });
        const line = memory.lines.get(known.row.line);
        for (const { champion, challenger, n, wins, losses } of report.paired) {
          line?.pairs
            .get(pairKey(champion, challenger))
            ?.set(topicDevice, { device: topicDevice, n, wins, losses });
        }
        return lines.look(known.row.line);
      }
    }
  };

  return {
    onMessage(topic, bytes) {
      const up = parseUpTopic(fleet, topic);
      if (up !== undefined) take(() => takeUp(up.device, up.channel, bytes));
    },
    onForbidden(principal, act, topic) {
      const who =
        principal.kind === "device"
          ? principal.device
          : principal.kind === "enrolling"
            ? strangers.enrolling
            : strangers.hub;
      const what = act === "publish" ? "publish to" : "subscribe to";
      const message = `${who} may not ${what} ${topic.slice(0, 200)}; a device reaches its own topics only`;
      take(() => refuseRow(who, { code: "topic.forbidden", message }, null));
    },
    countRefusal: (who, refusal) => take(() => refuseRow(who, refusal, null)),
    async idle() {
      // A message may look things up before its row is there: flushed again until none is on its way.
      while (pending.size > 0) {
        await batcher.flush();
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    get droppedCount() {
      return droppedCount;
    },
  };
}

/** Whom a row's receipt goes to; null for rows without one. */
function receiptOf(row: IntakeRow): { readonly device: DeviceId; readonly digest: Digest } | null {
  switch (row.kind) {
    case "contribution":
    case "receipt":
      return { device: row.device, digest: row.digest };
    case "refusal":
      return row.receipt;
    case "report":
      return null;
  }
}
