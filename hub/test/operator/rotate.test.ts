// Release keys are replaced while a fleet runs: real commands, a real signer at work, real devices, and a broker that guards
// nothing, so that what devices believe is what signatures say.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeModelPackage, type ModelPackage, versionOf } from "@attune/device-runtime/model";
import { createDevice, type DeviceOptions } from "@attune/device-runtime/node";
import { createMemoryStorage } from "@attune/device-runtime/testing";
import {
  type CohortId,
  type Decision,
  type DecisionSequence,
  decisionMessage,
  decodeMessage,
  digestOf,
  encodeMessage,
  type FleetId,
  type KeyPair,
  keyIdOf,
  releaseRecordMessage,
  signedBytes,
  topics,
  trustRootMessage,
  unwrap,
} from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseEvents } from "../../src/cli/parseEvents.ts";
import type { HubState, SigningRequest, VersionDetail } from "../../src/state.ts";
import { type OpenBroker, startOpenBroker } from "../openBroker.ts";
import { line, otherPackage, quickPolicy, testPackage, testValidationSet } from "../testHub.ts";
import {
  type AttuneRun,
  type HubProcess,
  type LongProcess,
  runAttune,
  startHubProcess,
  startLongProcess,
} from "./attuneProcess.ts";

type Device = Awaited<ReturnType<typeof createDevice>>;

const fleet = "home" as FleetId;
let folder: string;
let broker: OpenBroker;
let hub: HubProcess;
let signer: LongProcess;
let first: ModelPackage;
let second: ModelPackage;
let oldToken: string;
let oldKey: KeyPair;
const devices: Device[] = [];

const attune = (command: string, ...words: string[]): Promise<AttuneRun> =>
  runAttune(folder, [...command.split(" "), ...words]);
