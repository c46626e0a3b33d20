// Every refusal of intake over real MQTT: receipted, counted in the API, audited; nothing lost, nothing stuck.
import {
  type Contribution,
  contributionMessage,
  type DeviceId,
  encodeCbor,
  encodeDelta,
  encodeFrame,
  encodeMessage,
  FRAME_BYTES_MAX,
  type ModelVersion,
  topics,
} from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { connectAsync } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ENROLMENTS_PER_KEY_MAX } from "../src/limits.ts";
import { connectDevice, keyOf, requestEnrolment, type TestDevice } from "./testDevice.ts";
import {
  fleet,
  line,
  quickPolicy,
  smallDelta,
  startTestHub,
  type TestBase,
  type TestHub,
} from "./testHub.ts";

interface RefusalCount {
  readonly device: string;
  readonly code: string;
  readonly count: number;
}

const countOf = async (testHub: TestHub, device: string, code: string): Promise<number> => {
  const { counts } = await testHub.ask<{ counts: RefusalCount[] }>(
    "GET",
    `/api/refusals?device=${encodeURIComponent(device)}`,
  );
  return counts.find((row) => row.code === code)?.count ?? 0;
};

describe("contributions", () => {
  let testHub: TestHub;
  let base: TestBase;
  let device: TestDevice;
  beforeAll(async () => {
    testHub = await startTestHub({ policy: { ...quickPolicy, window: { quorum: 99 } } });
    base = await testHub.found();
    device = await testHub.enrol("dev-a");
  });
  afterAll(() => testHub.close());

  const honest = (change: Partial<Contribution> = {}): Uint8Array =>
    device.contribution(base, smallDelta(base, "d"), change);
  const flippedAt = (bytes: Uint8Array, at: number): Uint8Array => {
    const copy = bytes.slice();
    copy[at] = (copy[at] as number) ^ 0xff;
    return copy;
  };
  const spoiled = (scale: number): Uint8Array => {
    const delta = encodeDelta(smallDelta(base, "d"));
    new DataView(delta.buffer).setFloat32(4, scale, true);
    return delta;
  };
  const only = (change: (index: number) => number): Uint8Array =>
    encodeDelta([{ index: change(0), values: Float32Array.of(0.5) }]);
  const signedBy = (name: string, change: Partial<Contribution> = {}): Uint8Array =>
    encodeMessage(
      contributionMessage,
      {
        device: device.device,
        line,
        contributionSequence: 900,
        base: base.version,
        delta: Uint8Array.of(1),
        result: "0".repeat(64) as never,
        examples: 1,
        steps: 1,
        evidence: { n: 1, wins: 0, losses: 0 },
        createdAtMs: 0 as never,
        ...change,
      },
      [keyOf(name)],
      nodeCryptography,
    );

  it.each<[string, () => Uint8Array]>([
    ["frame.too_large", () => new Uint8Array(FRAME_BYTES_MAX + 1)],
    ["frame.truncated", () => honest().slice(0, 50)],
    ["frame.magic_invalid", () => flippedAt(honest(), 0)],
    ["frame.protocol_unsupported", () => flippedAt(honest(), 2)],
    ["frame.kind_unexpected", () => flippedAt(honest(), 3)],
    [
      "frame.not_decodable",
      () => encodeFrame("contribution", Uint8Array.of(0xff), [device.key], nodeCryptography),
    ],
    [
      "message.schema_invalid",
      () =>
        encodeFrame(
          "contribution",
          encodeCbor({ device: device.device }),
          [device.key],
          nodeCryptography,
        ),
    ],
    ["signature.key_unknown", () => signedBy("somebody else")],
    ["signature.invalid", () => flippedAt(honest(), honest().length - 1)],
    ["base.unknown", () => honest({ base: "e".repeat(64) as ModelVersion })],
    ["delta.not_decodable", () => honest({ delta: Uint8Array.of(9) })],
    ["delta.shape_mismatch", () => honest({ delta: only(() => 99) })],
    ["delta.not_finite", () => honest({ delta: spoiled(Number.NaN) })],
    ["delta.norm_too_large", () => device.contribution(base, smallDelta(base, "d", 100))],
    ["delta.result_mismatch", () => honest({ result: "0".repeat(64) as never })],
  ])("[HB71] %s is receipted, counted and audited", async (code, make) => {
    const before = await countOf(testHub, device.device, code);
    const digest = await device.send("contribution", make());
    expect(await device.receipt(digest)).toMatchObject({
      outcome: "refused",
      code,
      message: expect.stringMatching(/.{10}/),
    });
    expect(await countOf(testHub, device.device, code)).toBe(before + 1);
    const audited = testHub.audit.filter(
      ({ action, detail }) => action === "refusal.counted" && detail["code"] === code,
    );
    expect(audited.length).toBeGreaterThan(0);
    expect(testHub.state().refusals.byCode[code]).toBe(before + 1);
  });

  it("[HB70] after all of that an honest contribution is committed, once, and its receipt is the same again", async () => {
    const bytes = honest({ contributionSequence: 500 });
    const digest = await device.send("contribution", bytes);
    expect(await device.receipt(digest)).toMatchObject({ outcome: "committed" });
    device.receipts.clear();
    await device.send("contribution", bytes);
    expect(await device.receipt(digest)).toMatchObject({ outcome: "committed" });
    const { items } = await testHub.ask<{ items: { digest: string }[] }>(
      "GET",
      "/api/contributions?device=dev-a",
    );
    expect(items.filter((row) => row.digest === digest)).toHaveLength(1);
  });

  it("[HB11] the same number with other bytes is contribution.replayed", async () => {
    await device.receipt(await device.send("contribution", honest({ contributionSequence: 600 })));
    const digest = await device.send(
      "contribution",
      honest({ contributionSequence: 600, examples: 41 }),
    );
    expect(await device.receipt(digest)).toMatchObject({
      outcome: "refused",
      code: "contribution.replayed",
    });
    expect(await countOf(testHub, device.device, "contribution.replayed")).toBe(1);
  });

  it("[HB12] a refused contribution gets the same refusal again", async () => {
    const bytes = honest({ contributionSequence: 700, base: "f".repeat(64) as ModelVersion });
    const digest = await device.send("contribution", bytes);
    const first = await device.receipt(digest);
    device.receipts.clear();
    await device.send("contribution", bytes);
    expect(await device.receipt(digest)).toEqual(first);
  });

  it("[HB70] numbers may come out of order", async () => {
    for (const contributionSequence of [802, 801]) {
      const digest = await device.send("contribution", honest({ contributionSequence }));
      expect(await device.receipt(digest)).toMatchObject({ outcome: "committed" });
    }
  });

  it("[HB5] a publish on another's topic is topic.forbidden, counted for who did it", async () => {
    const other = await testHub.enrol("dev-b");
    await device.client.publishAsync(
      topics.up(fleet, other.device, "contribution"),
      Buffer.from(honest()),
      { qos: 1 },
    );
    await testHub.hub.idle();
    expect(await countOf(testHub, "dev-a", "topic.forbidden")).toBe(1);
    expect(await countOf(testHub, "dev-b", "topic.forbidden")).toBe(0);
    expect(other.receipts.size).toBe(0);
  });

  it("[HB74] a message of another device on the own topic is topic.forbidden, and its bytes are not receipted", async () => {
    const before = await countOf(testHub, "dev-a", "topic.forbidden");
    const digest = await device.send(
      "contribution",
      signedBy("dev-b", { device: "dev-b" as DeviceId }),
    );
    await testHub.hub.idle();
    expect(await countOf(testHub, "dev-a", "topic.forbidden")).toBe(before + 1);
    expect(device.receipts.has(digest)).toBe(false);
  });

  it("[HB76] a device in quarantine is refused by its code, and heard again afterwards", async () => {
    await testHub.ask("POST", "/api/devices/dev-a/quarantine", { reason: "strange deltas" });
    const bytes = honest({ contributionSequence: 901 });
    const digest = await device.send("contribution", bytes);
    expect(await device.receipt(digest)).toMatchObject({
      outcome: "refused",
      code: "device.quarantined",
    });
    await device.sendReport([]);
    await testHub.until(
      (state) => state.devices.shown.some(({ doing }) => doing === "watching"),
      "a report",
    );
    await testHub.ask("DELETE", "/api/devices/dev-a/quarantine", { reason: "it was the sensor" });
    const later = await device.send("contribution", honest({ contributionSequence: 902 }));
    expect(await device.receipt(later)).toMatchObject({ outcome: "committed" });
  });

  it("[HB9] a retired device is cut off and does not come back", async () => {
    const gone = await testHub.enrol("dev-gone");
    const closed = new Promise((resolve) => gone.client.once("close", () => resolve(true)));
    await testHub.ask("POST", "/api/devices/dev-gone/retire", { reason: "sold" });
    expect(await closed).toBe(true);
    await expect(
      connectAsync(testHub.addresses.mqttUrl ?? "", {
        clientId: gone.device,
        username: gone.device,
        password: gone.credential,
        reconnectPeriod: 0,
      }),
    ).rejects.toMatchObject({ code: 4 });
  });
});

