import {
  type Contribution,
  contributionMessage,
  type DeviceId,
  encodeCbor,
  encodeFrame,
  FRAME_BYTES_MAX,
  type KeyPair,
  keyIdOf,
  type Report,
  reportMessage,
} from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { expect, it } from "vitest";
import { type KnownDevice, readUpMessage } from "./readUpMessage.ts";

const keyOf = (name: string): KeyPair =>
  nodeCryptography.keyPair(nodeCryptography.sha256(new TextEncoder().encode(name)));
const key = keyOf("a");
const known: KnownDevice = {
  device: "a" as DeviceId,
  line: "activity" as never,
  keyId: keyIdOf(nodeCryptography, key.publicKey),
  publicKey: key.publicKey,
  status: "active",
};

const contribution: Contribution = {
  device: "a" as DeviceId,
  line: "activity" as never,
  contributionSequence: 1,
  base: "c".repeat(64) as never,
  delta: Uint8Array.of(1, 2, 3),
  result: "d".repeat(64) as never,
  examples: 40,
  steps: 10,
  evidence: { n: 10, wins: 1, losses: 0 },
  createdAtMs: 0 as never,
};
const frameOf = (change: Partial<Contribution> = {}, signer = key): Uint8Array =>
  encodeFrame(
    "contribution",
    encodeCbor({ ...contribution, ...change }),
    [signer],
    nodeCryptography,
  );

const flippedAt = (bytes: Uint8Array, at: number): Uint8Array => {
  const copy = bytes.slice();
  copy[at] = (copy[at] as number) ^ 0xff;
  return copy;
};

const read = (bytes: Uint8Array, device: Partial<KnownDevice> | null = {}): string => {
  const outcome = readUpMessage(
    contributionMessage,
    "a" as DeviceId,
    bytes,
    () => (device === null ? undefined : { ...known, ...device }),
    nodeCryptography,
  );
  return outcome.ok ? "accepted" : outcome.refusal.code;
};

it("[HB74] what its device has signed is read", () => {
  expect(read(frameOf())).toBe("accepted");
});

it.each<[string, Uint8Array, Partial<KnownDevice> | null]>([
  ["frame.too_large", new Uint8Array(FRAME_BYTES_MAX + 1), {}],
  ["frame.truncated", frameOf().slice(0, 100), {}],
  ["frame.truncated", new Uint8Array(), {}],
  ["frame.magic_invalid", flippedAt(frameOf(), 0), {}],
  ["frame.protocol_unsupported", flippedAt(frameOf(), 2), {}],
  ["frame.kind_unexpected", encodeFrame("report", encodeCbor({}), [key], nodeCryptography), {}],
  [
    "frame.not_decodable",
    encodeFrame("contribution", Uint8Array.of(0xff), [key], nodeCryptography),
    {},
  ],
  [
    "message.schema_invalid",
    encodeFrame("contribution", encodeCbor({ device: "a" }), [key], nodeCryptography),
    {},
  ],
  ["message.schema_invalid", frameOf({ examples: -1 }), {}],
  ["topic.forbidden", frameOf({ device: "b" as DeviceId }), {}],
  ["device.unknown", frameOf(), null],
  ["device.retired", frameOf(), { status: "retired" }],
  ["device.quarantined", frameOf(), { status: "quarantined" }],
  ["signature.key_unknown", frameOf({}, keyOf("b")), {}],
  ["signature.invalid", flippedAt(frameOf(), frameOf().length - 1), {}],
])("[HB75] %s", (code, bytes, device) => {
  expect(read(bytes, device)).toBe(code);
});

it("[HB75] every cut and every flipped byte of a message is refused, and none throws", () => {
  const whole = frameOf();
  for (let length = 0; length < whole.length; length += 1) {
    expect(read(whole.slice(0, length))).not.toBe("accepted");
  }
  for (let at = 0; at < whole.length; at += 1) {
    expect(read(flippedAt(whole, at))).not.toBe("accepted");
  }
});

it("[HB76] a device in quarantine still reports: only its contributions are kept out", () => {
  const report: Report = {
    device: "a" as DeviceId,
    line: "activity" as never,
    reportSequence: 1,
    atMs: 0 as never,
    active: "c".repeat(64) as never,
    personalUsers: 0,
    users: 1,
    decisionSequence: 0 as never,
    counts: {
      predictions: 0,
      feedback: 0,
      correct: 0,
      outliers: 0,
      alarms: 0,
      trainings: 0,
      trainingSteps: 0,
      adopted: 0,
      dropped: 0,
      reverted: 0,
      contributions: 0,
    },
    paired: [],
    state: "watching",
  };
  const bytes = encodeFrame("report", encodeCbor(report), [key], nodeCryptography);
  const outcome = readUpMessage(
    reportMessage,
    "a" as DeviceId,
    bytes,
    () => ({ ...known, status: "quarantined" }),
    nodeCryptography,
  );
  expect(outcome.ok).toBe(true);
});
