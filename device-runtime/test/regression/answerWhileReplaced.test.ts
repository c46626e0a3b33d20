// A window of somebody with parameters of their own is answered in two runs. A version that was replaced between them was let go of, and
// the answer failed.
import { nodeCryptography } from "@attune/protocol/node";
import { expect, it } from "vitest";
import { createInlineTrainer } from "../../src/adapters/inlineTrainer.ts";
import { createInference } from "../../src/adapters/ortInference.ts";
import { createSeededRandom } from "../../src/adapters/seededRandom.ts";
import { defaultGuardPolicy } from "../../src/core/learn/localGuard.ts";
import { loadNodeOrt } from "../../src/model/session/nodeOrtRuntime.ts";
import { learningDefaults } from "../../src/package/learning.ts";
import type { Inference } from "../../src/ports/inference.ts";
import { createPerson, openBenchDevice } from "../benchDevice.ts";
import { createBenchHub } from "../benchHub.ts";
import { benchPackage, windowOf } from "../benchModel.ts";

it("[DR11] an answer that is under way when its version is replaced is given all the same", async () => {
  const runtime = await loadNodeOrt();
  const { plan } = learningDefaults();
  const learning = {
    plan: { ...plan, scope: "all" as const },
    guard: { ...defaultGuardPolicy, rule: "always" as const },
  };
  const modelPackage = await benchPackage(runtime, learning);
  const otherGraph = await benchPackage(runtime, learning, "other", 12);
  const inference = createInference(runtime, nodeCryptography);
  let held: Promise<void> | null = null;
  const slow: Inference = {
    async load(version, read) {
      const loaded = await inference.load(version, read);
      if (!loaded.ok) return loaded;
      const { value } = loaded;
      return {
        ok: true,
        value: {
          ...value,
          async answer(windows, count, parameters, into) {
            await value.answer(windows, count, parameters, into);
            if (version === first) await held;
          },
        },
      };
    },
  };
  let first = "";
  const hub = createBenchHub();
  const bench = await openBenchDevice(runtime, modelPackage, {
    hub_: hub,
    inference: slow,
    trainer: createInlineTrainer(runtime),
  });
  first = bench.device.inspect().slots.active.version;
  const user = bench.device.user("anna");
  const person = createPerson(bench, user, createSeededRandom("anna"));
  while (bench.device.inspect().users[0]?.serving !== "personal") await person.live(1, 0.5);

  let release = (): void => undefined;
  held = new Promise((resolve) => {
    release = resolve;
  });
  const answer = user.predict(windowOf(createSeededRandom(1), 1));
  hub.decide({ champion: hub.release(otherGraph), bakeMs: 1 });
  const isReplaced = (): boolean =>
    bench.device.inspect().slots.active.version !== first &&
    !bench.device.inspect().slots.active.isBaking;
  while (!isReplaced()) await bench.pass(1_000);
  await bench.device.whenIdle();
  release();
  expect((await answer).modelVersion).toBe(first);
  await bench.device.close();
});