describe("windows and versions", () => {
  it("[HB71] window.full and contribution.too_stale", async () => {
    const testHub = await startTestHub({
      policy: {
        ...quickPolicy,
        window: { quorum: 2, contributionsMin: 1, contributionsMax: 2 },
        intake: { stalenessMax: 0 },
        gate: { ...quickPolicy.gate, shadow: { devicesMin: 1, betterLimit: 1 } },
      },
    });
    try {
      const base = await testHub.found();
      const devices = await testHub.enrolMany(3);
      const send = async (device: TestDevice) =>
        device.receipt(
          await device.send(
            "contribution",
            device.contribution(base, smallDelta(base, `${device.device}${Math.random()}`)),
          ),
        );
      await send(devices[0] as TestDevice);
      await send(devices[1] as TestDevice);
      await testHub.until(
        (state) => state.lines[0]?.challenger?.stage === "shadowing",
        "shadowing",
      );
      // The window that is open now fills while the challenger is on its way.
      await send(devices[0] as TestDevice);
      await send(devices[1] as TestDevice);
      expect(await send(devices[2] as TestDevice)).toMatchObject({ code: "window.full" });
      const challenger = testHub.line().challenger?.version?.version as ModelVersion;
      await (devices[0] as TestDevice).sendReport([
        { champion: base.version, challenger, n: 9, wins: 9, losses: 0 },
      ]);
      await testHub.until((state) => state.lines[0]?.challenger?.stage === "signing", "signing");
      await testHub.sign();
      for (const device of devices) {
        await device.until(() => device.decisions.at(-1)?.action === "canary");
        await device.sendReceipt({ outcome: "activated", active: challenger });
        await device.sendReport(
          [{ champion: base.version, challenger, n: 900, wins: 9, losses: 0 }],
          { reportSequence: 99 },
        );
      }
      await testHub.until(
        (state) => state.lines[0]?.challenger?.stage === "spreading",
        "spreading",
      );
      for (const device of devices)
        await device.sendReceipt({ outcome: "baked", active: challenger });
      await testHub.until((state) => state.lines[0]?.champion?.version === challenger, "promotion");
      expect(await send(devices[2] as TestDevice)).toMatchObject({
        code: "contribution.too_stale",
      });
    } finally {
      await testHub.close();
    }
  });
});

