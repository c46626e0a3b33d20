// The gate with real models: what an operator imports and what devices say, answered by ONNX Runtime.
import { encodeModelPackage, versionOf, withParameters } from "@attune/device-runtime/model";
import { createDevice } from "@attune/device-runtime/node";
import { createMemoryStorage } from "@attune/device-runtime/testing";
import {
  applyDelta,
  decodeDelta,
  digestOf,
  encodeParameters,
  modelVersionOf,
  type ReleaseParts,
  unwrap,
} from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { afterEach, beforeEach, expect, it } from "vitest";
import { brokenVariance } from "../src/core/gate/brokenVariance.ts";
import {
  line,
  makePackage,
  normalizingPackage,
  otherPackage,
  quickPolicy,
  startTestHub,
  type TestBase,
  type TestHub,
  testPackage,
} from "./testHub.ts";

let testHub: TestHub;
let base: TestBase;
beforeEach(async () => {
  testHub = await startTestHub({
    policy: {
      ...quickPolicy,
      gate: { validation: { margin: 0.02, sliceMargin: 0.2 }, shadow: { devicesMin: 3 } },
    },
  });
  base = await testHub.found();
});
afterEach(() => testHub.close());

it("[HB35] an imported version is compared by devices as its nearest neighbour, which they rebuild bit for bit", async () => {
  const devices = await testHub.enrolMany(3);
  const imported = await otherPackage("good", 0.001);
  const version = versionOf(imported, nodeCryptography);
  expect((await testHub.importPackage(imported, "?note=quarterly")).status).toBe(202);
  await testHub.until((state) => state.lines[0]?.challenger?.stage === "shadowing", "shadowing");
  const [device] = devices;
  await device?.until(() => device.decisions.at(-1)?.shadow !== undefined);
  const shadow = device?.decisions.at(-1)?.shadow;
  const blob = await testHub.hub.app.request(`/blobs/${shadow?.delta.digest}`);
  const delta = unwrap(decodeDelta(new Uint8Array(await blob.arrayBuffer()), base.parameters));
  const { parts } = await testHub.ask<{ parts: ReleaseParts }>(
    "GET",
    `/api/versions/${base.version}`,
  );
  const rebuilt = modelVersionOf(
    {
      graph: parts.graph.digest,
      preprocessing: parts.preprocessing.digest,
      calibration: parts.calibration.digest,
      parameters: digestOf(nodeCryptography, encodeParameters(applyDelta(base.parameters, delta))),
    },
    nodeCryptography,
  );
  expect(shadow?.version).toBe(rebuilt);
  expect(rebuilt).not.toBe(version);
  for (const each of devices) {
    await each.sendReport([
      { champion: base.version, challenger: rebuilt, n: 40, wins: 6, losses: 0 },
    ]);
  }
  await testHub.until((state) => state.lines[0]?.challenger?.stage === "signing", "signing");
  await testHub.sign();
  await testHub.until((state) => state.lines[0]?.challenger?.stage === "canary", "canary");
  expect(testHub.line().challenger?.rollout?.challenger).toBe(version);
  const { record, note } = await testHub.ask<{ record: string; note: string }>(
    "GET",
    `/api/versions/${version.slice(0, 8)}`,
  );
  expect({ hasRecord: record.length > 0, note }).toEqual({ hasRecord: true, note: "quarterly" });
});

it("[HB35] a version with another graph is not compared in shadow: validation decides, a real device loads it, and goes back", async () => {
  await testHub.ask("PUT", "/api/lines/activity/policy", {
    policy: { gate: { validation: { margin: 0.9, sliceMargin: 1 } } },
    reason: "weights that have learned nothing",
  });
  const { fleet, secret, fingerprint } = await testHub.token();
  const device = await createDevice({
    model: encodeModelPackage(await testPackage(), nodeCryptography),
    storage: createMemoryStorage(),
    hub: testHub.addresses.mqttUrl ?? "",
    enrolmentToken: `${fleet}.${secret}.${fingerprint}`,
    proposedId: "real",
  });
  await testHub.until(({ lines }) => lines[0]?.champion?.isBaked === true, "a baked champion");
  const imported = await makePackage(9);
  const version = versionOf(imported, nodeCryptography);
  await testHub.importPackage(imported);
  await testHub.until((state) => state.lines[0]?.challenger?.stage === "signing", "signing");
  const shadow = testHub.line().challenger?.gate.checks.find(({ name }) => name === "shadow");
  expect(shadow).toMatchObject({
    outcome: "skipped",
    text: "it has another graph than the champion: validation decides alone",
  });
  await testHub.sign();
  await testHub.until((state) => state.lines[0]?.challenger?.stage === "canary", "canary");
  await testHub.ask("POST", `/api/rollouts/${line}/proceed`, { reason: "one device" });
  await testHub.until(({ lines }) => lines[0]?.champion?.version === version, "a promotion");
  expect(device.inspect().slots.active.version).toBe(version);
  const answer = await device.user("anna").predict(new Float32Array(4));
  expect(answer.modelVersion).toBe(version);
  const order = { cohort: "default", to: base.version, reason: "back to the old graph" };
  await testHub.ask("POST", "/api/rollbacks", order);
  await testHub.until(() => device.inspect().slots.active.version === base.version, "the way back");
  expect((await device.user("anna").predict(new Float32Array(4))).modelVersion).toBe(base.version);
  await device.close();
});

