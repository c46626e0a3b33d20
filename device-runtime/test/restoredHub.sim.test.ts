// A hub that was restored from a backup older than a device's enrolment: the device comes back by itself, or says what it needs.
import {
  type DeviceId,
  formatEnrolmentToken,
  type KeyPair,
  parseEnrolmentToken,
  unwrap,
} from "@attune/protocol";
import { beforeAll, beforeEach, expect, it } from "vitest";
import { CONNECT_REFUSALS_MAX, RENEWAL_PAUSE_MS } from "../src/core/limits.ts";
import { loadNodeOrt } from "../src/model/session/nodeOrtRuntime.ts";
import type { OrtRuntime } from "../src/model/session/ortRuntime.ts";
import type { ModelPackage } from "../src/package/modelPackage.ts";
import { type BenchDevice, openBenchDevice } from "./benchDevice.ts";
import { type BenchHub, createBenchHub, releaseKeys } from "./benchHub.ts";
import { benchPackage } from "./benchModel.ts";

const device = "wrist-1" as DeviceId;
/** Longer than it takes to be refused often enough. */
const LONG_ENOUGH_MS = 10 * 60_000;
let runtime: OrtRuntime;
let modelPackage: ModelPackage;
let hub: BenchHub;
let bench: BenchDevice;

beforeAll(async () => {
  runtime = await loadNodeOrt();
  modelPackage = await benchPackage(runtime);
});

beforeEach(async () => {
  hub = createBenchHub();
  bench = await openBenchDevice(runtime, modelPackage, { hub_: hub, proposedId: device });
});

const refusals = (): unknown[] =>
  bench.events.filter(({ name }) => name === "refused").map(({ event }) => event);

it("[DR27] asks again for its place under its key and name, and is connected as before", async () => {
  hub.assign(device, { assignmentSequence: 40 });
  await bench.device.whenIdle();
  hub.forget(device);
  await bench.pass(LONG_ENOUGH_MS);
  expect(bench.device.inspect()).toMatchObject({
    device,
    enrolment: { state: "enrolled", waiting: null, code: null },
    link: { state: "online", reason: "device" },
  });
  const [first, again] = hub.requests;
  expect(again).toMatchObject({ proposedId: device, publicKey: first?.publicKey });
  expect(again?.nonce).not.toBe(first?.nonce);
  // The hub counts its assignments anew, and is followed all the same.
  hub.assign(device, { cohort: "night" as never });
  await bench.device.whenIdle();
  expect(bench.device.inspect().cohort).toBe("night");
  // It is on disk.
  await bench.device.close();
  bench = await openBenchDevice(runtime, modelPackage, {
    hub_: hub,
    storage: bench.storage,
    clock: bench.clock,
  });
  expect(bench.device.inspect().link).toMatchObject({ state: "online", reason: "device" });
  expect(hub.requests).toHaveLength(2);
});

it("[DR27] a few refusals, or a network that is gone, are no reason to ask", async () => {
  hub.broker.setReachable(false);
  await bench.pass(24 * 60 * 60_000);
  expect(bench.device.inspect().enrolment).toMatchObject({ state: "enrolled", code: null });
  hub.broker.setReachable(true);
  await bench.pass(LONG_ENOUGH_MS);
  expect(bench.device.inspect().link.state).toBe("online");
  expect(hub.requests).toHaveLength(1);
  expect(refusals()).toEqual([]);
});

it("[DR27] whoever refuses connections, and grants what the hub has not signed, never gets it to give up its credential", async () => {
  hub.forget(device);
  hub.granting = releaseKeys[0] as KeyPair;
  await bench.pass(24 * 60 * 60_000);
  // A question an hour, not more.
  const asked = hub.requests.length - 1;
  expect(asked).toBeGreaterThan(12);
  expect(asked).toBeLessThanOrEqual((24 * 60 * 60_000) / RENEWAL_PAUSE_MS);
  expect(bench.device.inspect()).toMatchObject({
    device,
    enrolment: { state: "enrolled", code: "signature.role_forbidden" },
  });
  hub.admit(device, "credential-of-wrist-1-1");
  await bench.pass(LONG_ENOUGH_MS);
  expect(bench.device.inspect()).toMatchObject({
    enrolment: { state: "enrolled", waiting: null, code: null },
    link: { state: "online", reason: "device" },
  });
  expect(hub.requests.length - 1).toBeLessThanOrEqual(asked + 1);
});

it("[DR27] a grant for another device is not taken", async () => {
  hub.forget(device);
  hub.grantedName = "somebody-else" as DeviceId;
  await bench.pass(LONG_ENOUGH_MS);
  expect(bench.device.inspect()).toMatchObject({
    device,
    enrolment: { state: "enrolled", code: "message.schema_invalid" },
  });
});

it("[DR27] a token that the hub does not know is told of with what to do", async () => {
  hub.forget(device);
  await bench.device.close();
  const token = { ...unwrap(parseEnrolmentToken(hub.token)), secret: "unknown-".repeat(3) };
  const reopen = async (enrolmentToken: string | null): Promise<void> => {
    bench = await openBenchDevice(runtime, modelPackage, {
      link: hub.broker.link,
      ...(enrolmentToken === null ? {} : { enrolmentToken }),
      storage: bench.storage,
      clock: bench.clock,
    });
    await bench.pass(LONG_ENOUGH_MS);
  };
  await reopen(formatEnrolmentToken(token));
  expect(bench.device.inspect().enrolment).toMatchObject({
    state: "enrolled",
    code: "enrolment.token_invalid",
    waiting: expect.stringContaining("give createDevice another enrolmentToken"),
  });
  await bench.device.close();
  await reopen(null);
  const waiting = `the broker has refused this device ${CONNECT_REFUSALS_MAX} times in a row, its hub may not know it any more; give createDevice an enrolmentToken`;
  expect(refusals()).toEqual([{ about: "enrolment", code: "device.unknown", message: waiting }]);
  expect(bench.device.inspect().enrolment).toMatchObject({
    state: "enrolled",
    code: "device.unknown",
    waiting: expect.stringContaining("give createDevice an enrolmentToken"),
  });
  await bench.device.close();
  await reopen(hub.token);
  expect(bench.device.inspect().link).toMatchObject({ state: "online", reason: "device" });
});
