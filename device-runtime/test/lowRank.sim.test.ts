// A device that learns by low-rank patches: what serves, what the guard judges and what the hub gets are weights with their patches merged.
import {
  applyDelta,
  contributionMessage,
  decodeDelta,
  decodeMessage,
  deltaBetween,
  deltaNorm,
  digestOf,
  encodeParameters,
  unwrap,
} from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { beforeAll, expect, it } from "vitest";
import { createSeededRandom } from "../src/adapters/seededRandom.ts";
import { loadNodeOrt } from "../src/model/session/nodeOrtRuntime.ts";
import type { OrtRuntime } from "../src/model/session/ortRuntime.ts";
import { learningDefaults } from "../src/package/learning.ts";
import { type ModelPackage, versionOf } from "../src/package/modelPackage.ts";
import { createPerson, openBenchDevice } from "./benchDevice.ts";
import { createBenchHub } from "./benchHub.ts";
import { benchPackage, windowOf } from "./benchModel.ts";

let runtime: OrtRuntime;
let modelPackage: ModelPackage;
const weights = ["head.weight", "hidden1.weight"];

beforeAll(async () => {
  runtime = await loadNodeOrt();
  modelPackage = await benchPackage(runtime, {
    plan: {
      scope: { lowRank: 1 },
      loss: { kind: "crossEntropy" },
      optimizer: { kind: "adam" },
    },
  });
});

it("[DR54] a person who changes is learned from by patches; the merged weights answer, pass the guard and arrive at the hub bit for bit", async () => {
  const hub = createBenchHub();
  const bench = await openBenchDevice(runtime, modelPackage, { hub_: hub, contribute: true });
  const { device, events } = bench;
  const user = device.user("anna");
  const anna = createPerson(bench, user, createSeededRandom("anna"));
  const probes = createSeededRandom("probes");
  const windows = Array.from({ length: 30 }, (_, at) => windowOf(probes, at % 3, 0.6));
  const answers = () =>
    Promise.all(windows.map(async (window) => (await user.predict(window)).probabilities));
  await anna.live(60, 0);
  const shared = await answers();
  const changed = await anna.live(40, 0.6);
  await anna.live(160, 0.6);
  const later = await anna.live(60, 0.6);
  expect(later).toBeGreaterThan(changed + 0.1);
  expect(await answers()).not.toEqual(shared);

  // The guard has compared what serves now with the shared model, and adopted it.
  const adopted = events.find(({ name }) => name === "adopted")?.event;
  expect(adopted).toMatchObject({ user: "anna" });
  const [inspected] = device.inspect().users;
  expect(inspected).toMatchObject({
    serving: "personal",
    layer: { base: versionOf(modelPackage, nodeCryptography) },
  });

  const [frame] = hub.received.frames;
  const { value } = unwrap(decodeMessage(contributionMessage, frame as Uint8Array));
  const { parameters, learning } = modelPackage;
  const rebuilt = applyDelta(parameters, unwrap(decodeDelta(value.delta, parameters)));
  expect(digestOf(nodeCryptography, encodeParameters(rebuilt))).toBe(value.result);
  const moved = rebuilt.filter(({ data }, at) =>
    data.some((one, i) => one !== parameters[at]?.data[i]),
  );
  expect(moved.map(({ name }) => name)).toEqual(weights);
  expect(deltaNorm(deltaBetween(parameters, rebuilt))).toBeLessThanOrEqual(
    learning.limits.clipNorm * 1.01,
  );
  expect(value.evidence.wins).toBeGreaterThanOrEqual(value.evidence.losses);
  expect(device.inspect().outbox.entries).toEqual([]);
  await device.close();
});

it("[DR54] a second training patches what the first one has learned, and a restart in between changes no bit", async () => {
  const lived = async (restarts: boolean): Promise<unknown> => {
    const learning = learningDefaults(modelPackage.learning);
    let bench = await openBenchDevice(runtime, { ...modelPackage, learning });
    let anna = createPerson(bench, bench.device.user("anna"), createSeededRandom("anna"));
    await anna.live(200, 0.6);
    const before = bench.device.inspect().users[0]?.layer?.digest;
    if (restarts) {
      const { storage, clock } = bench;
      await bench.device.close();
      bench = await openBenchDevice(runtime, modelPackage, { storage, clock });
    }
    anna = createPerson(bench, bench.device.user("anna"), createSeededRandom("anna later"));
    await anna.live(200, -0.4);
    const after = bench.device.inspect().users[0]?.layer;
    expect(after?.digest).not.toBe(before);
    await bench.device.close();
    return after;
  };
  expect(await lived(true)).toEqual(await lived(false));
});
