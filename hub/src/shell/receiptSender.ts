// Hands committed receipts to the broker: signed once for many, kept until the broker has them. It must not commit anything.
import {
  type DeviceId,
  type Digest,
  type EpochMs,
  encodeMessage,
  hubReceiptMessage,
  topics,
} from "@attune/protocol";
import { RECEIPT_ENTRIES_PER_FRAME } from "../limits.ts";
import type { ReceiptEntryRow } from "../ports/store.ts";
import type { HubContext } from "./hubContext.ts";

/** The sender of one hub. */
export interface ReceiptSender {
  /** Sends receipts that the store has; what the broker does not take is sent again by {@link resend}. */
  send(entries: readonly ReceiptEntryRow[]): void;
  /** Sends everything that has not been taken: at start, and when the broker is back. */
  resend(): void;
  /** Resolves when everything that is being sent has been taken or given up for now. */
  idle(): Promise<void>;
}

/** Creates a sender with what the store says was not handed over before. */
export function createReceiptSender(
  context: HubContext,
  unsent: readonly ReceiptEntryRow[],
): ReceiptSender {
  const { fleet, broker, store, cryptography, clock, onlineKey } = context;
  const keyOf = (entry: { readonly digest: Digest; readonly device: DeviceId }): string =>
    `${entry.device}/${entry.digest}`;
  const waiting = new Map(unsent.map((entry) => [keyOf(entry), entry]));
  const sending = new Set<Promise<void>>();

  const sendFrame = async (entries: readonly ReceiptEntryRow[]): Promise<void> => {
    const frame = encodeMessage(
      hubReceiptMessage,
      {
        entries: entries.map(({ digest, outcome, code, message }) => ({
          digest,
          outcome,
          code,
          message: message.slice(0, 500),
        })),
        atMs: Math.floor(clock.nowMs()) as EpochMs,
      },
      [onlineKey],
      cryptography,
    );
    const devices = [...new Set(entries.map(({ device }) => device))];
    await Promise.all(
      devices.map((device) => broker.publish(topics.down(fleet, device, "receipt"), frame, false)),
    );
    for (const entry of entries) waiting.delete(keyOf(entry));
    await store.receiptsSent(entries.map(({ digest, device }) => ({ digest, device })));
  };

  const start = (entries: readonly ReceiptEntryRow[]): void => {
    // By device, so that a frame goes to few of them.
    const sorted = [...entries].sort((a, b) => (a.device < b.device ? -1 : 1));
    for (let at = 0; at < sorted.length; at += RECEIPT_ENTRIES_PER_FRAME) {
      const sent = sendFrame(sorted.slice(at, at + RECEIPT_ENTRIES_PER_FRAME))
        // The broker is away, or the store: both are told elsewhere, and the rows are still there.
        .catch(() => undefined)
        .finally(() => sending.delete(sent));
      sending.add(sent);
    }
  };

  return {
    send(entries) {
      for (const entry of entries) waiting.set(keyOf(entry), entry);
      start(entries);
    },
    resend: () => start([...waiting.values()]),
    async idle() {
      while (sending.size > 0) await Promise.all(sending);
    },
  };
}
