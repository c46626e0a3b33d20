// The other side of a device, in memory: signs what a hub and a signer sign, keeps what devices send. It judges nothing.
import {
  type Assignment,
  assignmentMessage,
  type BlobRef,
  type CohortId,
  type Contribution,
  contributionMessage,
  type Decision,
  type DecisionSequence,
  type DeviceId,
  type DeviceReceipt,
  type Digest,
  decisionMessage,
  decodeMessage,
  deviceReceiptMessage,
  digestOf,
  type EnrolmentRequest,
  type EpochMs,
  encodeMessage,
  enrolmentReplyMessage,
  enrolmentRequestMessage,
  type FleetId,
  formatEnrolmentToken,
  type Generation,
  type HubReceiptEntry,
  hubReceiptMessage,
  type KeyPair,
  type LineId,
  type ReleaseRecord,
  type ReleaseTarget,
  type Report,
  releaseRecordMessage,
  reportMessage,
  type SecurityEpoch,
  type TrustRoot,
  topics,
  trustRootMessage,
  unwrap,
} from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { createLoopbackBroker, type LoopbackBroker } from "../src/adapters/loopbackLink.ts";
import { blobRefOf, type ModelPackage, partRefs, versionOf } from "../src/package/modelPackage.ts";

const keyOf = (seed: number): KeyPair => nodeCryptography.keyPair(new Uint8Array(32).fill(seed));

export const hubKey: KeyPair = keyOf(1);
export const releaseKeys: readonly KeyPair[] = [keyOf(2), keyOf(3)];
export const fleet = "home" as FleetId;
export const line = "activity" as LineId;
export const cohort = "everyone" as CohortId;

/** What a device has sent. */
export interface Received {
  readonly contributions: Contribution[];
  readonly receipts: DeviceReceipt[];
  readonly reports: Report[];
  /** Frames of contributions, in order. */
  readonly frames: Uint8Array[];
}

/** How a package is released. */
export interface ReleaseOptions {
  readonly generation?: number;
  readonly securityEpoch?: number;
  readonly keys?: readonly KeyPair[];
  readonly delta?: ReleaseRecord["delta"];
  /** Changes the record before it is signed. */
  readonly change?: (record: ReleaseRecord) => ReleaseRecord;
  /** Blobs by digest that are published with other bytes, or not at all (null). */
  readonly tamper?: (digest: Digest, bytes: Uint8Array) => Uint8Array | null;
}

/** A hub in memory. */
export interface BenchHub {
  readonly broker: LoopbackBroker;
  readonly token: string;
  readonly received: Received;
  /** While false contributions and receipts get no receipt. */
  isReceipting: boolean;
  /** The answer to the next messages; `committed` by default. */
  answer: (frame: Uint8Array) => Pick<HubReceiptEntry, "outcome" | "code" | "message">;
  /** Bytes of all blobs, as an HTTP server would have them. */
  readonly blobs: Map<string, Uint8Array>;
  publishBlob(bytes: Uint8Array): BlobRef;
  release(modelPackage: ModelPackage, options?: ReleaseOptions): ReleaseTarget;
  /** Signs and publishes a decision with the next sequence; gives its frame. */
  decide(changes: Partial<Decision> & Pick<Decision, "champion">, key?: KeyPair): Uint8Array;
  publishDecision(frame: Uint8Array): void;
  assign(device: DeviceId, changes?: Partial<Assignment>): void;
  publishTrustRoot(changes: Partial<TrustRoot>, keys: readonly KeyPair[]): Uint8Array;
  publishReceipt(device: DeviceId, entries: readonly HubReceiptEntry[], key?: KeyPair): void;
  /** As after a restore of a backup that is older than the enrolment. */
  forget(device: DeviceId): void;
  /** Only this credential lets the device in. */
  admit(device: DeviceId, credential: string): void;
  /** Enrolment requests so far. */
  readonly requests: EnrolmentRequest[];
  /** Who signs grants; the hub's key by default. */
  granting: KeyPair;
  /** Whom grants name; null for whom the request names. */
  grantedName: DeviceId | null;
}

export const rootOf = (changes: Partial<TrustRoot> = {}): TrustRoot => ({
  fleet,
  version: 1,
  keys: [
    { publicKey: hubKey.publicKey, role: "hub" },
    ...releaseKeys.map(({ publicKey }) => ({ publicKey, role: "release" as const })),
  ],
  releaseThreshold: 2,
  isDemo: false,
  issuedAtMs: 0 as EpochMs,
  expiresAtMs: 4e12 as EpochMs,
  ...changes,
});

