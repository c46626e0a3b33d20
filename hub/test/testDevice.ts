// A device as raw MQTT and protocol messages: honest by default, and able to send anything. For tests of the hub only.
import { randomBytes } from "node:crypto";
import {
  applyDelta,
  assignmentMessage,
  type Contribution,
  contributionMessage,
  type Decision,
  type DeviceId,
  type DeviceReceipt,
  type Digest,
  decisionMessage,
  decodeDelta,
  decodeMessage,
  deviceReceiptMessage,
  digestOf,
  type EnrolmentToken,
  type EpochMs,
  encodeDelta,
  encodeMessage,
  encodeParameters,
  enrolmentReplyMessage,
  enrolmentRequestMessage,
  type HubReceiptEntry,
  hubReceiptMessage,
  type KeyPair,
  type LineId,
  type ModelVersion,
  type PairedReport,
  type ParameterDelta,
  type ParameterSet,
  type Report,
  reportMessage,
  topics,
  type UpChannel,
  unwrap,
} from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { connectAsync, type MqttClient } from "mqtt";

const counts: Report["counts"] = {
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
};

/** What a device enrols with. */
export interface TestDeviceOptions {
  readonly mqttUrl: string;
  readonly token: EnrolmentToken;
  readonly name: string;
  readonly line: LineId;
  readonly active: ModelVersion;
  /** The key of another name, for somebody who takes this one. */
  readonly keyName?: string;
  /** One that was used before; a fresh one when left out. */
  readonly nonce?: string;
}

/** A key pair by name: the same name is the same device. */
export function keyOf(name: string): KeyPair {
  return nodeCryptography.keyPair(nodeCryptography.sha256(new TextEncoder().encode(name)));
}

const freshNonce = (): string => randomBytes(16).toString("hex");

/** Sends one enrolment request and resolves with the reply. */
export async function requestEnrolment(
  { mqttUrl, token, name, line, active, keyName = name, nonce = freshNonce() }: TestDeviceOptions,
  change: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes,
): Promise<ReturnType<typeof readReply>> {
  const client = await connectAsync(mqttUrl, {
    clientId: `enrol-${nonce}`,
    username: "enrol",
    password: token.secret,
    reconnectPeriod: 0,
  });
  try {
    await client.subscribeAsync(topics.enrolDown(token.fleet, nonce), { qos: 1 });
    const reply = new Promise<Uint8Array>((resolve) => {
      client.once("message", (_topic, payload) => resolve(new Uint8Array(payload)));
    });
    const key = keyOf(keyName);
    const request = encodeMessage(
      enrolmentRequestMessage,
      {
        fleet: token.fleet,
        tokenSecret: token.secret,
        publicKey: key.publicKey,
        proposedId: name as DeviceId,
        line,
        active,
        nonce,
        createdAtMs: 0 as EpochMs,
      },
      [key],
      nodeCryptography,
    );
    const up = topics.enrolUp(token.fleet, nonce);
    await client.publishAsync(up, Buffer.from(change(request)), { qos: 1 });
    return readReply(await reply);
  } finally {
    client.end(true);
  }
}

function readReply(bytes: Uint8Array) {
  return unwrap(decodeMessage(enrolmentReplyMessage, bytes)).value;
}

/** A device that is enrolled and connected. */
export interface TestDevice {
  readonly device: DeviceId;
  readonly credential: string;
  readonly key: KeyPair;
  readonly client: MqttClient;
  /** Decisions as they came, oldest first. */
  readonly decisions: Decision[];
  /** Entries of hub receipts, by digest. */
  readonly receipts: Map<Digest, HubReceiptEntry>;
  /** Resolves when `isTrue` holds, looked at whenever something arrives. */
  until(isTrue: () => boolean): Promise<void>;
  send(channel: UpChannel, bytes: Uint8Array): Promise<Digest>;
  /** Resolves with the receipt of bytes that were sent. */
  receipt(digest: Digest): Promise<HubReceiptEntry>;
  /** The frame of a contribution whose delta is `delta` on `base`; `change` spoils its fields. */
  contribution(
    base: { readonly version: ModelVersion; readonly parameters: ParameterSet },
    delta: ParameterDelta,
    change?: Partial<Contribution>,
  ): Uint8Array;
  sendReceipt(change: Partial<DeviceReceipt>): Promise<Digest>;
  sendReport(paired: readonly PairedReport[], change?: Partial<Report>): Promise<Digest>;
  close(): Promise<void>;
}

