// One plausible value of every message, and the keys of one small fleet, all from fixed seeds. Tests only.
import { decodeCbor } from "../src/codec/cbor.ts";
import { parseFrame } from "../src/codec/frame.ts";
import { encodeMessage, type MessageType } from "../src/codec/message.ts";
import type { KeyPair } from "../src/crypto/cryptography.ts";
import { nodeCryptography } from "../src/crypto/nodeCryptography.ts";
import { unwrap } from "../src/errors.ts";
import type { CohortId, DeviceId, Digest, FleetId, LineId, ModelVersion } from "../src/ids.ts";
import { type Assignment, assignmentMessage } from "../src/messages/assignment.ts";
import { type Contribution, contributionMessage } from "../src/messages/contribution.ts";
import { type Decision, decisionMessage } from "../src/messages/decision.ts";
import { type Delegation, delegationMessage } from "../src/messages/delegation.ts";
import { type DeviceReceipt, deviceReceiptMessage } from "../src/messages/deviceReceipt.ts";
import {
  type EnrolmentReply,
  type EnrolmentRequest,
  enrolmentReplyMessage,
  enrolmentRequestMessage,
} from "../src/messages/enrolment.ts";
import type { BlobRef } from "../src/messages/fields.ts";
import { type HubReceipt, hubReceiptMessage } from "../src/messages/hubReceipt.ts";
import { type ReleaseRecord, releaseRecordMessage } from "../src/messages/releaseRecord.ts";
import { type Report, reportMessage } from "../src/messages/report.ts";
import { type TrustRoot, trustRootMessage } from "../src/messages/trustRoot.ts";
import { modelVersionOf } from "../src/modelVersion.ts";
import type { DecisionSequence, EpochMs, Generation, SecurityEpoch } from "../src/units.ts";

export const fleet: FleetId = "home" as FleetId;
export const line: LineId = "activity" as LineId;
export const cohort: CohortId = "everyone" as CohortId;
export const device: DeviceId = "dev-1" as DeviceId;
export const atMs: EpochMs = 1_760_000_000_000 as EpochMs;

/** A key pair that depends on its name only. */
export function keyOf(name: string): KeyPair {
  return nodeCryptography.keyPair(nodeCryptography.sha256(new TextEncoder().encode(name)));
}

export const hubKey: KeyPair = keyOf("hub");
export const releaseKeys: readonly [KeyPair, KeyPair, KeyPair] = [
  keyOf("release 1"),
  keyOf("release 2"),
  keyOf("release 3"),
];
export const deviceKey: KeyPair = keyOf("device");
export const strangerKey: KeyPair = keyOf("stranger");

/** 64 times one hexadecimal digit. */
export function digestOfDigit(digit: string): Digest & ModelVersion {
  return digit.repeat(64) as Digest & ModelVersion;
}

const blob = (digit: string, bytes = 1000): BlobRef => ({
  digest: digestOfDigit(digit),
  bytes,
});

export const trustRoot: TrustRoot = {
  fleet,
  version: 1,
  keys: [
    ...releaseKeys.map(({ publicKey }) => ({ publicKey, role: "release" as const })),
    { publicKey: hubKey.publicKey, role: "hub" },
  ],
  releaseThreshold: 2,
  isDemo: false,
  issuedAtMs: atMs,
  expiresAtMs: (atMs + 31_536_000_000) as EpochMs,
};

export const releaseRecord: ReleaseRecord = {
  line,
  version: modelVersionOf(
    {
      graph: digestOfDigit("a"),
      parameters: digestOfDigit("b"),
      preprocessing: digestOfDigit("c"),
      calibration: digestOfDigit("d"),
    },
    nodeCryptography,
  ),
  generation: 7 as Generation,
  securityEpoch: 2 as SecurityEpoch,
  parts: {
    graph: blob("a"),
    parameters: {
      ...blob("b", 150_000),
      blocks: ["1", "2", "3"].map((digit) => digestOfDigit(digit)),
    },
    preprocessing: blob("c"),
    calibration: blob("d"),
    learning: blob("e"),
  },
  delta: { base: digestOfDigit("9"), blob: blob("f", 36_000) },
  lineage: {
    source: "aggregate",
    base: digestOfDigit("9"),
    contributions: digestOfDigit("8"),
    contributionCount: 12,
  },
  createdAtMs: atMs,
  note: "twelve devices",
};

export const decision: Decision = {
  line,
  cohort,
  decisionSequence: 41 as DecisionSequence,
  action: "canary",
  champion: {
    version: digestOfDigit("7"),
    generation: 6 as Generation,
    securityEpoch: 2 as SecurityEpoch,
    record: blob("6"),
  },
  rollout: {
    target: {
      version: releaseRecord.version,
      generation: releaseRecord.generation,
      securityEpoch: releaseRecord.securityEpoch,
      record: blob("5"),
    },
    selection: { salt: "rollout-41", threshold: 429_496_729 },
  },
  shadow: {
    version: digestOfDigit("4"),
    base: digestOfDigit("7"),
    delta: blob("3", 36_000),
    selection: { salt: "shadow-41", threshold: 0xffffffff },
  },
  personal: "keep",
  bakeMs: 600_000,
  blobUrl: "http://127.0.0.1:7411/blobs",
  reason: "three devices first",
  issuedAtMs: atMs,
};