/** Opens a hub in memory. */
export function createBenchHub(root: TrustRoot = rootOf()): BenchHub {
  const rootFrame = encodeMessage(trustRootMessage, root, releaseKeys, nodeCryptography);
  const passwords = new Map<string, string>();
  const broker = createLoopbackBroker({
    authenticate: ({ userName, password }) =>
      userName === "enrol" ? password === secret : passwords.get(userName) === password,
  });
  const secret = "a-secret-of-a-token";
  const received: Received = { contributions: [], receipts: [], reports: [], frames: [] };
  const blobs = new Map<string, Uint8Array>();
  let sequence = 0;
  let assignments = 0;

  const assignment = (device: DeviceId, changes: Partial<Assignment> = {}): Uint8Array => {
    assignments += 1;
    return encodeMessage(
      assignmentMessage,
      {
        device,
        line,
        cohort,
        assignmentSequence: assignments,
        issuedAtMs: 0 as EpochMs,
        ...changes,
      },
      [hubKey],
      nodeCryptography,
    );
  };

  const hub: BenchHub = {
    broker,
    token: formatEnrolmentToken({
      fleet,
      secret,
      fingerprint: digestOf(nodeCryptography, rootFrame),
    }),
    received,
    isReceipting: true,
    answer: () => ({ outcome: "committed", code: "", message: "" }),
    blobs,
    publishBlob(bytes) {
      const ref = blobRefOf(bytes, nodeCryptography);
      blobs.set(ref.digest, bytes);
      if (ref.blocks === undefined) {
        broker.hub.publish(topics.blob(fleet, ref.digest), bytes, true);
      }
      return ref;
    },
    release(modelPackage, options = {}) {
      const { generation = 1, securityEpoch = 0, keys = releaseKeys } = options;
      const parts = partRefs(modelPackage, nodeCryptography);
      const made: ReleaseRecord = {
        line,
        version: versionOf(modelPackage, nodeCryptography),
        generation: generation as Generation,
        securityEpoch: securityEpoch as SecurityEpoch,
        parts,
        delta: options.delta,
        lineage: { source: "imported", contributionCount: 0 },
        createdAtMs: 0 as EpochMs,
        note: "",
      };
      const record = options.change?.(made) ?? made;
      const frame = encodeMessage(releaseRecordMessage, record, keys, nodeCryptography);
      const tamper = options.tamper ?? ((_digest: Digest, bytes: Uint8Array) => bytes);
      for (const bytes of [frame, ...Object.values(modelPackage.bytes)]) {
        const ref = blobRefOf(bytes, nodeCryptography);
        const sent = tamper(ref.digest, bytes);
        if (sent === null) continue;
        blobs.set(ref.digest, sent);
        if (ref.blocks === undefined) {
          broker.hub.publish(topics.blob(fleet, ref.digest), sent, true);
        }
      }
      return {
        version: made.version,
        generation: made.generation,
        securityEpoch: made.securityEpoch,
        record: blobRefOf(frame, nodeCryptography),
      };
    },
    decide(changes, key = hubKey) {
      sequence += 1;
      const frame = encodeMessage(
        decisionMessage,
        {
          line,
          cohort,
          decisionSequence: sequence as DecisionSequence,
          action: "release",
          personal: "keep",
          bakeMs: 10_000,
          blobUrl: "",
          reason: "because",
          issuedAtMs: 0 as EpochMs,
          ...changes,
        },
        [key],
        nodeCryptography,
      );
      hub.publishDecision(frame);
      return frame;
    },
    publishDecision(frame) {
      broker.hub.publish(topics.decision(fleet, line, cohort), frame, true);
    },
    assign(device, changes) {
      broker.hub.publish(
        topics.down(fleet, device, "assignment"),
        assignment(device, changes),
        true,
      );
    },
    publishTrustRoot(changes, keys) {
      const frame = encodeMessage(
        trustRootMessage,
        { ...root, ...changes },
        keys,
        nodeCryptography,
      );
      broker.hub.publish(topics.trustRoot(fleet), frame, true);
      return frame;
    },
    forget(device) {
      passwords.delete(device);
      assignments = 0;
      broker.hub.publish(topics.down(fleet, device, "assignment"), new Uint8Array(0), true);
      broker.cut("the hub stops");
    },
    admit(device, credential) {
      passwords.set(device, credential);
    },
    requests: [],
    grantedName: null,
    granting: hubKey,
    publishReceipt(device, entries, key = hubKey) {
      broker.hub.publish(
        topics.down(fleet, device, "receipt"),
        encodeMessage(hubReceiptMessage, { entries, atMs: 0 as EpochMs }, [key], nodeCryptography),
      );
    },
  };

  broker.hub.publish(topics.trustRoot(fleet), rootFrame, true);
  broker.hub.subscribe(topics.allEnrolUp(fleet), (_topic, payload) => {
    const { value: request } = unwrap(decodeMessage(enrolmentRequestMessage, payload));
    const device = (hub.grantedName ?? request.proposedId ?? "dev-1") as DeviceId;
    hub.requests.push(request);
    const credential = `credential-of-${device}-${hub.requests.length}`;
    if (hub.granting === hubKey) passwords.set(device, credential);
    const reply = encodeMessage(
      enrolmentReplyMessage,
      {
        nonce: request.nonce,
        grant: { device, credential, trustRoot: rootFrame, assignment: assignment(device) },
      },
      [hub.granting],
      nodeCryptography,
    );
    broker.hub.publish(topics.enrolDown(fleet, request.nonce), reply);
  });
  broker.hub.subscribe(topics.allUp(fleet), (topic, payload) => {
    const device = topic.split("/")[4] as DeviceId;
    const channel = topic.split("/")[6];
    if (channel === "report") {
      received.reports.push(unwrap(decodeMessage(reportMessage, payload)).value);
      return;
    }
    if (channel === "contribution") {
      received.contributions.push(unwrap(decodeMessage(contributionMessage, payload)).value);
      received.frames.push(payload);
    } else {
      received.receipts.push(unwrap(decodeMessage(deviceReceiptMessage, payload)).value);
    }
    if (!hub.isReceipting) return;
    hub.publishReceipt(device, [
      { digest: digestOf(nodeCryptography, payload), ...hub.answer(payload) },
    ]);
  });
  return hub;
}
