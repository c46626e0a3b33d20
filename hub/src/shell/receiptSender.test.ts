import {
  type DeviceId,
  decodeMessage,
  Fault,
  hubReceiptMessage,
  topics,
  unwrap,
} from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { expect, it } from "vitest";
import { RECEIPT_ENTRIES_PER_FRAME } from "../limits.ts";
import type { ReceiptEntryRow } from "../ports/store.ts";
import type { HubContext } from "./hubContext.ts";
import { createReceiptSender } from "./receiptSender.ts";

const fleet = "home" as never;

function setUp() {
  const published: { topic: string; digests: string[] }[] = [];
  const sent: string[] = [];
  const broker = { isUp: true };
  const context = {
    fleet,
    cryptography: nodeCryptography,
    clock: { nowMs: () => 5 },
    onlineKey: nodeCryptography.keyPair(new Uint8Array(32)),
    broker: {
      publish(topic: string, payload: Uint8Array): Promise<void> {
        if (!broker.isUp)
          return Promise.reject(new Fault("away", { code: "broker.unavailable", hint: "wait" }));
        const { entries } = unwrap(decodeMessage(hubReceiptMessage, payload)).value;
        published.push({ topic, digests: entries.map(({ digest }) => digest) });
        return Promise.resolve();
      },
    },
    store: {
      receiptsSent(entries: readonly { digest: string }[]): Promise<void> {
        sent.push(...entries.map(({ digest }) => digest));
        return Promise.resolve();
      },
    },
  } as unknown as HubContext;
  return { context, published, sent, broker };
}

const entry = (device: string, index: number): ReceiptEntryRow => ({
  device: device as DeviceId,
  digest: `${index}`.padStart(64, "0") as never,
  outcome: "committed",
  code: "",
  message: "",
});

it("[HB10] one frame is signed for many devices and told to each of them", async () => {
  const { context, published, sent } = setUp();
  const sender = createReceiptSender(context, []);
  sender.send([entry("b", 2), entry("a", 1)]);
  await sender.idle();
  expect(published.map(({ topic }) => topic)).toEqual([
    topics.down(fleet, "a" as DeviceId, "receipt"),
    topics.down(fleet, "b" as DeviceId, "receipt"),
  ]);
  expect(published[0]?.digests).toHaveLength(2);
  expect(sent).toHaveLength(2);
});

it("[HB10] a large commit is told in frames of bounded size", async () => {
  const { context, published } = setUp();
  const sender = createReceiptSender(context, []);
  sender.send(
    Array.from({ length: 2 * RECEIPT_ENTRIES_PER_FRAME + 1 }, (_, index) => entry("a", index)),
  );
  await sender.idle();
  expect(published.map(({ digests }) => digests.length)).toEqual([32, 32, 1]);
});

it("[HB3] [HB15] what the broker does not take, and what was left from before, is sent when it is back, and only then ticked off", async () => {
  const { context, published, sent, broker } = setUp();
  broker.isUp = false;
  const sender = createReceiptSender(context, [entry("a", 1)]);
  sender.send([entry("a", 2)]);
  await sender.idle();
  expect({ published, sent }).toEqual({ published: [], sent: [] });
  broker.isUp = true;
  sender.resend();
  await sender.idle();
  expect(published.flatMap(({ digests }) => digests)).toHaveLength(2);
  expect(sent).toHaveLength(2);
  sender.resend();
  await sender.idle();
  expect(published.flatMap(({ digests }) => digests)).toHaveLength(2);
});
