// When several things are wrong with what arrives, the first code in the list is what is said: a table of faults, planted one by one
// and in pairs.
import { describe, expect, it } from "vitest";
import {
  assignment,
  cohort,
  decision,
  device,
  digestOfDigit,
  hubKey,
  line,
  releaseKeys,
  releaseRecord,
  strangerKey,
  trustRoot,
} from "../test/sampleMessages.ts";
import { encodeCbor } from "./codec/cbor.ts";
import { encodeFrame, type FrameKind } from "./codec/frame.ts";
import { digestOf, type KeyPair } from "./crypto/cryptography.ts";
import { nodeCryptography as cryptography } from "./crypto/nodeCryptography.ts";
import { type Outcome, type RefusalCode, refusalCodes } from "./errors.ts";
import { FRAME_BYTES_MAX } from "./limits.ts";
import { checkAssignment } from "./trust/assignmentRules.ts";
import { checkDecision, checkReleaseRecord } from "./trust/decisionRules.ts";
import { acceptFirstTrustRoot, acceptNextTrustRoot } from "./trust/trustRules.ts";
import type { DecisionSequence, SecurityEpoch } from "./units.ts";

/** How an arrival is made: a fault changes its value, its signers, its bytes, or what its receiver knows. */
interface Arrival {
  value: Record<string, unknown>;
  keys: readonly KeyPair[];
  change: ((bytes: Uint8Array) => Uint8Array)[];
  knows: Record<string, unknown>;
}
interface Fault {
  readonly code: RefusalCode;
  readonly plant: (arrival: Arrival) => void;
}
const onBytes = (code: RefusalCode, change: (bytes: Uint8Array) => Uint8Array): Fault => ({
  code,
  plant: (arrival) => arrival.change.push(change),
});
const withByte =
  (at: number, byte: number) =>
  (bytes: Uint8Array): Uint8Array => {
    bytes[at] = byte;
    return bytes;
  };

/** Faults that any frame may have. Each leaves those of the others in place. */
const frameFaults: readonly Fault[] = [
  onBytes("frame.too_large", (bytes) => {
    const larger = new Uint8Array(FRAME_BYTES_MAX + 1);
    larger.set(bytes);
    return larger;
  }),
  onBytes("frame.magic_invalid", withByte(0, 0)),
  onBytes("frame.protocol_unsupported", withByte(2, 9)),
  onBytes("frame.kind_unexpected", withByte(3, 99)),
  onBytes("frame.truncated", (bytes) => new Uint8Array([...bytes, 0])),
  onBytes("frame.not_decodable", withByte(8, 0xff)),
];
const valueFault = (code: RefusalCode, changes: object): Fault => ({
  code,
  plant: (arrival) => Object.assign(arrival.value, changes),
});
const keyFault = (code: RefusalCode, keys: readonly KeyPair[]): Fault => ({
  code,
  plant: (arrival) => {
    arrival.keys = keys;
  },
});
const knowledgeFault = (code: RefusalCode, knows: object): Fault => ({
  code,
  plant: (arrival) => Object.assign(arrival.knows, knows),
});

interface Check {
  readonly name: string;
  readonly kind: FrameKind;
  readonly value: object;
  readonly keys: readonly KeyPair[];
  readonly faults: readonly Fault[];
  readonly receive: (bytes: Uint8Array, knows: Record<string, unknown>) => Outcome<unknown>;
}

