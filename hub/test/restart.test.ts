// What a hub that was closed, or that lost its broker, goes on with.
import { cpSync, rmSync } from "node:fs";
import {
  decisionMessage,
  decodeMessage,
  type ModelVersion,
  topics,
  trustRootMessage,
  unwrap,
} from "@attune/protocol";
import { connectAsync, type MqttClient } from "mqtt";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { TestDevice } from "./testDevice.ts";
import { connectDevice, requestEnrolment } from "./testDevice.ts";
import { fleet, line, smallDelta, startTestHub, type TestHub } from "./testHub.ts";

let testHub: TestHub;
beforeEach(async () => {
  testHub = await startTestHub();
});
afterEach(() => testHub.close());

/** What is retained on some topics, as a device that just connected hears it. */
async function retained(
  device: TestDevice,
  names: readonly string[],
): Promise<Map<string, Uint8Array>> {
  const client: MqttClient = await connectAsync(testHub.addresses.mqttUrl ?? "", {
    clientId: device.device,
    username: device.device,
    password: device.credential,
    reconnectPeriod: 0,
  });
  const heard = new Map<string, Uint8Array>();
  const all = new Promise<void>((resolve) => {
    client.on("message", (topic, payload, packet) => {
      if (packet.retain) heard.set(topic, new Uint8Array(payload));
      if (heard.size === names.length) resolve();
    });
  });
  await client.subscribeAsync([...names], { qos: 1 });
  await all;
  client.end(true);
  return heard;
}

it("[HB2] [HB52] decisions, trust root, assignments and small blobs are retained again after a restart, the same bytes", async () => {
  const base = await testHub.found();
  const device = await testHub.enrol("dev-a");
  await device.until(() => device.decisions.length > 0);
  const { record } = device.decisions[0]?.champion ?? {};
  const detail = await testHub.ask<{ parts: { parameters: { digest: string } } }>(
    "GET",
    `/api/versions/${base.version}`,
  );
  const names = [
    topics.decision(fleet, line, "default" as never),
    topics.trustRoot(fleet),
    topics.down(fleet, device.device, "assignment"),
    topics.blob(fleet, record?.digest as never),
    topics.blob(fleet, detail.parts.parameters.digest as never),
  ];
  const before = await retained(device, names);
  await testHub.restart();
  expect(await retained(device, names)).toEqual(before);
  const decision = unwrap(
    decodeMessage(decisionMessage, before.get(names[0] as string) as Uint8Array),
  ).value;
  expect(decision.champion.version).toBe(base.version);
  expect(
    unwrap(decodeMessage(trustRootMessage, before.get(names[1] as string) as Uint8Array)).value
      .version,
  ).toBe(1);
});

it("[HB52] a window goes on after a restart and its candidate is the same", async () => {
  const base = await testHub.found();
  const devices = await testHub.enrolMany(4);
  const send = async (device: TestDevice): Promise<void> => {
    const bytes = device.contribution(base, smallDelta(base, device.device));
    await device.receipt(await device.send("contribution", bytes));
  };
  for (const device of devices.slice(0, 3)) await send(device);
  const [told] = devices as [TestDevice];
  await told.receipt(await told.sendReceipt({ outcome: "activated", active: base.version }));
  await testHub.restart();
  const activeOf = testHub.state().devices.shown.map(({ device, active }) => [device, active]);
  expect(activeOf).toContainEqual([told.device, base.version]);
  expect(testHub.line().window).toMatchObject({ number: 1, contributionCount: 3 });
  const last = devices[3] as TestDevice;
  const again = await connectDevice(
    {
      mqttUrl: testHub.addresses.mqttUrl ?? "",
      token: await testHub.token(),
      name: last.device,
      line,
      active: base.version,
    },
    { device: last.device, credential: last.credential, cohort: "default" },
  );
  await send(again);
  await testHub.until((state) => state.lines[0]?.challenger?.stage === "shadowing", "shadowing");
  const version = testHub.line().challenger?.version?.version;
  await again.close();

  // The same contributions, in another order, without any restart.
  const other = await startTestHub();
  const sameBase = await other.found();
  expect(sameBase.version).toBe(base.version);
  for (const device of (await other.enrolMany(4)).reverse()) {
    const bytes = device.contribution(sameBase, smallDelta(base, device.device));
    await device.receipt(await device.send("contribution", bytes));
  }
  await other.until((state) => state.lines[0]?.challenger?.stage === "shadowing", "shadowing");
  expect(other.line().challenger?.version?.version).toBe(version);
  await other.close();
});