const done = async (command: string, ...words: string[]): Promise<string> => {
  const run = await attune(command, ...words);
  expect(run.exitCode, run.stderr).toBe(0);
  return run.stdout;
};
const ask = (method: string, path: string, body?: unknown): Promise<Response> =>
  fetch(`${hub.httpUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${hub.adminToken}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

async function until(holds: (state: HubState) => boolean): Promise<void> {
  const controller = new AbortController();
  const answer = await fetch(`${hub.httpUrl}/api/events`, {
    headers: { authorization: `Bearer ${hub.adminToken}` },
    signal: controller.signal,
  });
  for await (const { event, data } of parseEvents(answer.body ?? new ReadableStream())) {
    if (event === "state" && holds(JSON.parse(data) as HubState)) break;
  }
  controller.abort();
}

/** Resolves when a device shows it, looked at after everything that it tells. */
const untilDevice = (device: Device, holds: () => boolean): Promise<void> =>
  new Promise((resolve) => {
    const timer = setInterval(() => {
      if (!holds()) return;
      clearInterval(timer);
      resolve();
    }, 20);
    void device.whenIdle();
  });

async function startDevice(
  proposedId: string,
  model: ModelPackage,
  enrolmentToken: string,
  storage: NonNullable<DeviceOptions["storage"]> = createMemoryStorage(),
): Promise<Device> {
  const device = await createDevice({
    model: encodeModelPackage(model, nodeCryptography),
    storage,
    hub: broker.url,
    enrolmentToken,
    proposedId,
  });
  devices.push(device);
  await untilDevice(device, () => device.inspect().enrolment.state === "enrolled");
  return device;
}

const keyFiles = (): string[] => readdirSync(join(folder, "attune-signer/keys")).sort();
const keyOfFile = (name: string): KeyPair => {
  const text = readFileSync(join(folder, "attune-signer/keys", name), "utf8");
  const { secretKey } = JSON.parse(text) as { secretKey: string };
  return nodeCryptography.keyPair(Uint8Array.from(Buffer.from(secretKey, "hex")));
};
const versionIn = (model: ModelPackage): string => versionOf(model, nodeCryptography);
const signRequest = async (): Promise<void> => {
  await until(({ lines }) => lines[0]?.challenger?.stage === "signing");
  const { items } = (await (await ask("GET", "/api/signing-requests?state=open")).json()) as {
    items: SigningRequest[];
  };
  await done(`signer approve ${items[0]?.id}`);
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "attune-rotate-"));
  first = await testPackage();
  second = await otherPackage("second");
  const policy = {
    ...quickPolicy,
    gate: { ...quickPolicy.gate, shadow: { imported: false } },
  };
  writeFileSync(join(folder, "policy.json"), JSON.stringify(policy));
  writeFileSync(join(folder, "first.attune"), encodeModelPackage(first, nodeCryptography));
  writeFileSync(join(folder, "second.attune"), encodeModelPackage(second, nodeCryptography));
  const third = await otherPackage("third");
  writeFileSync(join(folder, "third.attune"), encodeModelPackage(third, nodeCryptography));
  writeFileSync(join(folder, "people.validation"), testValidationSet());
  broker = await startOpenBroker();
  hub = await startHubProcess(folder, ["--policy", "policy.json", "--broker", broker.url]);
  await done("signer init");
  oldKey = keyOfFile(keyFiles()[0] ?? "");
  await done("model add first.attune --line", line);
  await signRequest();
  await until(({ lines }) => lines[0]?.champion?.version === versionIn(first));
  await done("validation add people.validation");
  await done("signer delegate --base", versionIn(first), "--norm-max", "5");
  signer = startLongProcess(folder, ["signer", "run", "--every", "50ms"]);
  await signer.until(/signing for/);
  oldToken = (await done("device token --uses 9")).trim();
}, 60_000);

afterAll(async () => {
  for (const device of devices) await device.close();
  await signer?.stop();
  await hub?.stop();
  await broker?.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("release keys are replaced", () => {
  let before: Device;
  let thief: Uint8Array;

  it("shows what it will do, and does nothing unasked", async () => {
    before = await startDevice("before", first, oldToken);
    expect(before.inspect().trustRoot?.version).toBe(1);
    const run = await attune("signer rotate");
    expect(run).toMatchObject({ exitCode: 6, stdout: "" });
    expect(run.stderr).toMatch(/go +[0-9a-f]{16}/);
    expect(run.stderr).toMatch(/released +1 version stays so: activity@/);
    expect(keyFiles()).toHaveLength(1);
    for (const [words, exitCode, says] of [
      ["signer rotate --replace 0000", 2, "names no release key"],
      ["signer rotate --renew --replace 0000", 2, "give one of them"],
      ["signer rotate --keys 9", 2, "from 1 to 4"],
      ["signer rotate --hub-key 0011223344556677 --yes", 5, "trust.root_mismatch"],
      [`signer rotate --leave-out ${versionIn(first)} --yes`, 5, "is served now"],
    ] as const) {
      const wrong = await attune(words);
      expect(wrong.stderr).toContain(says);
      expect(wrong.exitCode).toBe(exitCode);
    }
    // What the hub refused leaves no key behind.
    expect(keyFiles()).toHaveLength(1);
  });

  it("[HB39] makes the next root with old and new keys; devices and the signer follow by themselves", async () => {
    const out = JSON.parse(await done("-o json signer rotate --yes")) as { releaseKeys: string[] };
    expect(out.releaseKeys).not.toContain(keyIdOf(nodeCryptography, oldKey.publicKey));
    expect(keyFiles()).toHaveLength(2);
    await untilDevice(before, () => before.inspect().trustRoot?.version === 2);
    await signer.until(new RegExp(`trust root 2: signing with ${out.releaseKeys[0]}`));
    expect(before.inspect().refusals).toEqual([]);
    expect(await done("signer status")).toMatch(/delegation +activity: aggregates within 5/);
  });

  it("[HB39] what the new key signs is promoted, and devices take it", async () => {
    await done("model add second.attune --line", line);
    await signRequest();
    await until(({ lines }) => lines[0]?.challenger?.stage === "canary");
    await untilDevice(before, () => before.inspect().slots.active.version === versionIn(second));
    await done("rollout proceed --reason tried");
    await until(({ lines }) => lines[0]?.champion?.version === versionIn(second));
    expect(before.inspect().refusals).toEqual([]);
  });

  it("[HB39] a rollback to what the old key had signed is taken", async () => {
    await done("rollback --cohort default --yes --reason back --to", versionIn(first));
    await untilDevice(before, () => before.inspect().slots.active.version === versionIn(first));
    expect(before.inspect().refusals).toEqual([]);
  });

  it("[HB38] a token that names the root before goes on working: its device follows, and believes what was signed again", async () => {
    const after = await startDevice("after", second, oldToken);
    await untilDevice(after, () => after.inspect().trustRoot?.version === 2);
    await untilDevice(after, () => after.inspect().slots.active.version === versionIn(first));
    expect(after.inspect().refusals).toEqual([]);
  });

  it("what the old key alone signs is refused by its code: at the hub, as a record, as a decision", async () => {
    await done("model add third.attune --line", line);
    await until(({ lines }) => lines[0]?.challenger?.stage === "signing");
    const { items: open } = (await (
      await ask("GET", "/api/signing-requests?state=open")
    ).json()) as {
      items: SigningRequest[];
    };
    const request = `/api/signing-requests/${open[0]?.id}`;
    const payload = new Uint8Array(Buffer.from(open[0]?.payload ?? "", "base64"));
    const signature = nodeCryptography.sign(
      oldKey.secretKey,
      signedBytes("releaseRecord", payload),
    );
    const atHub = await ask("POST", `${request}/signatures`, {
      keyId: keyIdOf(nodeCryptography, oldKey.publicKey),
      signature: Buffer.from(signature).toString("hex"),
    });
    expect(((await atHub.json()) as { code: string }).code).toBe("signature.key_unknown");
    await ask("POST", `${request}/refusal`, { code: "test.over", message: "it has been shown" });
    const detail = (await (
      await ask("GET", `/api/versions/${versionIn(second)}`)
    ).json()) as VersionDetail;
    const { value: record } = unwrap(
      decodeMessage(releaseRecordMessage, Buffer.from(detail.record ?? "", "base64")),
    );
    const stolen = encodeMessage(releaseRecordMessage, record, [oldKey], nodeCryptography);
    const seed = readFileSync(join(folder, "attune-data/online.key"), "utf8").trim();
    const hubKey = nodeCryptography.keyPair(Uint8Array.from(Buffer.from(seed, "hex")));
    const { items } = (await (await ask("GET", "/api/decisions?limit=1")).json()) as {
      items: { frame: string }[];
    };
    const { value: latest } = unwrap(
      decodeMessage(decisionMessage, Buffer.from(items[0]?.frame ?? "", "base64")),
    );
    const digest = digestOf(nodeCryptography, stolen);
    const decision = (sequence: number): Decision => ({
      ...latest,
      decisionSequence: (latest.decisionSequence + sequence) as DecisionSequence,
      champion: {
        version: record.version,
        generation: record.generation,
        securityEpoch: record.securityEpoch,
        record: { digest, bytes: stolen.length },
      },
    });
    const topic = topics.decision(fleet, line, "default" as CohortId);
    // Somebody has the hub's key and the old release key: the worst that a rotation is for.
    await broker.publish(topics.blob(fleet, digest), stolen);
    const byHub = encodeMessage(decisionMessage, decision(1), [hubKey], nodeCryptography);
    await broker.publish(topic, byHub);
    const refusals = (): { where: string; code: string }[] =>
      before.inspect().refusals.map(({ about, code }) => ({ where: about, code }));
    await untilDevice(before, () => refusals().length > 0);
    expect(refusals()).toEqual([{ where: "version", code: "signature.key_unknown" }]);
    // Signed by the old release key itself.
    await broker.publish(
      topic,
      encodeMessage(decisionMessage, decision(2), [oldKey], nodeCryptography),
    );
    await untilDevice(before, () => refusals().length > 1);
    expect(refusals().at(-1)).toEqual({ where: "decision", code: "signature.key_unknown" });
    expect(before.inspect().slots.active.version).toBe(versionIn(first));
  });

  it("[HB39] the key that was rotated out cannot rotate back, neither at the hub nor on a device", async () => {
    const bytes = new Uint8Array(await (await ask("GET", "/trust-roots/2")).arrayBuffer());
    const { value: root } = unwrap(decodeMessage(trustRootMessage, bytes));
    const back = {
      ...root,
      version: 3,
      keys: [
        { publicKey: oldKey.publicKey, role: "release" as const },
        ...root.keys.filter(({ role }) => role === "hub"),
      ],
    };
    thief = encodeMessage(trustRootMessage, back, [oldKey], nodeCryptography);
    const answer = await ask("POST", "/api/trust/root", {
      frame: Buffer.from(thief).toString("base64"),
    });
    expect(((await answer.json()) as { code: string }).code).toBe("signature.key_unknown");
    await broker.publish(topics.trustRoot(fleet), thief);
    await untilDevice(before, () => before.inspect().refusals.at(-1)?.about === "trustRoot");
    expect(before.inspect().refusals.at(-1)?.code).toBe("signature.key_unknown");
    expect(before.inspect().trustRoot?.version).toBe(2);
  });

  it("[HB38] rotates again, with two keys; who slept through a root finds the way from the first", async () => {
    const out = JSON.parse(await done("-o json signer rotate --yes --keys 2 --threshold 2")) as {
      version: number;
      releaseKeys: string[];
    };
    expect(out).toMatchObject({ version: 3 });
    expect(out.releaseKeys).toHaveLength(2);
    // The token still names root 1, and root 3 follows it directly.
    const late = await startDevice("late", first, oldToken);
    await untilDevice(late, () => late.inspect().trustRoot?.version === 3);
    const status = await done("signer status");
    expect(status).toMatch(/trust root +3, 2 must sign/);
  });

  it("[HB38] a token from whose root nobody can follow is refused and says so", async () => {
    // The keys of root 1 are gone for good: what it names can sign nothing more.
    for (const name of keyFiles()) {
      if (name.startsWith(keyIdOf(nodeCryptography, oldKey.publicKey))) {
        rmSync(join(folder, "attune-signer/keys", name));
      }
    }
    const run = await attune("signer rotate --yes");
    expect(run.exitCode, run.stderr).toBe(0);
    expect(run.stderr).toContain("since trust root 1 must enrol again");
    const lost = await createDevice({
      model: encodeModelPackage(first, nodeCryptography),
      storage: createMemoryStorage(),
      hub: broker.url,
      enrolmentToken: oldToken,
      proposedId: "lost",
    });
    devices.push(lost);
    await untilDevice(lost, () => lost.inspect().enrolment.state === "refused");
    expect(lost.inspect().enrolment.code).toBe("enrolment.token_invalid");
    await untilDevice(before, () => before.inspect().trustRoot?.version === 4);
  });
});