describe("enrolment", () => {
  let testHub: TestHub;
  let base: TestBase;
  beforeAll(async () => {
    testHub = await startTestHub();
    base = await testHub.found();
  });
  afterAll(() => testHub.close());

  const options = async (name: string, uses = 1) => ({
    mqttUrl: testHub.addresses.mqttUrl ?? "",
    token: await testHub.token("default", uses),
    name,
    line,
    active: base.version,
  });

  it("[HB78] a token is used once; the same key may ask again and is the same device", async () => {
    const first = await options("dev-one");
    const granted = await requestEnrolment(first);
    expect(granted.grant?.device).toBe("dev-one");
    const again = await requestEnrolment(first);
    expect(again.grant?.device).toBe("dev-one");
    // Another nonce is another enrolment.
    expect(again.grant?.credential).not.toBe(granted.grant?.credential);
    const other = await requestEnrolment({ ...first, name: "dev-two" });
    expect(other.refusal?.code).toBe("enrolment.token_exhausted");
    expect(testHub.state().devices.total).toBe(1);
    await testHub.hub.idle();
    expect(await countOf(testHub, "(enrolling)", "enrolment.token_exhausted")).toBe(1);
  });

  it("[HB79] the same request gets the same grant and changes nothing; an earlier one gets none", async () => {
    const seven = await options("dev-seven");
    const earlier = { ...seven, nonce: "1".repeat(32) };
    const granted = await requestEnrolment(earlier);
    const repeated = await requestEnrolment(earlier);
    expect(repeated).toEqual(granted);
    const { device, credential } = granted.grant ?? { device: "" as DeviceId, credential: "" };
    await (await connectDevice(seven, { device, credential, cohort: "default" })).close();
    const later = await requestEnrolment({ ...seven, nonce: "2".repeat(32) });
    expect(later.grant?.credential).not.toBe(granted.grant?.credential);
    const replayed = await requestEnrolment(earlier);
    expect(replayed.refusal?.code).toBe("enrolment.replayed");
    await testHub.restart();
    const after = { ...seven, mqttUrl: testHub.addresses.mqttUrl ?? "" };
    expect((await requestEnrolment({ ...after, nonce: "1".repeat(32) })).refusal?.code).toBe(
      "enrolment.replayed",
    );
    expect(await requestEnrolment({ ...after, nonce: "2".repeat(32) })).toEqual(later);
    const audited = testHub.audit.filter(
      ({ action, subject }) => action === "device.enrolled" && subject === "dev-seven",
    );
    expect(audited).toHaveLength(2);
  });

  it("[HB79] a key enrols so many times and no more, so that no nonce is ever forgotten", async () => {
    const eight = await options("dev-eight");
    for (let count = 0; count < ENROLMENTS_PER_KEY_MAX; count += 1) {
      expect((await requestEnrolment(eight)).grant?.device).toBe("dev-eight");
    }
    expect((await requestEnrolment(eight)).refusal?.code).toBe("enrolment.replayed");
  });

  it("[HB78] a name that is taken is refused, whatever the key", async () => {
    const three = await options("dev-three", 9);
    expect((await requestEnrolment(three)).grant?.device).toBe("dev-three");
    const thief = await requestEnrolment({ ...three, keyName: "a thief" });
    expect(thief.refusal?.code).toBe("enrolment.name_taken");
    const second = await requestEnrolment({
      ...three,
      token: await testHub.token(),
      name: "dev-3b",
      keyName: "dev-three",
    });
    expect(second.refusal?.code).toBe("enrolment.name_taken");
  });

  it("[HB4] a wrong or expired secret does not even connect", async () => {
    const right = await options("dev-four");
    await expect(
      requestEnrolment({ ...right, token: { ...right.token, secret: "x".repeat(43) } }),
    ).rejects.toMatchObject({ code: 4 });
  });

  it("[HB78] a request whose signature does not fit is refused and uses nothing up", async () => {
    const right = await options("dev-five");
    const reply = await requestEnrolment(right, (bytes) => {
      const copy = bytes.slice();
      copy[copy.length - 1] = (copy.at(-1) as number) ^ 1;
      return copy;
    });
    expect(reply.refusal?.code).toBe("signature.invalid");
    expect((await requestEnrolment(right)).grant?.device).toBe("dev-five");
  });
});
