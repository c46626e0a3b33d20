// A hub that is killed in the middle of its work, again and again. Only what was receipted counts, and all of it does.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type DeviceId, type Digest, digestOf } from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import Database from "better-sqlite3";
import { expect, it } from "vitest";
import { openSqliteStore } from "../src/adapters/sqlite/sqliteStore.ts";
import type { HubAddresses } from "../src/index.ts";
import {
  connectDevice,
  requestEnrolment,
  type TestDevice,
  type TestDeviceOptions,
} from "./testDevice.ts";
import { fleet, line, smallDelta, startTestHub } from "./testHub.ts";

const KILLS = 10;
const DEVICES = 4;

interface Running {
  readonly child: ChildProcess;
  readonly mqttUrl: string;
}

async function startProcess(folder: string): Promise<Running> {
  const file = fileURLToPath(new URL("./hubProcess.ts", import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, file, folder, fleet], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [text] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return { child, mqttUrl: (JSON.parse(text) as HubAddresses).mqttUrl ?? "" };
}

it("[HB19] after ten kills every receipted contribution is in the database exactly once, and the audit is whole", async () => {
  const testHub = await startTestHub();
  const base = await testHub.found();
  const token = await testHub.token();
  const options = (name: string, mqttUrl: string): TestDeviceOptions => ({
    mqttUrl,
    token,
    name,
    line,
    active: base.version,
  });
  const granted = new Map<string, { device: DeviceId; credential: string; cohort: string }>();
  for (let index = 0; index < DEVICES; index += 1) {
    const name = `dev-${index}`;
    const reply = await requestEnrolment(options(name, testHub.addresses.mqttUrl ?? ""));
    if (reply.grant === undefined) throw new Error("not enrolled");
    granted.set(name, { ...reply.grant, cohort: "default" });
  }
  await testHub.hub.close();

  /** A device sends the very same bytes until they are receipted. */
  const outbox = new Map<Digest, { name: string; bytes: Uint8Array }>();
  const receipted = new Set<Digest>();
  let sequence = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    const { child, mqttUrl } = await startProcess(testHub.folder);
    const devices: TestDevice[] = [];
    for (const [name, grant] of granted)
      devices.push(await connectDevice(options(name, mqttUrl), grant));
    const receiptsBefore = receipted.size;
    const exited = once(child, "exit");
    // Sends what is not receipted yet, and ever more, until the kill comes in between.
    const sending = devices.map(async (device) => {
      for (const { name, bytes } of outbox.values()) {
        if (name === device.device && device.client.connected)
          await device.send("contribution", bytes).catch(() => undefined);
      }
      while (device.client.connected) {
        sequence += 1;
        const own = sequence;
        const bytes = device.contribution(base, smallDelta(base, `${own}`), {
          contributionSequence: own,
        });
        outbox.set(digestOf(nodeCryptography, bytes), { name: device.device, bytes });
        const digest = await device.send("contribution", bytes).catch(() => null);
        if (digest === null) return;
      }
    });
    const isBusy = (): boolean =>
      devices.reduce((sum, { receipts }) => sum + receipts.size, 0) >= 20 + 7 * kill;
    await Promise.race(devices.map((device) => device.until(isBusy)));
    child.kill("SIGKILL");
    await exited;
    await Promise.all(devices.map((device) => device.close()));
    await Promise.all(sending);
    for (const device of devices) {
      for (const [digest, { outcome }] of device.receipts) {
        expect(outcome).toBe("committed");
        receipted.add(digest);
        outbox.delete(digest);
      }
    }
    expect(receipted.size).toBeGreaterThan(receiptsBefore);
  }

  const store = openSqliteStore(join(testHub.folder, "attune.db"), nodeCryptography);
  expect(store.verifyAudit().ok).toBe(true);
  store.close();
  const database = new Database(join(testHub.folder, "attune.db"));
  const rows = database
    .prepare("SELECT digest, device, contribution_sequence AS sequence FROM contribution")
    .all() as {
    digest: Digest;
    device: string;
    sequence: number;
  }[];
  database.close();
  const digests = rows.map(({ digest }) => digest);
  expect(new Set(digests).size).toBe(digests.length);
  expect(new Set(rows.map(({ device, sequence: own }) => `${device}/${own}`)).size).toBe(
    rows.length,
  );
  expect([...receipted].filter((digest) => !digests.includes(digest))).toEqual([]);

  const again = await startTestHub({ dataFolder: testHub.folder });
  expect((await again.hub.app.request("/healthz")).status).toBe(200);
  expect(again.hub.state().lines[0]?.window.contributionCount).toBe(DEVICES);
  await again.hub.close();
  rmSync(testHub.folder, { recursive: true });
}, 120_000);
