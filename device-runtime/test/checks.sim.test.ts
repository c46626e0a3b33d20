// What a device checks of data and answers: unsound data goes nowhere, a person is judged by what is usual for this person, and business
// rules are heard without statistics.
import { unwrap } from "@attune/protocol";
import { beforeAll, expect, it } from "vitest";
import { createSeededRandom } from "../src/adapters/seededRandom.ts";
import type { DataRules } from "../src/core/validation/dataRules.ts";
import type { Device } from "../src/device/device.ts";
import { loadNodeOrt } from "../src/model/session/nodeOrtRuntime.ts";
import type { OrtRuntime } from "../src/model/session/ortRuntime.ts";
import { createModelPackage } from "../src/package/createModelPackage.ts";
import type { ModelPackage } from "../src/package/modelPackage.ts";
import { modelOf } from "../src/package/wholeModel.ts";
import { openBenchDevice } from "./benchDevice.ts";
import { benchPackage, windowOf } from "./benchModel.ts";

const dataRules: DataRules = {
  channels: [
    { channel: "x", range: { min: -20, max: 20 }, stuckSamples: 2 },
    { channel: "y", range: { min: -20, max: 20 } },
  ],
  duplicateMemory: 8,
  gapMsMax: 500,
};

let runtime: OrtRuntime;
let modelPackage: ModelPackage;

beforeAll(async () => {
  runtime = await loadNodeOrt();
  modelPackage = await benchPackage(runtime, {
    dataRules,
    businessRules: [{ kind: "duration", name: "runs end", label: "running", windowsMax: 5 }],
  });
});

const first = (device: Device) => {
  const [user] = device.inspect().users;
  if (user === undefined) throw new Error("no user");
  return user;
};
const stuck = (): Float32Array => Float32Array.of(1, 1, 2, 3, 4, 5);

it("[DR16] unsound data is answered with a warning; nothing of it is stored, watched or learned from", async () => {
  const bench = await openBenchDevice(runtime, modelPackage);
  const anna = bench.device.user("anna");
  const random = createSeededRandom("data");
  const sound = await anna.predict(windowOf(random, 1));
  expect(sound).toMatchObject({ label: "walking", quarantine: null, isAbstained: false });
  const before = first(bench.device);

  const hung = await anna.predict(stuck());
  expect(hung).toMatchObject({
    quarantine: { code: "input.channel_stuck", message: expect.stringContaining("channel x") },
    isAbstained: true,
    ood: { pValue: null },
  });
  const far = await anna.predict(Float32Array.of(1, 2, 99, 3, 4, 5));
  expect(far.quarantine?.code).toBe("input.value_outside");
  const twice = windowOf(random, 2);
  await anna.predict(twice);
  expect((await anna.predict(twice)).quarantine?.code).toBe("input.window_duplicated");

  const outcome = await anna.feedback(hung.predictionId, "still");
  expect(outcome).toMatchObject({
    ok: false,
    refusal: { code: "feedback.window_quarantined" },
  });
  const after = first(bench.device);
  // The one sound window between them.
  expect(after.pending).toBe(before.pending + 1);
  expect(after.counts.predictions).toBe(before.counts.predictions + 1);
  expect(after.monitor.outlierShare.count).toBe(before.monitor.outlierShare.count + 1);
  expect(after.checks.calibration.windowCount).toBe(before.checks.calibration.windowCount + 1);
  expect(after.checks.data).toMatchObject({ windows: 5, quarantined: 3 });
  expect(after.checks.data.problems["input.channel_stuck"]).toBe(1);
});

it("[DR16] a sensor that stays wrong is told once, and again after it was right", async () => {
  const bench = await openBenchDevice(runtime, modelPackage);
  const anna = bench.device.user("anna");
  const random = createSeededRandom("told");
  for (let turn = 0; turn < 4; turn += 1) await anna.predict(stuck().fill(turn, 2));
  await anna.predict(windowOf(random, 1));
  await anna.predict(stuck().fill(9, 2));
  await bench.device.whenIdle();
  const told = bench.events.filter(({ name }) => name === "quarantined");
  expect(told.map(({ event }) => event)).toMatchObject([
    { user: "anna", code: "input.channel_stuck" },
    { user: "anna", code: "input.channel_stuck" },
  ]);
  expect(first(bench.device).checks.data.quarantined).toBe(5);
});

