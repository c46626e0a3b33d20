import { createServer } from "node:http";
import { type AddressInfo } from "node:net";
import { BLOB_BLOCK_BYTES, Fault, unwrap } from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { beforeAll, describe, expect, it } from "vitest";
import { createManualClock } from "../src/adapters/manualClock.ts";
import { createMemoryStorage } from "../src/adapters/memoryStorage.ts";
import { createSeededRandom } from "../src/adapters/seededRandom.ts";
import { defaultGuardPolicy } from "../src/core/learn/localGuard.ts";
import { USERS_MAX } from "../src/core/limits.ts";
import { buildPerceptron } from "../src/model/build/buildPerceptron.ts";
import { loadNodeOrt } from "../src/model/session/nodeOrtRuntime.ts";
import type { OrtRuntime } from "../src/model/session/ortRuntime.ts";
import { buildReference } from "../src/package/buildReference.ts";
import { createModelPackage } from "../src/package/createModelPackage.ts";
import { type Learning, learningDefaults } from "../src/package/learning.ts";
import { type ModelPackage, versionOf } from "../src/package/modelPackage.ts";
import { modelOf } from "../src/package/wholeModel.ts";
import { gaussian } from "../src/ports/random.ts";
import type { Storage } from "../src/ports/storage.ts";
import { createPerson, openBenchDevice } from "./benchDevice.ts";
import { createBenchHub } from "./benchHub.ts";
import { benchPackage, labels, preprocessing, windowOf, windowsOf } from "./benchModel.ts";

let runtime: OrtRuntime;
let modelPackage: ModelPackage;

beforeAll(async () => {
  runtime = await loadNodeOrt();
  modelPackage = await benchPackage(runtime);
});

describe("an answer", () => {
  it("[DR10] [DR11] says what, how sure, how unusual, and by which version", async () => {
    const { device } = await openBenchDevice(runtime, modelPackage);
    const random = createSeededRandom(3);
    const anna = device.user("anna");
    for (let label = 0; label < 3; label += 1) {
      const answer = await anna.predict(windowOf(random, label));
      expect(answer.label).toBe(labels[label]);
      expect([...answer.probabilities].reduce((sum, one) => sum + one, 0)).toBeCloseTo(1, 5);
      expect(answer).toMatchObject({
        modelVersion: versionOf(modelPackage, nodeCryptography),
        isPersonal: false,
        predictionId: `1-${label + 1}`,
      });
    }
    const strange = await anna.predict(new Float32Array(6).fill(40));
    expect(strange.ood.isOutlier).toBe(true);
    expect(strange.ood.score).toBeGreaterThan(modelPackage.calibration.ood.threshold);
  });

  it("[DR12] input.shape_mismatch and input.not_finite: a window that is none", async () => {
    const { device } = await openBenchDevice(runtime, modelPackage);
    const anna = device.user("anna");
    await expect(anna.predict(new Float32Array(5))).rejects.toMatchObject({
      name: "InputRefused",
      code: "input.shape_mismatch",
    });
    await expect(anna.predict(new Float32Array(6).fill(Number.NaN))).rejects.toMatchObject({
      refusal: { code: "input.not_finite" },
    });
    expect(device.inspect().counts.predictions).toBe(0);
  });

  it("[DR4] [DR11] comes for every window that samples complete", async () => {
    const { device } = await openBenchDevice(runtime, modelPackage);
    const anna = device.user("anna");
    expect(await anna.pushSamples(Float32Array.of(5, 1, -3))).toEqual([]);
    const answers = await anna.pushSamples(Float32Array.of(5, 1, -3, 5, 1, -3));
    expect(answers.map(({ label }) => label)).toEqual(["walking", "walking"]);
  });

  it("[DR11] does not wait for storage, nor for whatever else is going on", async () => {
    const inner = createMemoryStorage();
    let isHung = false;
    const never = new Promise<never>(() => undefined);
    const hanging: Storage = {
      ...inner,
      write: (name, bytes) => (isHung ? never : inner.write(name, bytes)),
      append: (name, bytes) => (isHung ? never : inner.append(name, bytes)),
      sync: (name) => (isHung ? never : inner.sync(name)),
    };
    const { device } = await openBenchDevice(runtime, modelPackage, { storage: hanging });
    const anna = device.user("anna");
    const random = createSeededRandom(4);
    const { predictionId } = await anna.predict(windowOf(random, 1));
    isHung = true;
    void anna.feedback(predictionId, "walking");
    for (let turn = 0; turn < 5; turn += 1) {
      expect((await anna.predict(windowOf(random, 1))).label).toBe("walking");
    }
    expect(device.inspect().users[0]?.pending).toBe(5);
  });
});

