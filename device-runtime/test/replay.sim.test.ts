import { digestOf } from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { beforeAll, expect, it } from "vitest";
import { createSeededRandom } from "../src/adapters/seededRandom.ts";
import { loadNodeOrt } from "../src/model/session/nodeOrtRuntime.ts";
import type { OrtRuntime } from "../src/model/session/ortRuntime.ts";
import type { ModelPackage } from "../src/package/modelPackage.ts";
import { createPerson, openBenchDevice } from "./benchDevice.ts";
import { createBenchHub } from "./benchHub.ts";
import { benchPackage } from "./benchModel.ts";

let runtime: OrtRuntime;
let modelPackage: ModelPackage;

beforeAll(async () => {
  runtime = await loadNodeOrt();
  modelPackage = await benchPackage(runtime);
});

/** Everything that a life leaves behind: files, what the hub was sent, what the app was told. */
async function life(seed: string): Promise<Record<string, unknown>> {
  const hub = createBenchHub();
  const bench = await openBenchDevice(runtime, modelPackage, {
    hub_: hub,
    contribute: true,
    random: createSeededRandom(seed),
  });
  const anna = createPerson(bench, bench.device.user("anna"), createSeededRandom("anna"));
  const bob = createPerson(bench, bench.device.user("bob"), createSeededRandom("bob"));
  await anna.live(30, 0);
  await bob.live(20, 0.5);
  hub.broker.cut("the network broke");
  await anna.live(120, 0.6);
  await bench.device.close();
  const files: Record<string, string> = {};
  for (const name of await bench.storage.list()) {
    files[name] = digestOf(nodeCryptography, (await bench.storage.read(name)) as Uint8Array);
  }
  return {
    files,
    frames: hub.received.frames.map((frame) => digestOf(nodeCryptography, frame)),
    reports: hub.received.reports,
    events: bench.events,
  };
}

it("[DR62] the same seed gives the same bytes, another seed others", async () => {
  const [first, again, other] = [await life("one"), await life("one"), await life("two")];
  expect((first.frames as readonly unknown[]).length).toBeGreaterThan(0);
  expect(again).toEqual(first);
  expect(other).not.toEqual(first);
});
