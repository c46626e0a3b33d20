// The whole loop over real MQTT, a real database and real ONNX Runtime, with devices made of protocol messages.
import {
  type DeviceId,
  decodeMessage,
  type ModelVersion,
  releaseRecordMessage,
  unwrap,
} from "@attune/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hasMosquitto, type Mosquitto, startMosquitto } from "./mosquitto.ts";
import type { TestDevice } from "./testDevice.ts";
import { smallDelta, startTestHub, type TestBase, type TestHub } from "./testHub.ts";

/** Every device contributes; all are receipted. */
async function contributeAll(devices: readonly TestDevice[], base: TestBase): Promise<void> {
  for (const device of devices) {
    const digest = await device.send(
      "contribution",
      device.contribution(base, smallDelta(base, device.device)),
    );
    expect(await device.receipt(digest)).toMatchObject({ outcome: "committed" });
  }
}

describe.each([
  { name: "the embedded broker", isEmbedded: true },
  { name: "Mosquitto", isEmbedded: false },
])("with $name", ({ isEmbedded }) => {
  let testHub: TestHub;
  let mosquitto: Mosquitto | undefined;
  beforeEach(async ({ skip }) => {
    skip(!isEmbedded && !hasMosquitto, "needs Debian's mosquitto");
    if (!isEmbedded) mosquitto = await startMosquitto();
    testHub = await startTestHub(
      mosquitto === undefined ? {} : { mqtt: { kind: "external", url: mosquitto.url } },
    );
  });
  afterEach(async () => {
    await testHub?.close();
    await mosquitto?.stop();
    mosquitto = undefined;
  });

  it("[HB30] [HB33] [HB41] enrolment, contributions, candidate, gate, signature, canary, promotion", async () => {
    const base = await testHub.found();
    const devices = await testHub.enrolMany(4);
    for (const device of devices) {
      await device.until(() => device.decisions.length > 0);
      expect(device.decisions[0]).toMatchObject({
        action: "release",
        champion: { version: base.version },
      });
    }
    await contributeAll(devices, base);
    await testHub.until((state) => state.lines[0]?.challenger?.stage === "shadowing", "shadowing");
    const challenger = testHub.line().challenger?.version?.version as ModelVersion;
    for (const device of devices) {
      await device.until(() => device.decisions.at(-1)?.shadow?.version === challenger);
      await device.sendReport([{ champion: base.version, challenger, n: 40, wins: 6, losses: 0 }]);
    }
    await testHub.until((state) => state.lines[0]?.challenger?.stage === "signing", "signing");
    await testHub.sign();
    await testHub.until((state) => state.lines[0]?.challenger?.stage === "canary", "canary");
    const { selectedDevices } = testHub.line().challenger?.rollout ?? { selectedDevices: [] };
    expect(selectedDevices).toHaveLength(3);
    for (const device of devices) {
      await device.until(() => device.decisions.at(-1)?.rollout?.target.version === challenger);
      const isCanary = (selectedDevices as readonly string[]).includes(device.device);
      if (!isCanary) continue;
      const digest = await device.sendReceipt({ outcome: "activated", active: challenger });
      expect(await device.receipt(digest)).toMatchObject({ outcome: "committed" });
      await device.sendReport([
        { champion: base.version, challenger, n: 400, wins: 20, losses: 0 },
      ]);
    }
    await testHub.until((state) => state.lines[0]?.challenger?.stage === "spreading", "spreading");
    for (const device of devices) {
      await device.until(
        () => device.decisions.at(-1)?.rollout?.selection.threshold === 0xffffffff,
      );
      await device.sendReceipt({ outcome: "baked", active: challenger });
    }
    await testHub.until((state) => state.lines[0]?.champion?.version === challenger, "promotion");
    for (const device of devices) {
      await device.until(() => device.decisions.at(-1)?.action === "promote");
      const sequences = device.decisions.map(({ decisionSequence }) => decisionSequence);
      expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
    }
    const detail = await testHub.ask<{ record: string; gate: { verdict: string } }>(
      "GET",
      `/api/versions/${challenger}`,
    );
    const record = unwrap(
      decodeMessage(releaseRecordMessage, new Uint8Array(Buffer.from(detail.record, "base64"))),
    ).value;
    expect(record).toMatchObject({
      generation: 1,
      lineage: { source: "aggregate", base: base.version, contributionCount: 4 },
    });
    expect(detail.gate.verdict).toBe("promote");
    expect(await testHub.ask("GET", "/api/audit/verify")).toMatchObject({ ok: true });
    expect(testHub.state().faults).toEqual([]);
  });

  it("[HB42] harm on a canary's device brings everybody back", async () => {
    const base = await testHub.found();
    const devices = await testHub.enrolMany(4);
    await contributeAll(devices, base);
    await testHub.until((state) => state.lines[0]?.challenger?.stage === "shadowing", "shadowing");
    const challenger = testHub.line().challenger?.version?.version as ModelVersion;
    for (const device of devices.slice(0, 3)) {
      await device.sendReport([{ champion: base.version, challenger, n: 40, wins: 6, losses: 0 }]);
    }
    await testHub.until((state) => state.lines[0]?.challenger?.stage === "signing", "signing");
    await testHub.sign();
    await testHub.until((state) => state.lines[0]?.challenger?.stage === "canary", "canary");
    const canary = testHub.line().challenger?.rollout?.selectedDevices[0] as DeviceId;
    const harmed = devices.find(({ device }) => device === canary) as TestDevice;
    await harmed.until(() => harmed.decisions.at(-1)?.action === "canary");
    await harmed.sendReceipt({ outcome: "activated", active: challenger });
    await harmed.sendReport([{ champion: base.version, challenger, n: 60, wins: 6, losses: 32 }]);
    await testHub.until((state) => state.lines[0]?.challenger === null, "rollback");
    await harmed.until(() => harmed.decisions.at(-1)?.action === "rollback");
    expect(testHub.line().champion?.version).toBe(base.version);
    expect(testHub.audit.find(({ action }) => action === "rollout.rolledBack")?.reason).toContain(
      canary,
    );
  });
});
