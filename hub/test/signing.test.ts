// Several holders of release keys, and stages between the canary and the whole fleet.
import { type KeyPair, keyIdOf, type ModelVersion, signedBytes, toHex } from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { expect, it } from "vitest";
import type { SigningRequest } from "../src/index.ts";
import { hasMosquitto, startMosquitto } from "./mosquitto.ts";
import { keyOf } from "./testDevice.ts";
import {
  line,
  quickPolicy,
  releaseKey,
  smallDelta,
  startTestHub,
  type TestHub,
  testPackage,
  trustRootOf,
} from "./testHub.ts";

const second = keyOf("second release key");

const signWith = async (testHub: TestHub, key: KeyPair): Promise<SigningRequest> => {
  const { items } = await testHub.ask<{ items: SigningRequest[] }>(
    "GET",
    "/api/signing-requests?state=open",
  );
  const { id, payload } = items[0] as SigningRequest;
  const message = signedBytes("releaseRecord", new Uint8Array(Buffer.from(payload, "base64")));
  return testHub.ask("POST", `/api/signing-requests/${id}/signatures`, {
    keyId: keyIdOf(nodeCryptography, key.publicKey),
    signature: toHex(nodeCryptography.sign(key.secretKey, message)),
  });
};

it("[HB37] a version is released by as many different keys as the trust root asks for, also over a restart", async () => {
  const testHub = await startTestHub();
  const { publicKey } = await testHub.ask<{ publicKey: string }>("GET", "/api/trust/hub-key");
  const root = await trustRootOf(
    testHub,
    {
      keys: [
        { publicKey: releaseKey.publicKey, role: "release" },
        { publicKey: second.publicKey, role: "release" },
        { publicKey: new Uint8Array(Buffer.from(publicKey, "hex")), role: "hub" },
      ],
      releaseThreshold: 2,
    },
    [releaseKey, second],
  );
  await testHub.ask("POST", "/api/trust/root", { frame: Buffer.from(root).toString("base64") });
  await testHub.importPackage(await testPackage());
  await testHub.until((state) => state.lines[0]?.challenger?.stage === "signing", "signing");
  expect(await signWith(testHub, releaseKey)).toMatchObject({
    state: "open",
    threshold: 2,
    signatures: [{}],
  });
  expect(await signWith(testHub, releaseKey)).toMatchObject({ state: "open", signatures: [{}] });
  expect(testHub.line().champion).toBeNull();
  await testHub.restart();
  expect(await signWith(testHub, second)).toMatchObject({ state: "signed", signatures: [{}, {}] });
  expect(testHub.line().champion).not.toBeNull();
  await testHub.close();
});

it("[HB41] between the canary and all there may be stages; nobody who is in falls out", async () => {
  const testHub = await startTestHub({
    policy: {
      ...quickPolicy,
      rollout: { ...quickPolicy.rollout, stages: [0.75, 1], bakedShareMin: 1 },
    },
  });
  const base = await testHub.found();
  const devices = await testHub.enrolMany(8);
  for (const device of devices.slice(0, 4)) {
    await device.receipt(
      await device.send("contribution", device.contribution(base, smallDelta(base, device.device))),
    );
  }
  await testHub.until((state) => state.lines[0]?.challenger?.stage === "shadowing", "shadowing");
  const challenger = testHub.line().challenger?.version?.version as ModelVersion;
  for (const device of devices.slice(0, 3)) {
    await device.sendReport([{ champion: base.version, challenger, n: 40, wins: 6, losses: 0 }]);
  }
  await testHub.until((state) => state.lines[0]?.challenger?.stage === "signing", "signing");
  await testHub.sign();
  const sizes: number[] = [];
  const seen = new Set<string>();
  for (const stageIndex of [0, 1, 2]) {
    await testHub.until(
      (state) => state.lines[0]?.challenger?.rollout?.stageIndex === stageIndex,
      `stage ${stageIndex}`,
    );
    const selected = testHub.line().challenger?.rollout?.selectedDevices ?? [];
    expect(selected).toEqual(expect.arrayContaining([...seen]));
    sizes.push(selected.length);
    for (const device of devices.filter(({ device: name }) => selected.includes(name))) {
      seen.add(device.device);
      const outcome = stageIndex === 2 ? "baked" : "activated";
      await device.until(() => device.decisions.at(-1)?.rollout?.target.version === challenger);
      await device.sendReceipt({ outcome, active: challenger });
      await device.sendReport([
        { champion: base.version, challenger, n: 400, wins: 20, losses: 0 },
      ]);
    }
  }
  expect(sizes).toEqual([3, 6, 8]);
  await testHub.until((state) => state.lines[0]?.champion?.version === challenger, "promotion");
  await testHub.close();
});

it.skipIf(!hasMosquitto)(
  "[HB7] behind a broker elsewhere, which needs Debian's mosquitto, a report is a birth and an offline report a death",
  async () => {
    const mosquitto = await startMosquitto();
    const testHub = await startTestHub({ mqtt: { kind: "external", url: mosquitto.url } });
    await testHub.found();
    const device = await testHub.enrol("dev-a");
    const shown = () => testHub.state().devices.shown[0];
    expect(shown()?.isConnected).toBeNull();
    await device.sendReport([], { state: "watching two users" });
    await testHub.until(() => shown()?.isConnected === true, "a birth");
    expect(shown()?.doing).toBe("watching two users");
    await device.sendReport([], { state: "offline", reportSequence: 1 });
    await testHub.until(() => shown()?.isConnected === false, "a death");
    expect(shown()?.doing).toMatch(/^offline, last seen/);
    expect(testHub.line().line).toBe(line);
    await testHub.close();
    await mosquitto.stop();
  },
);