describe("feedback", () => {
  it("[DR13] is taken once, for labels and answers that are known", async () => {
    const { device } = await openBenchDevice(runtime, modelPackage);
    const anna = device.user("anna");
    const { predictionId } = await anna.predict(windowOf(createSeededRandom(4), 1));
    expect(await anna.feedback(predictionId, "flying")).toMatchObject({
      refusal: { code: "feedback.label_unknown" },
    });
    expect(await anna.feedback("9-9", "walking")).toMatchObject({
      refusal: { code: "feedback.prediction_unknown" },
    });
    expect(await anna.feedback(predictionId, "walking")).toEqual({
      ok: true,
      value: { wasCorrect: true, kept: "train" },
    });
    expect(await anna.feedback(predictionId, "walking")).toMatchObject({
      refusal: { code: "feedback.prediction_unknown" },
    });
    expect(device.inspect().counts).toMatchObject({ predictions: 1, feedback: 1, correct: 1 });
  });

  it("[DR13] [DR14] finds its answer after a restart, and an id never means two answers", async () => {
    const bench = await openBenchDevice(runtime, modelPackage);
    const random = createSeededRandom(4);
    const before = await bench.device.user("anna").predict(windowOf(random, 1));
    await bench.device.close();
    const again = await openBenchDevice(runtime, modelPackage, {
      storage: bench.storage,
      clock: bench.clock,
    });
    const after = await again.device.user("anna").predict(windowOf(random, 2));
    expect(after.predictionId).not.toBe(before.predictionId);
    expect((await again.device.user("anna").feedback(before.predictionId, "walking")).ok).toBe(
      true,
    );
  });

  it("[DR14] the oldest answer goes when too many wait", async () => {
    const small = unwrap(
      createModelPackage({
        line: "activity",
        model: unwrap(modelOf(modelPackage)),
        preprocessing,
        calibration: modelPackage.calibration,
        learning: learningDefaults({
          limits: { ...modelPackage.learning.limits, pendingPredictionsMax: 3 },
        }),
      }),
    );
    const { device } = await openBenchDevice(runtime, small);
    const anna = device.user("anna");
    const random = createSeededRandom(4);
    const ids: string[] = [];
    for (let turn = 0; turn < 4; turn += 1) {
      ids.push((await anna.predict(windowOf(random, 1))).predictionId);
    }
    expect((await anna.feedback(ids[0] as string, "walking")).ok).toBe(false);
    expect((await anna.feedback(ids[1] as string, "walking")).ok).toBe(true);
  });

  it("[DR40] nobody knows a label before having answered it: from labels that nothing tells, nothing is adopted", async () => {
    const { device } = await openBenchDevice(runtime, modelPackage);
    const anna = device.user("anna");
    const random = createSeededRandom("noise");
    // Labels that nothing in the window tells: whoever was judged on learned windows would win.
    for (let turn = 0; turn < 150; turn += 1) {
      const window = Float32Array.from({ length: 6 }, () => gaussian(random));
      const { predictionId } = await anna.predict(window);
      await anna.feedback(predictionId, labels[turn % 3] as string);
      await device.whenIdle();
    }
    expect(device.inspect().counts.trainings).toBeGreaterThan(0);
    expect(device.inspect().counts.adopted).toBe(0);
  });
});