it("[HB52] a challenger goes on in whatever stage it was", async () => {
  const base = await testHub.found();
  const devices = await testHub.enrolMany(4);
  for (const device of devices) {
    const bytes = device.contribution(base, smallDelta(base, device.device));
    await device.receipt(await device.send("contribution", bytes));
  }
  await testHub.until((state) => state.lines[0]?.challenger?.stage === "shadowing", "shadowing");
  const challenger = testHub.line().challenger?.version?.version as ModelVersion;
  for (const device of devices.slice(0, 2)) {
    await device.sendReport([{ champion: base.version, challenger, n: 40, wins: 8, losses: 0 }]);
  }
  await testHub.hub.idle();
  await testHub.restart();
  expect(testHub.line().challenger).toMatchObject({
    stage: "shadowing",
    why: expect.stringContaining("2 of 3 devices have compared"),
  });
  const third = devices[2] as TestDevice;
  const again = await connectDevice(
    {
      mqttUrl: testHub.addresses.mqttUrl ?? "",
      token: await testHub.token(),
      name: third.device,
      line,
      active: base.version,
    },
    { device: third.device, credential: third.credential, cohort: "default" },
  );
  await again.sendReport([{ champion: base.version, challenger, n: 40, wins: 8, losses: 0 }]);
  await testHub.until((state) => state.lines[0]?.challenger?.stage === "signing", "signing");
  await testHub.restart();
  await testHub.sign();
  await testHub.until((state) => state.lines[0]?.challenger?.stage === "canary", "canary");
  const { selectedDevices } = testHub.line().challenger?.rollout ?? {};
  await testHub.restart();
  expect(testHub.line().challenger?.rollout?.selectedDevices).toEqual(selectedDevices);
  expect(await testHub.ask("GET", "/api/audit/verify")).toMatchObject({ ok: true });
});

it("[HB78] a hub that was restored from a backup older than an enrolment gives the device its place again", async () => {
  const base = await testHub.found();
  const token = await testHub.token();
  const backup = `${testHub.folder}-backup`;
  try {
    await testHub.restart(() => cpSync(testHub.folder, backup, { recursive: true }));
    const enrolment = () => ({
      mqttUrl: testHub.addresses.mqttUrl ?? "",
      token,
      name: "dev-a",
      line,
      active: base.version,
    });
    const { grant } = await requestEnrolment(enrolment());
    if (grant === undefined) throw new Error("no grant");
    await testHub.restart(() => {
      rmSync(testHub.folder, { recursive: true });
      cpSync(backup, testHub.folder, { recursive: true });
    });
    // The broker's refusal is the one that makes a device ask again.
    await expect(connectDevice(enrolment(), { ...grant, cohort: "default" })).rejects.toMatchObject(
      { code: 4 },
    );
    const again = await requestEnrolment(enrolment());
    expect(again.grant).toMatchObject({ device: "dev-a" });
    const device = await connectDevice(enrolment(), {
      ...(again.grant as typeof grant),
      cohort: "default",
    });
    await device.until(() => device.decisions.length > 0);
    await device.close();
  } finally {
    rmSync(backup, { recursive: true, force: true });
  }
});

it("[HB60] the audit says when a hub was stopped and started", async () => {
  await testHub.restart();
  const { items } = await testHub.ask<{ items: { action: string }[] }>("GET", "/api/audit");
  const actions = items.map(({ action }) => action).filter((action) => action.startsWith("hub."));
  expect(actions).toEqual(["hub.started", "hub.stopped", "hub.started"]);
});
