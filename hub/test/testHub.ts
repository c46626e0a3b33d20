// A hub on loopback with a trust root, release keys and a small model line, for tests. The keys are the test's own.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  buildNetwork,
  buildPerceptron,
  buildReference,
  createModelPackage,
  createOrtRuntime,
  encodeModelPackage,
  learningDefaults,
  type ModelPackage,
  versionOf,
  withParameters,
} from "@attune/device-runtime/model";
import { createSeededRandom } from "@attune/device-runtime/testing";
import {
  type EnrolmentToken,
  type EpochMs,
  encodeMessage,
  type FleetId,
  type KeyPair,
  keyIdOf,
  type LineId,
  type ModelVersion,
  type ParameterDelta,
  type ParameterSet,
  parseEnrolmentToken,
  signedBytes,
  type TrustRoot,
  toHex,
  trustRootMessage,
  unwrap,
} from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { expect } from "vitest";
import {
  type AuditRow,
  createHub,
  encodeValidationSet,
  type Hub,
  type HubAddresses,
  type HubOptions,
  type HubState,
  type LinePolicyInput,
  type LineSummary,
  type SigningRequest,
} from "../src/index.ts";
import { enrolDevice, keyOf, type TestDevice } from "./testDevice.ts";

export const fleet: FleetId = "home" as FleetId;
export const line: LineId = "activity" as LineId;
export const releaseKey: KeyPair = keyOf("release");

const classCount = 3;
const channelCount = 4;
const labels = ["walking", "sitting", "lying"];

/** Windows that are plainly of one class each, and what they are. */
function makeWindows(
  count: number,
  seed: string,
): { readonly windows: Float32Array; readonly labels: Int32Array } {
  const random = createSeededRandom(seed);
  const windows = new Float32Array(count * channelCount);
  const made = new Int32Array(count);
  for (let sample = 0; sample < count; sample += 1) {
    const label = sample % classCount;
    made[sample] = label;
    for (let channel = 0; channel < channelCount; channel += 1) {
      const noise = (random.nextUint32() / 2 ** 32 - 0.5) * 0.5;
      windows[sample * channelCount + channel] = (channel === label ? 2 : 0) + noise;
    }
  }
  return { windows, labels: made };
}

let madePackage: Promise<ModelPackage> | undefined;

/** A small perceptron; it has learned nothing, and that is enough here. Made once. */
export function testPackage(): Promise<ModelPackage> {
  madePackage ??= makePackage();
  return madePackage;
}

/** A package of the same line whose input is normalised by running statistics. */
export function normalizingPackage(): Promise<ModelPackage> {
  return packageOf(
    buildNetwork(
      {
        input: [channelCount],
        layers: [{ kind: "batchNormalization" }, { kind: "dense", units: classCount }],
      },
      createSeededRandom("normalizing"),
    ),
  );
}

/** A package of the same line with another graph: as many hidden units as `hidden` says. */
export function makePackage(hidden = 6): Promise<ModelPackage> {
  return packageOf(
    buildPerceptron(
      { inputSize: channelCount, hidden: [hidden], classCount },
      createSeededRandom("model"),
    ),
  );
}

async function packageOf(model: Uint8Array): Promise<ModelPackage> {
  const preprocessing = {
    labels,
    channels: Array.from({ length: channelCount }, (_, index) => ({
      name: `c${index}`,
      offset: 0,
      scale: 1,
    })),
    windowSamples: 1,
    hopSamples: 1,
    sampleRateHz: 1,
    layout: "channelsFirst" as const,
  };
  const runtime = createOrtRuntime(await import("onnxruntime-node"));
  const calibration = unwrap(
    await buildReference({
      model,
      preprocessing,
      fit: makeWindows(90, "fit"),
      check: makeWindows(90, "check"),
      runtime,
    }),
  );
  return unwrap(
    createModelPackage({ line, model, preprocessing, calibration, learning: learningDefaults() }),
  );
}

/** A validation set of four persons. */
export function testValidationSet(): Uint8Array {
  const { windows, labels: made } = makeWindows(120, "validation");
  return encodeValidationSet({
    windowLength: channelCount,
    windows,
    labels,
    labelOf: Uint16Array.from(made),
    persons: ["p1", "p2", "p3", "p4"],
    personOf: Uint16Array.from(made, (_, sample) => sample % 4),
  });
}

