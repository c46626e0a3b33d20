// A trust root after the first: what stays released under it, and what happens when it is the hub's key that changes.
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  assignmentMessage,
  decisionMessage,
  decodeMessage,
  type KeyPair,
  keyIdOf,
  releaseRecordMessage,
  signedBytes,
  type TrustRoot,
  toHex,
  trustRootMessage,
  unwrap,
  verifyRole,
} from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { afterEach, expect, it } from "vitest";
import type { VersionDetail } from "../src/state.ts";
import { keyOf, requestEnrolment } from "./testDevice.ts";
import {
  otherPackage,
  releaseKey,
  startTestHub,
  type TestBase,
  type TestHub,
  trustRootOf,
} from "./testHub.ts";

const secondKey = keyOf("second release key");
let testHub: TestHub;
afterEach(() => testHub?.close());

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
const nextRoot = (
  change: Partial<TrustRoot> = {},
  signers: readonly KeyPair[] = [secondKey, releaseKey],
): Promise<Uint8Array> => trustRootOf(testHub, { version: 2, ...change }, signers);
const secondKeys = async (): Promise<Pick<TrustRoot, "keys">> => {
  const { publicKey } = await testHub.ask<{ publicKey: string }>("GET", "/api/trust/hub-key");
  return {
    keys: [
      { publicKey: secondKey.publicKey, role: "release" },
      { publicKey: new Uint8Array(Buffer.from(publicKey, "hex")), role: "hub" },
    ],
  };
};
const recordOf = async (version: string): Promise<Uint8Array | null> => {
  const { record } = await testHub.ask<VersionDetail>("GET", `/api/versions/${version}`);
  return record === null ? null : new Uint8Array(Buffer.from(record, "base64"));
};
/** The second key's signature of a released version. */
async function signedAgain(version: string, key: KeyPair = secondKey): Promise<unknown> {
  const { frame } = unwrap(
    decodeMessage(releaseRecordMessage, (await recordOf(version)) as Uint8Array),
  );
  const message = signedBytes("releaseRecord", frame.payload);
  return {
    version,
    signatures: [
      {
        keyId: keyIdOf(nodeCryptography, key.publicKey),
        signature: toHex(nodeCryptography.sign(key.secretKey, message)),
      },
    ],
  };
}
const post = (frame: Uint8Array, records: readonly unknown[] = []): Promise<Response> =>
  testHub.askRaw("POST", "/api/trust/root", { frame: base64(frame), records });
const codeOf = async (answer: Response): Promise<string> =>
  ((await answer.json()) as { code: string }).code;

async function found(): Promise<TestBase> {
  testHub = await startTestHub();
  return testHub.found();
}

it("[HB39] a root whose keys have not signed what is served is refused, and nothing changes", async () => {
  const base = await found();
  const frame = await nextRoot(await secondKeys());
  expect(await codeOf(await post(frame))).toBe("signature.key_unknown");
  const byStranger = await signedAgain(base.version, keyOf("stranger"));
  expect(await codeOf(await post(frame, [byStranger]))).toBe("signature.key_unknown");
  const { version } = await testHub.ask<{ version: number }>("GET", "/api/trust");
  expect(version).toBe(1);
  expect((await post(frame, [await signedAgain(base.version)])).status).toBe(200);
});

it("[HB39] what the new keys have not signed is released no more; a rollback cannot name it", async () => {
  const base = await found();
  const devices = await testHub.enrolMany(3);
  await testHub.ask("PUT", "/api/lines/activity/policy", {
    policy: { gate: { shadow: { imported: false } } },
    reason: "nobody compares here",
  });
  for (const device of devices) {
    await device.sendReceipt({ outcome: "baked", active: base.version });
  }
  await testHub.importPackage(await otherPackage("next"));
  await testHub.until(({ lines }) => lines[0]?.challenger?.stage === "signing");
  await testHub.sign();
  await testHub.until(({ lines }) => lines[0]?.challenger?.stage === "canary");
  const next = testHub.line().challenger?.version?.version ?? "";
  // In the middle of a rollout: what it serves has to be signed as well.
  const frame = await nextRoot(await secondKeys());
  const champion = await signedAgain(base.version);
  expect(await codeOf(await post(frame, [champion]))).toBe("signature.key_unknown");
  expect((await post(frame, [champion, await signedAgain(next)])).status).toBe(200);
  for (const device of devices) {
    await device.until(() => device.decisions.at(-1)?.reason.startsWith("trust root 2") === true);
    await device.sendReceipt({ outcome: "activated", active: next as never });
  }
  await testHub.ask("POST", "/api/rollouts/activity/proceed", { reason: "go on" });
  await testHub.until(({ lines }) => lines[0]?.challenger?.stage === "spreading");
  for (const device of devices) {
    await device.until(() => device.decisions.at(-1)?.rollout?.selection.threshold === 0xffffffff);
    for (const outcome of ["activated", "baked"] as const) {
      await device.sendReceipt({ outcome, active: next as never });
    }
  }
  await testHub.until(({ lines }) => lines[0]?.champion?.version === next, "a promotion");
  const third = keyOf("third release key");
  const keys = (await secondKeys()).keys.map((key) =>
    key.role === "hub" ? key : { ...key, publicKey: third.publicKey },
  );
  const last = await nextRoot({ keys, version: 3 }, [third, secondKey]);
  expect((await post(last, [await signedAgain(next, third)])).status).toBe(200);
  expect(await recordOf(base.version)).toBeNull();
  const rollback = await testHub.askRaw("POST", "/api/rollbacks", {
    cohort: "default",
    to: base.version,
    reason: "back",
  });
  expect(rollback.status).toBe(409);
  expect(await rollback.text()).toContain("no release keys that count now have signed it");
  const row = testHub.audit.findLast(({ action }) => action === "trust.rootAccepted");
  expect(row?.detail).toMatchObject({ signedAgain: [next], noLongerReleased: [base.version] });
});

