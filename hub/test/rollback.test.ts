// Rollbacks and cohorts end to end: the preview is what happens, to the cohort that it names and to nobody else.
import { versionOf } from "@attune/device-runtime/model";
import type { ModelVersion } from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { RollbackPreview } from "../src/index.ts";
import type { TestDevice } from "./testDevice.ts";
import { otherPackage, quickPolicy, startTestHub, type TestBase, type TestHub } from "./testHub.ts";

let testHub: TestHub;
let first: TestBase;
beforeEach(async () => {
  testHub = await startTestHub({
    policy: { ...quickPolicy, gate: { ...quickPolicy.gate, shadow: { imported: false } } },
  });
  first = await testHub.found();
});
afterEach(() => testHub.close());

const targetOf = (device: TestDevice): string | undefined =>
  device.decisions.at(-1)?.champion.version;

/** Imports a version and lets all devices take it. */
async function release(
  devices: readonly TestDevice[],
  seed: string,
  query = "",
): Promise<ModelVersion> {
  const modelPackage = await otherPackage(seed, 0.001);
  const version = versionOf(modelPackage, nodeCryptography);
  const champion = testHub.line().champion?.version as ModelVersion;
  await testHub.importPackage(modelPackage, query);
  await testHub.until((state) => state.lines[0]?.challenger?.stage === "signing", "signing");
  await testHub.sign();
  for (const device of devices) {
    await device.until(() => device.decisions.at(-1)?.rollout?.target.version === version);
    await device.sendReceipt({ outcome: "activated", active: version });
    await device.sendReport([{ champion, challenger: version, n: 900, wins: 9, losses: 0 }], {
      active: version,
    });
  }
  await testHub.until((state) => state.lines[0]?.challenger?.stage === "spreading", "spreading");
  for (const device of devices) await device.sendReceipt({ outcome: "baked", active: version });
  await testHub.until((state) => state.lines[0]?.champion?.version === version, "promotion");
  return version;
}

it("[HB47] [HB48] [HB87] a rollback of a ward is previewed, done exactly so, and let go again", async () => {
  const ward = await testHub.enrol("dev-ward", "ward-3");
  const rest = [
    await testHub.enrol("dev-a"),
    await testHub.enrol("dev-b"),
    await testHub.enrol("dev-c"),
  ];
  for (const device of [ward, ...rest]) {
    await device.until(() => device.decisions.length > 0);
    await device.sendReceipt({ outcome: "baked", active: first.version });
  }
  await testHub.until((state) => state.lines[0]?.champion?.isBaked ?? false, "a baked version");
  const second = await release([ward, ...rest], "second");
  const order = {
    cohort: "ward-3",
    to: first.version.slice(0, 8),
    reason: "missed falls",
    personal: "park",
  };
  const preview = await testHub.ask<RollbackPreview>("POST", "/api/rollbacks", {
    ...order,
    dryRun: true,
  });
  expect(preview).toMatchObject({
    from: { version: second },
    to: { version: first.version },
    generationChange: -1,
    pins: true,
    done: false,
    devices: [{ device: "dev-ward", changes: true }],
  });
  const viewer = await testHub.ask<{ token: string }>("POST", "/api/access-tokens", {
    role: "viewer",
  });
  const shown = await testHub.askRaw(
    "GET",
    `/api/rollbacks/preview?cohort=ward-3&to=${order.to}&personal=park`,
    undefined,
    viewer.token,
  );
  expect(await shown.json()).toEqual({ ...preview, reason: "a preview" });
  const before = testHub.state().audit.length;
  const done = await testHub.ask<RollbackPreview>("POST", "/api/rollbacks", order);
  expect(done).toEqual({ ...preview, done: true, decisionSequence: done.decisionSequence });
  await ward.until(() => targetOf(ward) === first.version);
  expect(ward.decisions.at(-1)).toMatchObject({
    action: "rollback",
    personal: "park",
    reason: "missed falls",
  });
  expect(testHub.state().audit.length).toBeGreaterThan(before);
  const servedBy = (device: string): string | null | undefined =>
    testHub.state().devices.shown.find((row) => row.device === device)?.active;
  expect(servedBy("dev-ward")).toBe(second);
  await ward.receipt(await ward.sendReceipt({ outcome: "activated", active: first.version }));
  expect(servedBy("dev-ward"), "a receipt is believed before the next report").toBe(first.version);
  for (const device of rest) expect(targetOf(device)).toBe(second);
  expect(testHub.line().cohorts.find(({ cohort }) => cohort === "ward-3")).toMatchObject({
    serves: first.version,
    pin: { version: first.version, reason: "missed falls" },
  });
  await testHub.ask("DELETE", "/api/pins/activity/ward-3", { reason: "the new one is fine" });
  await ward.until(() => targetOf(ward) === second);
  const sequences = ward.decisions.map(({ decisionSequence }) => decisionSequence);
  expect(sequences).toEqual([...new Set(sequences)].sort((a, b) => a - b));
});

it("[HB48] below the security epoch there is no way back", async () => {
  const devices = [
    await testHub.enrol("dev-a"),
    await testHub.enrol("dev-b"),
    await testHub.enrol("dev-c"),
  ];
  for (const device of devices)
    await device.sendReceipt({ outcome: "baked", active: first.version });
  await testHub.until((state) => state.lines[0]?.champion?.isBaked ?? false, "a baked version");
  await release(devices, "safe", "?securityEpoch=1");
  expect(testHub.line().securityEpoch).toBe(1);
  const response = await testHub.askRaw("POST", "/api/rollbacks", {
    cohort: "default",
    to: first.version,
    reason: "old was better",
  });
  expect(await response.json()).toMatchObject({
    status: 409,
    code: "record.security_epoch_too_low",
  });
  const lower = await testHub.importPackage(await otherPackage("lower"), "?securityEpoch=0");
  expect(await lower.json()).toMatchObject({ code: "record.security_epoch_too_low" });
});

it("[HB46] a device that moves to another cohort gets that cohort's decision under a higher sequence", async () => {
  const device = await testHub.enrol("dev-a");
  await testHub.enrol("dev-b", "ward-3");
  await device.until(() => device.decisions.length > 0);
  const seen = device.decisions.at(-1)?.decisionSequence ?? 0;
  await testHub.ask("PUT", "/api/devices/dev-a/cohort", {
    cohort: "ward-3",
    reason: "moved house",
  });
  const decisions = await testHub.ask<{ items: { cohort: string; decisionSequence: number }[] }>(
    "GET",
    "/api/decisions?cohort=ward-3",
  );
  expect(decisions.items[0]?.decisionSequence).toBeGreaterThan(seen);
  expect(testHub.state().devices.shown.find((row) => row.device === "dev-a")?.cohort).toBe(
    "ward-3",
  );
});