/** A base as devices train from it. */
export interface TestBase {
  readonly version: ModelVersion;
  readonly parameters: ParameterSet;
}

/** A small change of every parameter, another for each seed. */
export function smallDelta({ parameters }: TestBase, seed: string, scale = 0.01): ParameterDelta {
  const random = createSeededRandom(seed);
  return parameters.map((tensor, index) => ({
    index,
    values: tensor.data.map(() => (random.nextUint32() / 2 ** 32 - 0.5) * scale),
  }));
}

/** A package like the test's with other weights, as an operator would import it. */
export async function otherPackage(seed: string, scale = 0.01): Promise<ModelPackage> {
  const modelPackage = await testPackage();
  const random = createSeededRandom(seed);
  return withParameters(
    modelPackage,
    modelPackage.parameters.map((tensor) => ({
      ...tensor,
      data: tensor.data.map(
        (value) => Math.fround(value + (random.nextUint32() / 2 ** 32 - 0.5) * scale) + 0,
      ),
    })),
  );
}

/** A policy under which nothing waits for the clock of a person. */
export const quickPolicy: LinePolicyInput = {
  window: { quorum: 4, contributionsMin: 2, deadlineMs: 3_600_000 },
  gate: {
    validation: { margin: 0.5, sliceMargin: 1 },
    shadow: { devicesMin: 3 },
  },
  rollout: { watchMs: 1, bakeMs: 1, margin: 0.2 },
};

/** A running hub and the hands of its operator. */
export interface TestHub {
  readonly hub: Hub;
  readonly addresses: HubAddresses;
  readonly folder: string;
  /** The token of the first start. */
  readonly adminToken: string;
  readonly audit: AuditRow[];
  state(): HubState;
  line(): LineSummary;
  /** Asks the API as admin. */
  ask<T = unknown>(method: string, path: string, body?: unknown): Promise<T>;
  /** The same, for answers that are problems. */
  askRaw(method: string, path: string, body?: unknown, token?: string | null): Promise<Response>;
  /** Resolves when `isTrue` holds, looked at after every commit. */
  until(isTrue: (state: HubState) => boolean, what?: string): Promise<void>;
  token(cohort?: string, uses?: number): Promise<EnrolmentToken>;
  /** Signs an open request with the release key. */
  sign(request?: string): Promise<SigningRequest>;
  importPackage(modelPackage: ModelPackage, query?: string): Promise<Response>;
  /** Trust root, first version, validation set. */
  found(first?: ModelPackage): Promise<TestBase>;
  enrol(name: string, cohort?: string): Promise<TestDevice>;
  enrolMany(count: number): Promise<TestDevice[]>;
  close(): Promise<void>;
  /** Closes and opens a hub on the same folder; `between` does something to it. */
  restart(between?: () => void): Promise<void>;
}