it("[HB32] [HB82] a version that answers worse on the validation set is rejected, with the figures of real answers", async () => {
  const modelPackage = await testPackage();
  // The last bias pushes every answer to one class.
  const spoiled = withParameters(
    modelPackage,
    modelPackage.parameters.map((tensor) =>
      tensor.dims.length === 1 && tensor.data.length === 3
        ? { ...tensor, data: Float32Array.of(50, -50, -50) }
        : tensor,
    ),
  );
  await testHub.importPackage(spoiled);
  const version = versionOf(spoiled, nodeCryptography);
  await testHub.until(
    (state) =>
      state.lines[0]?.versions.some(
        (row) => row.version === version && row.status === "rejected",
      ) ?? false,
    "a rejection",
  );
  const { gate } = await testHub.ask<{
    gate: {
      verdict: string;
      because: string;
      checks: { name: string; outcome: string; evidence: Record<string, unknown> }[];
    };
  }>("GET", `/api/versions/${version}`);
  expect(gate.verdict).toBe("reject");
  const validation = gate.checks.find(({ name }) => name === "validation");
  expect(validation?.evidence["samples"]).toBe(120);
  expect(validation?.evidence["challengerAccuracy"]).toBeCloseTo(1 / 3);
  expect(gate.because).toMatch(/^validation: mean over 4 persons -?\+?\d/);
});

it("[HB34] a person approves what is held, with a reason; what does not wait for a person cannot be approved", async () => {
  await testHub.ask("PUT", "/api/lines/activity/policy", {
    policy: { gate: { shadow: { deadlineMs: 1 } } },
    reason: "no device will answer",
  });
  const imported = await otherPackage("held", 0.001);
  const version = versionOf(imported, nodeCryptography);
  const approve = (verdict: string): Promise<Response> =>
    testHub.askRaw("POST", `/api/versions/${version}/approval`, { verdict, reason: "seen it" });
  await testHub.importPackage(imported);
  await testHub.until((state) => state.lines[0]?.challenger?.stage === "held", "a hold");
  expect(testHub.line().challenger?.why).toContain("0 of 3 devices have compared");
  expect((await approve("promote")).status).toBe(200);
  expect(testHub.line().challenger?.stage).toBe("signing");
  expect((await approve("promote")).status).toBe(409);
  const row = testHub.audit.find(({ action }) => action === "approval.given");
  expect(row).toMatchObject({
    reason: "seen it",
    actor: expect.stringMatching(/^admin:/),
    subject: `activity@${version.slice(0, 8)}`,
  });
});

it("[HB107] a mean of deltas that takes a variance to zero or below is rejected, and the reason names the parameter", async () => {
  await testHub.close();
  testHub = await startTestHub();
  const normalizing = await normalizingPackage();
  base = await testHub.found(normalizing);
  const index = base.parameters.findIndex(({ name }) => name.includes("variance"));
  const { name, data } = base.parameters[index] as TestBase["parameters"][number];
  const send = async (values: Float32Array): Promise<void> => {
    for (const device of devices) {
      const frame = device.contribution(base, [{ index, values }]);
      await device.receipt(await device.send("contribution", frame));
    }
  };
  const devices = await testHub.enrolMany(4);
  // Below zero by less than the normalisation's epsilon: every answer stays finite.
  const below = data.map((value, channel) => (channel === 1 ? -value - 5e-6 : 0));
  await send(below);
  const verdict = (row: { action: string; detail: object }): boolean =>
    row.action === "gate.verdict" && "verdict" in row.detail && row.detail.verdict === "reject";
  await testHub.until(() => testHub.audit.some(verdict), "a verdict");
  expect(testHub.audit.find(verdict)?.reason).toMatch(
    new RegExp(`^sanity: ${name} is the running variance of a normalisation and has -.*above 0$`),
  );
  expect(testHub.line().champion?.version).toBe(base.version);
  // A smaller one is one like any other.
  await send(data.map((value, channel) => (channel === 1 ? -value / 2 : 0)));
  await testHub.until((state) => state.lines[0]?.challenger?.stage === "shadowing", "shadowing");
});

it("[HB107] a variance of zero is allowed only where the champion has one", async () => {
  const { parameters, graph } = await normalizingPackage();
  const at = parameters.findIndex(({ name }) => name.includes("variance"));
  const withVariance = (value: number): typeof parameters =>
    parameters.map((tensor, index) =>
      index === at
        ? { ...tensor, data: tensor.data.map((one, channel) => (channel === 2 ? value : one)) }
        : tensor,
    );
  const name = parameters[at]?.name;
  expect(brokenVariance(graph, withVariance(1e-9), parameters)).toBeNull();
  expect(brokenVariance(graph, withVariance(0), parameters)).toEqual({ name, value: 0 });
  expect(brokenVariance(graph, withVariance(0), withVariance(0))).toBeNull();
  expect(brokenVariance(graph, withVariance(0), null)).toBeNull();
  for (const champion of [null, parameters, withVariance(-1)]) {
    expect(brokenVariance(graph, withVariance(-1), champion)).toEqual({ name, value: -1 });
  }
});
