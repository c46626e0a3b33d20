import { nodeCryptography } from "@attune/protocol/node";
import { beforeAll, expect, it } from "vitest";
import { createInlineTrainer } from "../src/adapters/inlineTrainer.ts";
import { createManualClock } from "../src/adapters/manualClock.ts";
import { createMemoryStorage } from "../src/adapters/memoryStorage.ts";
import { createInference } from "../src/adapters/ortInference.ts";
import { createSeededRandom } from "../src/adapters/seededRandom.ts";
import { loadNodeOrt } from "../src/model/session/nodeOrtRuntime.ts";
import type { OrtRuntime } from "../src/model/session/ortRuntime.ts";
import { createDevice } from "../src/node/createDevice.ts";
import type { ModelPackage } from "../src/package/modelPackage.ts";
import { intBelow } from "../src/ports/random.ts";
import { benchPackage, fileOf, labels, windowOf } from "./benchModel.ts";

let runtime: OrtRuntime;
let modelPackage: ModelPackage;

beforeAll(async () => {
  runtime = await loadNodeOrt();
  modelPackage = await benchPackage(runtime);
});

it("alone: a person who changes is noticed, learned from, tested and adopted", async () => {
  const clock = createManualClock(Date.UTC(2026, 0, 5));
  const device = await createDevice({
    model: fileOf(modelPackage),
    storage: createMemoryStorage(),
    clock,
    random: createSeededRandom("device 1"),
    inference: createInference(runtime, nodeCryptography),
    trainer: createInlineTrainer(runtime),
  });
  const log: string[] = [];
  for (const name of [
    "alarm",
    "training",
    "trained",
    "abandoned",
    "adopted",
    "dropped",
    "reverted",
  ] as const) {
    device.on(name, (event) => log.push(`${name} ${JSON.stringify(event)}`));
  }
  const anna = device.user("anna");
  const random = createSeededRandom("anna");
  const live = async (count: number, turn: number): Promise<number> => {
    let correct = 0;
    for (let index = 0; index < count; index += 1) {
      const label = intBelow(random, 3);
      const answer = await anna.predict(windowOf(random, label, turn));
      if (answer.label === labels[label]) correct += 1;
      await anna.feedback(answer.predictionId, labels[label] as string);
      await device.whenIdle();
      clock.advance(60_000);
    }
    return correct / count;
  };
  const first = await live(60, 0);
  const changed = await live(60, 0.6);
  const later = await live(200, 0.6);
  console.log(first, changed, later);
  console.log(log.join("\n"));
  console.log(JSON.stringify(device.inspect(), null, 1).slice(0, 6000));
  expect(device.inspect().users[0]?.serving).toBe("personal");
  await device.close();
});