it("[HB39] the records that it signs again are believed under the old root and under the new one", async () => {
  const base = await found();
  const device = await testHub.enrol("dev-one");
  await post(await nextRoot(await secondKeys()), [await signedAgain(base.version)]);
  await device.until(() => device.decisions.at(-1)?.reason.startsWith("trust root 2") === true);
  const bytes = (await recordOf(base.version)) as Uint8Array;
  const { frame } = unwrap(decodeMessage(releaseRecordMessage, bytes));
  for (const version of [1, 2]) {
    const root = new Uint8Array(
      await (await testHub.askRaw("GET", `/trust-roots/${version}`)).arrayBuffer(),
    );
    const { value } = unwrap(decodeMessage(trustRootMessage, root));
    expect(verifyRole(frame, value, "release", nodeCryptography).ok).toBe(true);
  }
  const { record } = device.decisions.at(-1)?.champion ?? {};
  expect(record?.digest).toBe(Buffer.from(nodeCryptography.sha256(bytes)).toString("hex"));
});

it("[HB39] a change of the hub's own key signs assignments and decisions anew", async () => {
  await found();
  const device = await testHub.enrol("dev-one");
  await device.close();
  const sequence = testHub.line().decisionSequence;
  rmSync(join(testHub.folder, "online.key"));
  await testHub.restart();
  const { publicKey } = await testHub.ask<{ publicKey: string }>("GET", "/api/trust/hub-key");
  const newHubKey = keyIdOf(nodeCryptography, Buffer.from(publicKey, "hex"));
  const signersOf = async (): Promise<readonly string[]> => {
    const { items } = await testHub.ask<{ items: { frame: string }[] }>(
      "GET",
      "/api/decisions?limit=1",
    );
    const { frame } = unwrap(
      decodeMessage(decisionMessage, Buffer.from(items[0]?.frame ?? "", "base64")),
    );
    return frame.signatures.map(({ keyId }) => keyId);
  };
  // Nothing that the old root does not believe is given out before a root names the new key.
  expect(await signersOf()).not.toContain(newHubKey);
  expect(testHub.line().decisionSequence).toBe(sequence);
  expect((await post(await nextRoot())).status).toBe(200);
  expect(await signersOf()).toEqual([newHubKey]);
  expect(testHub.line().decisionSequence).toBeGreaterThan(sequence);
  const again = await testHub.enrol("dev-two");
  const assignment = new Promise<Uint8Array>((resolve) => {
    again.client.on("message", (topic, payload) => {
      if (topic.endsWith("/assignment")) resolve(new Uint8Array(payload));
    });
  });
  await again.client.subscribeAsync("attune/v1/home/d/dev-two/down/assignment", { qos: 1 });
  const { frame } = unwrap(decodeMessage(assignmentMessage, await assignment));
  expect(frame.signatures.map(({ keyId }) => keyId)).toEqual([newHubKey]);
});

it("[HB39] a start finishes what a change of trust has begun: what another key than the hub's has signed is decided again", async () => {
  await found();
  await (await testHub.enrol("dev-one")).close();
  const nextKey = keyOf("the hub's next key");
  const { keys } = await secondKeys();
  const both = [...keys, { publicKey: nextKey.publicKey, role: "hub" as const }];
  const champion = testHub.line().champion?.version ?? "";
  expect((await post(await nextRoot({ keys: both }), [await signedAgain(champion)])).status).toBe(
    200,
  );
  const sequence = testHub.line().decisionSequence;
  writeFileSync(join(testHub.folder, "online.key"), toHex(nextKey.secretKey));
  await testHub.restart();
  expect(testHub.line().decisionSequence).toBeGreaterThan(sequence);
  const decided = testHub.line().decisionSequence;
  await testHub.restart();
  // Once is enough.
  expect(testHub.line().decisionSequence).toBe(decided);
});

it("[HB38] a token made before the hub's key changed is refused: its device would not believe the answer", async () => {
  await found();
  const token = await testHub.token();
  rmSync(join(testHub.folder, "online.key"));
  await testHub.restart();
  await post(await nextRoot());
  const reply = await requestEnrolment({
    mqttUrl: testHub.addresses.mqttUrl ?? "",
    token,
    name: "dev-late",
    line: "activity" as never,
    active: "0".repeat(64) as never,
  });
  expect(reply.refusal?.code).toBe("enrolment.token_invalid");
  expect(reply.refusal?.message).toContain("attune device token");
});

it("[HB37] what is signed again with a root is bounded", async () => {
  await found();
  const many = Array.from({ length: 257 }, () => ({ version: "0".repeat(64), signatures: [] }));
  expect(await codeOf(await post(await nextRoot(), many))).toBe("operator.request_invalid");
});
