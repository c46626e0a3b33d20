import {
  applyDelta,
  contributionMessage,
  type DeviceId,
  decodeDelta,
  decodeMessage,
  digestOf,
  encodeParameters,
  unwrap,
} from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { beforeAll, describe, expect, it } from "vitest";
import { createSeededRandom } from "../src/adapters/seededRandom.ts";
import { loadNodeOrt } from "../src/model/session/nodeOrtRuntime.ts";
import type { OrtRuntime } from "../src/model/session/ortRuntime.ts";
import { type ModelPackage, versionOf } from "../src/package/modelPackage.ts";
import { createPerson, openBenchDevice } from "./benchDevice.ts";
import { createBenchHub } from "./benchHub.ts";
import { benchPackage } from "./benchModel.ts";

let runtime: OrtRuntime;
let modelPackage: ModelPackage;

beforeAll(async () => {
  runtime = await loadNodeOrt();
  modelPackage = await benchPackage(runtime);
});

describe("a person who changes", () => {
  it("[DR40] [DR45] is noticed, learned from, tested, adopted, and what was learned arrives at the hub bit for bit", async () => {
    const hub = createBenchHub();
    const bench = await openBenchDevice(runtime, modelPackage, { hub_: hub, contribute: true });
    const { device, events } = bench;
    expect(device.inspect()).toMatchObject({
      device: "dev-1",
      cohort: "everyone",
      link: { state: "online" },
    });
    const anna = createPerson(bench, device.user("anna"), createSeededRandom("anna"));
    const usual = await anna.live(60, 0);
    const changed = await anna.live(40, 0.6);
    await anna.live(120, 0.6);
    const later = await anna.live(60, 0.6);
    expect(usual).toBeGreaterThan(0.9);
    expect(changed).toBeLessThan(usual - 0.1);
    expect(later).toBeGreaterThan(changed + 0.1);

    const names = events.map(({ name }) => name);
    const order = ["alarm", "training", "trained", "adopted", "contributed", "receipted"] as const;
    const firsts = order.map((name) => names.indexOf(name));
    expect(Math.min(...firsts)).toBeGreaterThanOrEqual(0);
    expect(names.indexOf("alarm")).toBeLessThan(names.indexOf("adopted"));
    expect(names.indexOf("adopted")).toBeLessThan(names.indexOf("contributed"));

    const [frame] = hub.received.frames;
    const { value: contribution, frame: signed } = unwrap(
      decodeMessage(contributionMessage, frame as Uint8Array),
    );
    expect(contribution).toMatchObject({
      device: "dev-1" as DeviceId,
      contributionSequence: 1,
      base: versionOf(modelPackage, nodeCryptography),
    });
    expect(contribution.evidence.wins).toBeGreaterThanOrEqual(contribution.evidence.losses);
    expect(signed.signatures).toHaveLength(1);
    const rebuilt = applyDelta(
      modelPackage.parameters,
      unwrap(decodeDelta(contribution.delta, modelPackage.parameters)),
    );
    expect(digestOf(nodeCryptography, encodeParameters(rebuilt))).toBe(contribution.result);
    expect(device.inspect().outbox.entries).toEqual([]);
    await device.close();
  });
});