const checks: readonly Check[] = [
  {
    name: "checkDecision",
    kind: "decision",
    value: decision,
    keys: [hubKey],
    faults: [
      ...frameFaults,
      valueFault("message.schema_invalid", { bakeMs: -1 }),
      keyFault("signature.key_unknown", [strangerKey]),
      keyFault("signature.role_forbidden", [releaseKeys[0]]),
      valueFault("decision.line_mismatch", { line: "gait" }),
      valueFault("decision.cohort_mismatch", { cohort: "ward-3" }),
      valueFault("decision.sequence_replayed", { decisionSequence: 1 }),
      knowledgeFault("record.security_epoch_too_low", { securityEpoch: 3 }),
    ],
    receive: (bytes, { securityEpoch = 2 }) =>
      checkDecision(
        bytes,
        {
          device,
          line,
          cohort,
          decisionSequence: 40 as DecisionSequence,
          securityEpoch: securityEpoch as SecurityEpoch,
        },
        trustRoot,
        cryptography,
      ),
  },
  {
    name: "checkAssignment",
    kind: "assignment",
    value: assignment,
    keys: [hubKey],
    faults: [
      ...frameFaults,
      valueFault("message.schema_invalid", { issuedAtMs: -1 }),
      keyFault("signature.key_unknown", [strangerKey]),
      keyFault("signature.role_forbidden", [releaseKeys[0]]),
      valueFault("assignment.mismatch", { device: "dev-2" }),
      valueFault("assignment.sequence_replayed", { assignmentSequence: 1 }),
    ],
    receive: (bytes) =>
      checkAssignment(bytes, { device, line, assignmentSequence: 1 }, trustRoot, cryptography),
  },
  {
    name: "checkReleaseRecord",
    kind: "releaseRecord",
    value: releaseRecord,
    keys: releaseKeys,
    faults: [
      knowledgeFault("blob.digest_mismatch", { digest: digestOfDigit("0") }),
      ...frameFaults,
      onBytes("frame.signatures_too_many", (bytes) => {
        const at = bytes.length - 3 * 72 - 1;
        const signatures = Array.from({ length: 9 }, () => [...bytes.subarray(-72)]).flat();
        return new Uint8Array([...bytes.subarray(0, at), 9, ...signatures]);
      }),
      valueFault("message.schema_invalid", { createdAtMs: -1 }),
      keyFault("signature.key_unknown", [strangerKey, strangerKey, strangerKey]),
      keyFault("signature.role_forbidden", [hubKey, strangerKey, strangerKey]),
      keyFault("signature.threshold_unmet", [releaseKeys[0], releaseKeys[0], strangerKey]),
      valueFault("record.mismatch", { line: "gait" }),
      valueFault("version.mismatch", {
        parts: { ...releaseRecord.parts, graph: { digest: digestOfDigit("0"), bytes: 1 } },
      }),
    ],
    receive: (bytes, { digest }) =>
      checkReleaseRecord(
        bytes,
        line,
        {
          ...releaseRecord,
          record: {
            digest: (digest as undefined) ?? digestOf(cryptography, bytes),
            bytes: bytes.length,
          },
        },
        trustRoot,
        cryptography,
      ),
  },
  {
    name: "acceptFirstTrustRoot",
    kind: "trustRoot",
    value: trustRoot,
    keys: releaseKeys,
    faults: [
      ...frameFaults,
      valueFault("message.schema_invalid", { issuedAtMs: -1 }),
      knowledgeFault("trust.root_mismatch", { digest: digestOfDigit("0") }),
      keyFault("signature.key_unknown", [strangerKey, strangerKey, strangerKey]),
      keyFault("signature.role_forbidden", [hubKey, strangerKey, strangerKey]),
      keyFault("signature.threshold_unmet", [releaseKeys[0], releaseKeys[0], strangerKey]),
      valueFault("trust.demo_key_forbidden", { isDemo: true }),
    ],
    receive: (bytes, { digest }) =>
      acceptFirstTrustRoot(
        bytes,
        (digest as undefined) ?? digestOf(cryptography, bytes),
        false,
        cryptography,
      ),
  },
  {
    name: "acceptNextTrustRoot",
    kind: "trustRoot",
    value: { ...trustRoot, version: 6 },
    keys: releaseKeys,
    faults: [
      ...frameFaults,
      valueFault("message.schema_invalid", { issuedAtMs: -1 }),
      valueFault("trust.root_mismatch", { fleet: "away" }),
      keyFault("signature.key_unknown", [strangerKey, strangerKey, strangerKey]),
      keyFault("signature.role_forbidden", [hubKey, strangerKey, strangerKey]),
      keyFault("signature.threshold_unmet", [releaseKeys[0], releaseKeys[0], strangerKey]),
      valueFault("trust.root_version_replayed", { version: 4 }),
    ],
    receive: (bytes) => acceptNextTrustRoot({ ...trustRoot, version: 5 }, bytes, cryptography),
  },
];

const receiveWith = (check: Check, faults: readonly Fault[]): RefusalCode | "" => {
  const arrival: Arrival = { value: { ...check.value }, keys: check.keys, change: [], knows: {} };
  for (const fault of faults) fault.plant(arrival);
  let bytes = encodeFrame(check.kind, encodeCbor(arrival.value), arrival.keys, cryptography);
  for (const change of arrival.change) bytes = change(bytes);
  const outcome = check.receive(bytes, arrival.knows);
  return outcome.ok ? "" : outcome.refusal.code;
};

describe.each(checks.map((check) => [check.name, check] as const))("%s", (_, check) => {
  it("[PR54] accepts what has no fault", () => {
    expect(receiveWith(check, [])).toBe("");
  });

  it.each(check.faults.map((fault) => [fault.code, fault] as const))("[PR54] %s", (code, fault) => {
    expect(receiveWith(check, [fault])).toBe(code);
  });

  it("[PR54] says the earlier code of any two faults", () => {
    for (const first of check.faults) {
      for (const second of check.faults) {
        // Two faults of the signers are one: the second replaces the first.
        if (first === second || [first, second].every(({ code }) => code.startsWith("signature.")))
          continue;
        const places = [first, second].map(({ code }) => refusalCodes.indexOf(code));
        const expected = refusalCodes[Math.min(...places)];
        expect([first.code, second.code, receiveWith(check, [first, second])]).toStrictEqual([
          first.code,
          second.code,
          expected,
        ]);
      }
    }
  });
});