describe("learning", () => {
  const always = { ...defaultGuardPolicy, rule: "always" } as const;

  /** How many of 60 windows of a class are answered right after 60 of the other two were learned. */
  async function keptOfThirdClass(learning: Partial<Learning>): Promise<number> {
    const { device } = await openBenchDevice(runtime, await benchPackage(runtime, learning));
    const anna = device.user("anna");
    const random = createSeededRandom("two classes");
    for (let turn = 0; turn < 60; turn += 1) {
      const { predictionId } = await anna.predict(windowOf(random, turn % 2, 0.6));
      await anna.feedback(predictionId, labels[turn % 2] as string);
      await device.whenIdle();
    }
    let correct = 0;
    for (let turn = 0; turn < 60; turn += 1) {
      const { label } = await anna.predict(windowOf(random, 2));
      if (label === "running") correct += 1;
    }
    expect(device.inspect().counts.adopted).toBeGreaterThan(0);
    return correct;
  }

  it("[DR43] rehearses what the package brings, so that a class nobody showed is not forgotten", async () => {
    const rehearsal = windowsOf(createSeededRandom("rehearsal"), 12);
    const plan = { ...modelPackage.learning.plan, pullToBase: 0 };
    const fineTune = { ...modelPackage.learning.fineTune, learningRate: 0.1 };
    const plain = await keptOfThirdClass({ guard: always, plan, fineTune });
    const rehearsed = await keptOfThirdClass({ guard: always, plan, fineTune, rehearsal });
    expect(plain).toBeLessThan(45);
    expect(rehearsed).toBeGreaterThan(plain + 10);
  });

  it("[DR40] asks for feedback when something has changed and nobody says whether it matters", async () => {
    const bench = await openBenchDevice(runtime, modelPackage);
    const anna = bench.device.user("anna");
    const random = createSeededRandom("strange");
    const live = async (count: number, level: number): Promise<void> => {
      for (let turn = 0; turn < count; turn += 1) {
        await anna.predict(windowOf(random, turn % 3).map((value) => value + level));
        await bench.pass(1_000);
      }
    };
    await live(400, 0);
    expect(bench.events.map(({ name }) => name)).not.toContain("feedbackWanted");
    await live(600, 12);
    const wanted = bench.events.filter(({ name }) => name === "feedbackWanted");
    expect(wanted).toHaveLength(1);
    expect(wanted[0]?.event).toMatchObject({ user: "anna" });
    expect(bench.device.inspect().users[0]?.trigger.action).toBe("ask-feedback");
    expect(bench.device.inspect().counts.trainings).toBe(0);
  });
});

describe("users", () => {
  it("[DR64] are bounded", async () => {
    const { device } = await openBenchDevice(runtime, modelPackage);
    const window = windowOf(createSeededRandom(1), 1);
    for (let user = 0; user < USERS_MAX; user += 1)
      await device.user(`user ${user}`).predict(window);
    await expect(device.user("one more").predict(window)).rejects.toMatchObject({
      code: "device.users_full",
    });
    await device.eraseUser("user 0");
    expect((await device.user("one more").predict(window)).label).toBe("walking");
  });

  it("[DR41] have parameters of their own", async () => {
    const always = await benchPackage(runtime, {
      guard: { ...defaultGuardPolicy, rule: "always" },
    });
    const bench = await openBenchDevice(runtime, always);
    await createPerson(bench, bench.device.user("anna"), createSeededRandom("anna")).live(40, 0.6);
    const random = createSeededRandom(7);
    const anna = await bench.device.user("anna").predict(windowOf(random, 1, 0.6));
    const bob = await bench.device.user("bob").predict(windowOf(random, 1, 0.6));
    expect([anna.isPersonal, bob.isPersonal]).toEqual([true, false]);
  });

  it("[DR41] with every parameter of their own are not strangers to the profile of the shared model", async () => {
    const whole = await benchPackage(runtime, {
      guard: { ...defaultGuardPolicy, rule: "always" },
      plan: { ...modelPackage.learning.plan, scope: "all" },
    });
    const bench = await openBenchDevice(runtime, whole);
    await createPerson(bench, bench.device.user("anna"), createSeededRandom("anna")).live(40, 0.6);
    const window = windowOf(createSeededRandom(7), 1);
    const anna = await bench.device.user("anna").predict(window);
    const bob = await bench.device.user("bob").predict(window);
    expect(anna.isPersonal).toBe(true);
    expect(anna.ood.score).toBe(bob.ood.score);
    expect(anna.probabilities).not.toEqual(bob.probabilities);
  });
});