it("[DR16] behind a gap windows begin anew", async () => {
  const bench = await openBenchDevice(runtime, modelPackage);
  const anna = bench.device.user("anna");
  expect(await anna.pushSamples(Float32Array.of(5, 1, -3), 0)).toHaveLength(0);
  expect(await anna.pushSamples(Float32Array.of(5.5, 1, -3), 1_000)).toHaveLength(1);
  // Ten seconds for one sample at 1 Hz.
  expect(await anna.pushSamples(Float32Array.of(5.2, 1, -3), 11_000)).toHaveLength(0);
  expect(await anna.pushSamples(Float32Array.of(5.1, 1, -3), 12_000)).toHaveLength(1);
  expect(first(bench.device).checks.data.problems["input.sampling_gap"]).toBe(1);
});

it("[DR17] a business rule that is broken is told, counted, and asks for feedback at once", async () => {
  const bench = await openBenchDevice(runtime, modelPackage);
  const anna = bench.device.user("anna");
  const random = createSeededRandom("runs");
  for (let turn = 0; turn < 8; turn += 1) await anna.predict(windowOf(random, 2));
  await bench.device.whenIdle();
  const named = (wanted: string) => bench.events.filter(({ name }) => name === wanted);
  expect(named("ruleBroken").map(({ event }) => event)).toEqual([
    { user: "anna", rule: "runs end", message: "running has lasted 6 windows, limit 5" },
  ]);
  expect(named("alarm")).toEqual([]);
  expect(named("feedbackWanted")).toHaveLength(1);
  expect(first(bench.device).checks.rules).toEqual([
    { rule: "runs end", count: 1, isBroken: true },
  ]);
  expect(bench.device.inspect().counts.alarms).toBe(1);
});

it("[DR18] what is usual for a person is learned, and kept over a restart", async () => {
  const bench = await openBenchDevice(runtime, modelPackage);
  const anna = bench.device.user("anna");
  const random = createSeededRandom("usual");
  const unusual = (turn: number): Float32Array =>
    windowOf(random, turn % 3).map((value) => value + 4);
  const early: boolean[] = [];
  const late: boolean[] = [];
  for (let turn = 0; turn < 400; turn += 1) {
    const { ood } = await anna.predict(unusual(turn));
    (turn < 6 ? early : late).push(ood.isOutlier);
  }
  const share = (flags: readonly boolean[]): number => flags.filter(Boolean).length / flags.length;
  expect(share(early)).toBeGreaterThan(0.3);
  expect(share(late)).toBeLessThan(0.15);
  // What is watched among all people is not what is usual for one.
  expect(first(bench.device).counts.outliers).toBeGreaterThan(200);
  const before = first(bench.device).checks;
  await bench.device.close();
  const again = await openBenchDevice(runtime, modelPackage, {
    storage: bench.storage,
    clock: bench.clock,
  });
  expect(first(again.device).checks).toEqual(before);
});

it("[DR19] says between which classes the unknown cannot be known", async () => {
  const { calibration, preprocessing, learning } = modelPackage;
  const pair = {
    leftOut: 0,
    answered: 1,
    auroc: 0.6,
    best: "knn" as const,
    bestAuroc: 0.7,
    leftOutCount: 20,
    answeredCount: 20,
  };
  const leaveOneOut = { pairs: [pair, { ...pair, answered: 2, auroc: 0.9 }], isOptimistic: false };
  const made = unwrap(
    createModelPackage({
      line: "activity",
      model: unwrap(modelOf(modelPackage)),
      preprocessing,
      calibration: { ...calibration, ood: { ...calibration.ood, leaveOneOut } },
      learning,
    }),
  );
  const bench = await openBenchDevice(runtime, made);
  const answer = await bench.device.user("anna").predict(windowOf(createSeededRandom(1), 1));
  expect(answer.ood.inseparableFrom).toEqual(["still"]);
  expect(bench.device.inspect().inseparableFrom).toEqual({ walking: ["still"] });
});