export const contribution: Contribution = {
  device,
  line,
  contributionSequence: 3,
  base: digestOfDigit("7"),
  delta: Uint8Array.of(1, 0, 0, 0, 10, 215, 35, 60, 99, 100, 4, 0),
  result: digestOfDigit("2"),
  examples: 120,
  steps: 400,
  evidence: { n: 96, wins: 14, losses: 3 },
  createdAtMs: atMs,
};

export const report: Report = {
  device,
  line,
  reportSequence: 17,
  atMs,
  active: digestOfDigit("7"),
  personalUsers: 1,
  users: 2,
  decisionSequence: 41 as DecisionSequence,
  counts: {
    predictions: 100_000,
    feedback: 900,
    correct: 821,
    outliers: 310,
    alarms: 2,
    trainings: 3,
    trainingSteps: 1200,
    adopted: 1,
    dropped: 1,
    reverted: 0,
    contributions: 1,
  },
  paired: [
    {
      champion: digestOfDigit("7"),
      challenger: releaseRecord.version,
      n: 200,
      wins: 21,
      losses: 19,
    },
  ],
  state: "baking activity@7c1f09aa, 4 minutes left",
};

const deviceReceipt: DeviceReceipt = {
  device,
  line,
  decisionSequence: 41 as DecisionSequence,
  outcome: "refused",
  active: digestOfDigit("7"),
  code: "record.security_epoch_too_low",
  message: "security epoch 1, this device's floor is 2",
  atMs,
};

const hubReceipt: HubReceipt = {
  entries: [
    { digest: digestOfDigit("1"), outcome: "committed", code: "", message: "" },
    {
      digest: digestOfDigit("0"),
      outcome: "refused",
      code: "contribution.too_stale",
      message: "base is 7 versions behind, limit 3",
    },
  ],
  atMs,
};

export const assignment: Assignment = {
  device,
  line,
  cohort,
  assignmentSequence: 2,
  issuedAtMs: atMs,
};

const delegation: Delegation = {
  line,
  graph: digestOfDigit("a"),
  base: digestOfDigit("9"),
  normMax: 2.5,
  securityEpoch: 2 as SecurityEpoch,
  expiresAtMs: (atMs + 2_592_000_000) as EpochMs,
};

export const enrolmentRequest: EnrolmentRequest = {
  fleet,
  tokenSecret: "a-token-secret-of-the-tests",
  publicKey: deviceKey.publicKey,
  proposedId: device,
  line,
  active: digestOfDigit("7"),
  nonce: "0123456789abcdef0123456789abcdef",
  createdAtMs: atMs,
};

const signedWith = <T>(type: MessageType<T>, value: T, keys: readonly KeyPair[]): Uint8Array =>
  encodeMessage(type, value, keys, nodeCryptography);

export const enrolmentReply: EnrolmentReply = {
  nonce: enrolmentRequest.nonce,
  grant: {
    device,
    credential: "an-mqtt-password-of-the-tests",
    trustRoot: signedWith(trustRootMessage, trustRoot, releaseKeys.slice(0, 2)),
    assignment: signedWith(assignmentMessage, assignment, [hubKey]),
  },
};

/** A message with who signs it. */
export interface SampleMessage {
  readonly type: MessageType<unknown>;
  readonly value: unknown;
  readonly keys: readonly KeyPair[];
}

const sample = <T>(type: MessageType<T>, value: T, ...keys: readonly KeyPair[]): SampleMessage => ({
  type,
  value,
  keys,
});

/** One of every kind, in the order of their numbers. */
export const sampleMessages: readonly SampleMessage[] = [
  sample(contributionMessage, contribution, deviceKey),
  sample(reportMessage, report, deviceKey),
  sample(deviceReceiptMessage, deviceReceipt, deviceKey),
  sample(hubReceiptMessage, hubReceipt, hubKey),
  sample(assignmentMessage, assignment, hubKey),
  sample(decisionMessage, decision, hubKey),
  sample(releaseRecordMessage, releaseRecord, releaseKeys[0], releaseKeys[1]),
  sample(enrolmentRequestMessage, enrolmentRequest, deviceKey),
  sample(enrolmentReplyMessage, enrolmentReply, hubKey),
  sample(trustRootMessage, trustRoot, releaseKeys[0], releaseKeys[1]),
  sample(delegationMessage, delegation, releaseKeys[0], releaseKeys[1]),
];

/** The frame of a sample, signed by whom it should be. */
export function frameOf({ type, value, keys }: SampleMessage): Uint8Array {
  return signedWith(type, value, keys);
}

/** What the frame of a sample says, as any reader of CBOR sees it. */
export function fromPayload(message: SampleMessage): unknown {
  return unwrap(decodeCbor(unwrap(parseFrame(frameOf(message), message.type.kind)).payload));
}
