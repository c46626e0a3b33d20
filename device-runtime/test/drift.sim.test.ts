// What a device says of drift: found where windows are answered, the same to its hub and to whoever looks, gone with the user.
import { DRIFT_ONSET_STEP_MS, unwrap } from "@attune/protocol";
import { beforeAll, expect, it } from "vitest";
import { createSeededRandom } from "../src/adapters/seededRandom.ts";
import type { DeviceUser } from "../src/device/device.ts";
import { loadNodeOrt } from "../src/model/session/nodeOrtRuntime.ts";
import type { OrtRuntime } from "../src/model/session/ortRuntime.ts";
import { createModelPackage } from "../src/package/createModelPackage.ts";
import type { ModelPackage } from "../src/package/modelPackage.ts";
import { measureFeatures } from "../src/package/watchedFeatures.ts";
import { modelOf } from "../src/package/wholeModel.ts";
import type { Random } from "../src/ports/random.ts";
import { type BenchDevice, openBenchDevice } from "./benchDevice.ts";
import { createBenchHub } from "./benchHub.ts";
import { benchPackage, preprocessing, windowOf, windowsOf } from "./benchModel.ts";

let runtime: OrtRuntime;
let modelPackage: ModelPackage;

beforeAll(async () => {
  runtime = await loadNodeOrt();
  const plain = await benchPackage(runtime, {
    dataRules: {
      channels: [{ channel: "x", range: { min: -50, max: 50 } }],
      duplicateMemory: 0,
      gapMsMax: null,
    },
    businessRules: [{ kind: "duration", name: "runs end", label: "running", windowsMax: 20 }],
  });
  const measured = windowsOf(createSeededRandom("people"), 3000);
  const features = measureFeatures(
    preprocessing,
    { ...measured, persons: Int32Array.from(measured.labels, (_, index) => index % 10) },
    measured.labels,
  );
  modelPackage = unwrap(
    createModelPackage({
      line: plain.line,
      model: unwrap(modelOf(plain)),
      preprocessing,
      calibration: {
        ...plain.calibration,
        drift: { errors: plain.calibration.drift?.errors ?? null, features },
      },
      learning: plain.learning,
    }),
  );
});

/** Lives through bouts of twelve windows, a second each, `shift` added to channel y. */
async function live(
  bench: BenchDevice,
  user: DeviceUser,
  random: Random,
  count: number,
  shift = 0,
): Promise<void> {
  for (let step = 0; step < count; step++) {
    const window = windowOf(random, Math.floor(step / 12) % 3);
    for (const sample of [2, 3]) window[sample] = (window[sample] as number) + shift;
    await user.predict(window);
    if (step % 20 === 0) await bench.pass(20_000);
  }
}

it("[DR76] what drifts for a user is found, told to the app, and reported as inspect shows it, naming nobody", async () => {
  const hub = createBenchHub();
  let bench = await openBenchDevice(runtime, modelPackage, { hub_: hub });
  const random = createSeededRandom("anna");
  await bench.pass(120_000);
  expect(bench.device.inspect().drift).toBeNull();
  expect(hub.received.reports.at(-1)?.drift).toBeUndefined();

  const anna = bench.device.user("anna-lisa");
  await live(bench, anna, random, 20);
  expect(bench.device.inspect().drift).toMatchObject({
    verdict: "learning",
    users: 1,
    learningUsers: 1,
  });
  await live(bench, anna, random, 380);
  await live(bench, bench.device.user("ben"), createSeededRandom("ben"), 400);
  await bench.pass(120_000);
  expect(bench.device.inspect().drift).toMatchObject({
    verdict: "pass",
    users: 2,
    driftedUsers: 0,
  });
  expect(bench.device.inspect().drift?.performance?.verdict).not.toBe("worse");

  const changedAtMs = bench.clock.nowMs();
  await live(bench, anna, random, 80, 7);
  await anna.predict(windowOf(random, 1).fill(99, 0, 2));
  await bench.pass(120_000);
  const { drift, users } = bench.device.inspect();
  expect(drift).toMatchObject({
    verdict: "fail",
    users: 2,
    driftedUsers: 1,
    quarantined: { windows: 1, problems: { valueOutside: 1 } },
    rules: { violations: 0, broken: 0 },
  });
  const finding = drift?.findings.find(({ name }) => name === "y");
  expect(finding).toMatchObject({ kind: "feature", direction: "up", users: 1 });
  expect(Math.abs((finding?.onsetMs as number) - changedAtMs)).toBeLessThan(
    2 * DRIFT_ONSET_STEP_MS,
  );
  const [told] = bench.events.filter(({ name }) => name === "drifted");
  expect(told?.event).toMatchObject({ user: "anna-lisa" });
  // What the hub has is what everybody sees, and it names nobody.
  const sent = hub.received.reports.at(-1)?.drift;
  expect(sent).toEqual(drift);
  expect(JSON.parse(JSON.stringify(sent))).toEqual(drift);
  for (const user of users) expect(JSON.stringify(sent)).not.toContain(user.user);

  await bench.device.close();
  bench = await openBenchDevice(runtime, modelPackage, {
    hub_: hub,
    storage: bench.storage,
    clock: bench.clock,
  });
  await bench.pass(120_000);
  expect(bench.device.inspect().drift?.findings).toEqual(drift?.findings);
  expect(hub.received.reports.at(-1)?.drift?.findings).toEqual(drift?.findings);

  // Erased: nothing is left of the findings, here or in the next report.
  await bench.device.eraseUser("anna-lisa");
  await bench.pass(120_000);
  expect(bench.device.inspect().drift).toMatchObject({ verdict: "pass", users: 1, findings: [] });
  expect(hub.received.reports.at(-1)?.drift).toMatchObject({ users: 1, findings: [] });
  await bench.device.close();
});

it("[LC98] a package that watches other features than its windows have is refused", () => {
  const { calibration, learning, line } = modelPackage;
  const { drift } = calibration;
  const features = drift?.features ?? null;
  const made = (change: object) =>
    createModelPackage({
      line,
      model: unwrap(modelOf(modelPackage)),
      preprocessing,
      calibration: {
        ...calibration,
        drift: { errors: null, features: features && { ...features, ...change } },
      },
      learning,
    });
  expect(made({})).toMatchObject({ ok: true });
  for (const change of [
    { classCount: 2 },
    { means: new Float64Array(3) },
    { layout: { ...features?.layout, featureCount: 5 } },
    { layout: { ...features?.layout, series: [] } },
    { version: 3 },
  ]) {
    expect(made(change)).toMatchObject({ ok: false });
  }
});