/** Connects a device with what its enrolment has granted. */
export async function connectDevice(
  options: TestDeviceOptions,
  granted: { readonly device: DeviceId; readonly credential: string; readonly cohort: string },
): Promise<TestDevice> {
  const { mqttUrl, token, name, line } = options;
  const { fleet } = token;
  const { device, credential } = granted;
  const key = keyOf(name);
  const client = await connectAsync(mqttUrl, {
    clientId: device,
    username: device,
    password: credential,
    reconnectPeriod: 0,
  });
  const waiting = new Set<() => void>();
  let contributionSequence = 0;
  let reportSequence = 0;
  const sign = <T>(type: Parameters<typeof encodeMessage<T>>[0], value: T): Uint8Array =>
    encodeMessage(type, value, [key], nodeCryptography);
  const self: TestDevice = {
    device,
    credential,
    key,
    client,
    decisions: [],
    receipts: new Map(),
    until: (isTrue) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!isTrue()) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    async send(channel, bytes) {
      await client.publishAsync(topics.up(fleet, device, channel), Buffer.from(bytes), { qos: 1 });
      return digestOf(nodeCryptography, bytes);
    },
    async receipt(digest) {
      await self.until(() => self.receipts.has(digest));
      return self.receipts.get(digest) as HubReceiptEntry;
    },
    contribution(base, delta, change = {}) {
      const encoded = encodeDelta(delta);
      const decoded = unwrap(decodeDelta(encoded, base.parameters));
      const result = encodeParameters(applyDelta(base.parameters, decoded));
      contributionSequence += 1;
      return sign(contributionMessage, {
        device,
        line,
        contributionSequence,
        base: base.version,
        delta: encoded,
        result: digestOf(nodeCryptography, result),
        examples: 40,
        steps: 10,
        evidence: { n: 40, wins: 5, losses: 1 },
        createdAtMs: 0 as EpochMs,
        ...change,
      });
    },
    sendReceipt: (change) =>
      self.send(
        "receipt",
        sign(deviceReceiptMessage, {
          device,
          line,
          decisionSequence: (self.decisions.at(-1)?.decisionSequence ?? 1) as never,
          outcome: "activated",
          active: options.active,
          code: "",
          message: "",
          atMs: 0 as EpochMs,
          ...change,
        }),
      ),
    sendReport(paired, change = {}) {
      reportSequence += 1;
      return self.send(
        "report",
        sign(reportMessage, {
          device,
          line,
          reportSequence,
          atMs: 0 as EpochMs,
          active: options.active,
          personalUsers: 0,
          users: 1,
          decisionSequence: (self.decisions.at(-1)?.decisionSequence ?? 0) as never,
          counts,
          paired: [...paired],
          state: "watching",
          ...change,
        }),
      );
    },
    close: () => client.endAsync(true),
  };
  client.on("message", (topic, payload) => {
    const bytes = new Uint8Array(payload);
    if (topic.endsWith("/decision")) {
      self.decisions.push(unwrap(decodeMessage(decisionMessage, bytes)).value);
    } else if (topic.endsWith("/down/receipt")) {
      const { value } = unwrap(decodeMessage(hubReceiptMessage, bytes));
      for (const entry of value.entries) self.receipts.set(entry.digest, entry);
    }
    for (const look of waiting) look();
  });
  await client.subscribeAsync(
    [topics.down(fleet, device, "receipt"), topics.decision(fleet, line, granted.cohort as never)],
    { qos: 1 },
  );
  return self;
}

/** Enrols a device and connects it. */
export async function enrolDevice(options: TestDeviceOptions): Promise<TestDevice> {
  const reply = await requestEnrolment(options);
  if (reply.grant === undefined) throw new Error(`refused: ${reply.refusal?.message}`);
  const { value } = unwrap(decodeMessage(assignmentMessage, reply.grant.assignment));
  return connectDevice(options, { ...reply.grant, cohort: value.cohort });
}
