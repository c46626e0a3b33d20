// A device whose code comes as it does on a page: nothing is there but what answers.
import { nodeCryptography } from "@attune/protocol/node";
import { beforeAll, expect, it } from "vitest";
import { createInlineTrainer } from "../src/adapters/inlineTrainer.ts";
import { createManualClock } from "../src/adapters/manualClock.ts";
import { createMemoryStorage } from "../src/adapters/memoryStorage.ts";
import { createInference } from "../src/adapters/ortInference.ts";
import { createSeededRandom } from "../src/adapters/seededRandom.ts";
import { createDeviceOf, type DeviceParts } from "../src/device/createDeviceOf.ts";
import type { Device } from "../src/device/device.ts";
import { hubAt } from "../src/device/hubAt.ts";
import { openHub } from "../src/device/openHub.ts";
import { loadNodeOrt } from "../src/model/session/nodeOrtRuntime.ts";
import type { OrtRuntime } from "../src/model/session/ortRuntime.ts";
import { type ModelPackage, versionOf } from "../src/package/modelPackage.ts";
import { withParameters } from "../src/package/wholeModel.ts";
import { type BenchHub, createBenchHub } from "./benchHub.ts";
import { benchPackage, labels, windowOf } from "./benchModel.ts";

let runtime: OrtRuntime;
let modelPackage: ModelPackage;

beforeAll(async () => {
  runtime = await loadNodeOrt();
  modelPackage = await benchPackage(runtime);
});

function open(changes: Partial<DeviceParts> = {}): Promise<Device> {
  return createDeviceOf({
    modelPackage,
    storage: createMemoryStorage(),
    clock: createManualClock(Date.UTC(2026, 0, 5)),
    random: createSeededRandom("page"),
    hub: null,
    contribute: null,
    trainer: createInlineTrainer(runtime),
    inference: createInference(runtime),
    onClose: () => Promise.resolve(),
    ...changes,
  });
}

const accessTo = (hub: BenchHub) =>
  openHub({ link: hub.broker.link, enrolmentToken: hub.token }, nodeCryptography);

it("[DR53] answers before what speaks with its hub is here, and then follows the hub", async () => {
  const hub = createBenchHub();
  let isServed: () => void = () => undefined;
  const served = new Promise<void>((resolve) => {
    isServed = resolve;
  });
  const device = await open({ hub: () => served.then(() => accessTo(hub)) });
  const random = createSeededRandom("person");
  const answer = await device.user("anna").predict(windowOf(random, 1, 0));
  expect(labels).toContain(answer.label);
  expect(device.inspect()).toMatchObject({ link: { state: "off" }, device: null });
  isServed();
  await device.whenIdle();
  expect(device.inspect().device).not.toBeNull();
  const second = withParameters(modelPackage, modelPackage.parameters);
  hub.decide({ champion: hub.release(second) });
  await device.whenIdle();
  expect(device.inspect().slots.active.version).toBe(versionOf(second, nodeCryptography));
  await device.close();
});

it("[DR53] counts answers and alarms without what learns, which comes with the first feedback", async () => {
  const device = await open();
  const user = device.user("anna");
  const random = createSeededRandom("person");
  const { predictionId, label } = await user.predict(windowOf(random, 1, 0));
  await device.whenIdle();
  const [before] = device.inspect().users;
  expect(before?.trigger.waiting).toEqual(["waiting: what learns is not loaded yet"]);
  expect((await user.feedback(predictionId, label)).ok).toBe(true);
  const [after] = device.inspect().users;
  expect(after?.counts).toMatchObject({ predictions: 1, feedback: 1, correct: 1 });
  expect(after?.trigger.waiting.join()).toContain("labelled windows");
  await device.close();
});

it("[DR53] says what is wrong with the way to its hub, and answers", async () => {
  const clock = createManualClock(Date.UTC(2026, 0, 5));
  const device = await open({ clock, hub: hubAt({ url: "mqtt://hub.example" }) });
  await device.whenIdle();
  const random = createSeededRandom("person");
  expect((await device.user("anna").predict(windowOf(random, 1, 0))).label).not.toBe("");
  clock.advanceTo(clock.nowMs() + 60_000);
  await device.whenIdle();
  expect(device.inspect().refusals).toMatchObject([
    { about: "code", code: "device.option_invalid" },
  ]);
  await device.close();
});