describe("when the machine is not well", () => {
  it("[DR61] storage that fails is tried again, and nothing follows before it works", async () => {
    const inner = createMemoryStorage();
    let isFull = false;
    const full = <T>(work: () => Promise<T>): Promise<T> =>
      isFull
        ? Promise.reject(
            new Fault("no space", { code: "store.quota_exceeded", hint: "", isRetryable: true }),
          )
        : work();
    const storage: Storage = {
      ...inner,
      write: (name, bytes) => full(() => inner.write(name, bytes)),
      append: (name, bytes) => full(() => inner.append(name, bytes)),
      sync: (name) => full(() => inner.sync(name)),
    };
    const hub = createBenchHub();
    const bench = await openBenchDevice(runtime, modelPackage, { hub_: hub, storage });
    const anna = bench.device.user("anna");
    const { predictionId } = await anna.predict(windowOf(createSeededRandom(4), 1));
    isFull = true;
    await expect(anna.feedback(predictionId, "walking")).rejects.toMatchObject({
      code: "store.quota_exceeded",
    });
    hub.decide({ champion: hub.release(modelPackage, { generation: 0 }) });
    await bench.pass(3_000);
    expect(bench.device.inspect().storage.fault).toBe("no space");
    expect(hub.received.receipts).toEqual([]);
    expect((await anna.predict(windowOf(createSeededRandom(5), 2))).label).toBe("running");
    isFull = false;
    await bench.pass(10_000);
    expect(bench.device.inspect().storage.fault).toBeNull();
    expect(hub.received.receipts).toHaveLength(1);
    await bench.device.close();
    const again = await openBenchDevice(runtime, modelPackage, { storage, clock: bench.clock });
    expect(again.device.inspect().counts.feedback).toBe(1);
    expect(again.device.inspect().slots.floor.decisionSequence).toBe(1);
  });

  it("[DR64] a clock that is set back by a year holds nothing up", async () => {
    const hub = createBenchHub();
    const clock = createManualClock(Date.UTC(2026, 0, 5));
    let offsetMs = 0;
    const bench = await openBenchDevice(runtime, modelPackage, {
      hub_: hub,
      clock: { ...clock, nowMs: () => clock.nowMs() + offsetMs },
    });
    const other = await benchPackage(runtime, {}, "another");
    hub.decide({ champion: hub.release(other) });
    await bench.device.whenIdle();
    expect(bench.device.inspect().slots.active.isBaking).toBe(true);
    offsetMs = -365 * 86_400_000;
    clock.advance(11_000);
    await bench.device.whenIdle();
    expect(bench.device.inspect().slots.active.isBaking).toBe(false);
  });

  it("[DR31] a large part comes in blocks, and goes on where it stopped", async () => {
    const hub = createBenchHub();
    const asked: string[] = [];
    let isBroken = true;
    const server = createServer((request, response) => {
      const digest = request.url?.split("/").at(-1) ?? "";
      const [, from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "") ?? [];
      const bytes = hub.blobs.get(digest);
      asked.push(from ?? "");
      if (bytes === undefined || (isBroken && Number(from) >= 2 * BLOB_BLOCK_BYTES)) {
        response.writeHead(503).end();
        return;
      }
      response.writeHead(206).end(bytes.subarray(Number(from), Number(to) + 1));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const large = await largePackage();
    const bench = await openBenchDevice(runtime, modelPackage, { hub_: hub });
    hub.decide({
      champion: hub.release(large),
      blobUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/blobs`,
    });
    await bench.device.whenIdle();
    expect(bench.device.inspect().slots.standby).toMatchObject({ phase: "parts", attempts: 1 });
    isBroken = false;
    asked.length = 0;
    await bench.pass(10_000);
    expect(bench.device.inspect().slots.active.version).toBe(versionOf(large, nodeCryptography));
    expect(asked[0]).toBe(String(2 * BLOB_BLOCK_BYTES));
    await bench.device.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
});

/** A package whose parameters are over 128 KB. */
async function largePackage(): Promise<ModelPackage> {
  const model = buildPerceptron(
    { inputSize: 6, hidden: [700, 60], classCount: 3 },
    createSeededRandom("large"),
  );
  const random = createSeededRandom("large windows");
  const calibration = unwrap(
    await buildReference({
      model,
      preprocessing,
      fit: windowsOf(random, 200),
      check: windowsOf(random, 200),
      runtime,
    }),
  );
  return unwrap(
    createModelPackage({
      line: "activity",
      model,
      preprocessing,
      calibration,
      learning: learningDefaults(),
    }),
  );
}