/** Starts a hub in a new folder. */
export async function startTestHub(options: Partial<HubOptions> = {}): Promise<TestHub> {
  const folder = options.dataFolder ?? mkdtempSync(join(tmpdir(), "attune-hub-"));
  const all: HubOptions = {
    fleet,
    mqtt: { kind: "embedded", tcpPort: 0, webSocketPort: null },
    http: null,
    policy: quickPolicy,
    pageFolder: null,
    ...options,
    dataFolder: folder,
  };
  const audit: AuditRow[] = [];
  const devices: TestDevice[] = [];
  const looks = new Set<() => void>();
  let hub = createHub(all);
  let addresses = await hub.start();
  const adminToken = addresses.adminToken ?? "";
  const listen = (): void => {
    const lookAll = (): void => {
      for (const look of looks) look();
    };
    hub.onAudit((row) => {
      audit.push(row);
      lookAll();
    });
    // What leaves no row, such as a report, shows in the state a little later.
    hub.onState(lookAll);
  };
  listen();

  const askRaw: TestHub["askRaw"] = (method, path, body, token = adminToken) => {
    const isBytes = body instanceof Uint8Array;
    return Promise.resolve(
      hub.app.request(path, {
        method,
        headers: {
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined || isBytes ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined
          ? {}
          : { body: isBytes ? new Uint8Array(body) : JSON.stringify(body) }),
      }),
    );
  };
  const ask = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const response = await askRaw(method, path, body);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text === "" ? null : JSON.parse(text)) as T;
  };

  const self: TestHub = {
    get hub() {
      return hub;
    },
    get addresses() {
      return addresses;
    },
    folder,
    adminToken,
    audit,
    state: () => hub.state(),
    line: () => hub.state().lines[0] as LineSummary,
    ask,
    askRaw,
    until: (isTrue, what = "a state") =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          reject(new Error(`${what} did not come: ${JSON.stringify(hub.state().lines, null, 1)}`));
        }, 20_000);
        const look = (): void => {
          if (!isTrue(hub.state())) return;
          looks.delete(look);
          clearTimeout(timer);
          resolve();
        };
        looks.add(look);
        look();
      }),
    async token(cohort = "default", uses = 1000) {
      const made = await ask<{ token: string }>("POST", "/api/enrolment-tokens", { cohort, uses });
      return unwrap(parseEnrolmentToken(made.token));
    },
    async sign(request) {
      const id =
        request ??
        (await ask<{ items: SigningRequest[] }>("GET", "/api/signing-requests?state=open")).items[0]
          ?.id;
      const open = await ask<SigningRequest>("GET", `/api/signing-requests/${id}`);
      const payload = new Uint8Array(Buffer.from(open.payload, "base64"));
      const message = signedBytes("releaseRecord", payload);
      return ask("POST", `/api/signing-requests/${id}/signatures`, {
        keyId: keyIdOf(nodeCryptography, releaseKey.publicKey),
        signature: toHex(nodeCryptography.sign(releaseKey.secretKey, message)),
      });
    },
    importPackage: (modelPackage, query = "") =>
      askRaw("POST", `/api/models${query}`, encodeModelPackage(modelPackage, nodeCryptography)),
    async found(first) {
      await ask("POST", "/api/trust/root", {
        frame: Buffer.from(await trustRootOf(self)).toString("base64"),
      });
      await ask("PUT", `/api/lines/${line}/validation-set`, testValidationSet());
      const modelPackage = first ?? (await testPackage());
      expect((await self.importPackage(modelPackage)).status).toBe(202);
      await self.until((state) => state.lines[0]?.challenger?.stage === "signing", "a request");
      await self.sign();
      await self.until((state) => state.lines[0]?.champion !== null, "a champion");
      return {
        version: versionOf(modelPackage, nodeCryptography),
        parameters: modelPackage.parameters,
      };
    },
    async enrol(name, cohort) {
      const modelPackage = await testPackage();
      const device = await enrolDevice({
        mqttUrl: addresses.mqttUrl ?? "",
        token: await self.token(cohort),
        name,
        line,
        active: versionOf(modelPackage, nodeCryptography),
      });
      devices.push(device);
      return device;
    },
    async enrolMany(count) {
      const enrolled: TestDevice[] = [];
      for (let index = 0; index < count; index += 1) {
        enrolled.push(await self.enrol(`dev-${String(index).padStart(2, "0")}`));
      }
      return enrolled;
    },
    async close() {
      for (const device of devices.splice(0)) await device.close();
      await hub.close();
      rmSync(folder, { recursive: true });
    },
    async restart(between) {
      await hub.close();
      between?.();
      hub = createHub(all);
      addresses = await hub.start();
      listen();
    },
  };
  return self;
}

/** The first trust root of a test's hub. */
export async function trustRootOf(
  testHub: Pick<TestHub, "ask">,
  change: Partial<TrustRoot> = {},
  signers: readonly KeyPair[] = [releaseKey],
): Promise<Uint8Array> {
  const { publicKey } = await testHub.ask<{ publicKey: string }>("GET", "/api/trust/hub-key");
  const root: TrustRoot = {
    fleet,
    version: 1,
    keys: [
      { publicKey: releaseKey.publicKey, role: "release" },
      { publicKey: new Uint8Array(Buffer.from(publicKey, "hex")), role: "hub" },
    ],
    releaseThreshold: 1,
    isDemo: true,
    issuedAtMs: 0 as EpochMs,
    expiresAtMs: 9e15 as EpochMs,
    ...change,
  };
  return encodeMessage(trustRootMessage, root, signers, nodeCryptography);
}
