// How a person differs from those whom a package was measured on: counted where windows are answered, named when somebody asks.
import { decodeCbor, encodeCbor, unwrap } from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { beforeAll, expect, it } from "vitest";
import { createSeededRandom } from "../src/adapters/seededRandom.ts";
import { createProfile } from "../src/core/profile/profile.ts";
import type { DeviceUser, UserDifference } from "../src/device/device.ts";
import { createUserChecks, type UserChecksState } from "../src/device/userChecks.ts";
import { buildPerceptron } from "../src/model/build/buildPerceptron.ts";
import { loadNodeOrt } from "../src/model/session/nodeOrtRuntime.ts";
import type { OrtRuntime } from "../src/model/session/ortRuntime.ts";
import { buildPackage } from "../src/package/buildPackage.ts";
import { createModelPackage } from "../src/package/createModelPackage.ts";
import type { ModelPackage } from "../src/package/modelPackage.ts";
import { modelOf } from "../src/package/wholeModel.ts";
import { gaussian, type Random } from "../src/ports/random.ts";
import { openBenchDevice } from "./benchDevice.ts";
import { benchPackage, labels, preprocessing as valuesOnly, windowOf } from "./benchModel.ts";

const samples = 16;
const preprocessing = {
  ...valuesOnly,
  channels: ["acc-x", "acc-y", "acc-z", "light"].map((name) => ({ name, offset: 0, scale: 1 })),
  windowSamples: samples,
  hopSamples: samples,
};
const names = preprocessing.channels.map(({ name }) => name);

let runtime: OrtRuntime;
/** Made of plain files, as the command line makes it. */
let modelPackage: ModelPackage;
let packageFile: Uint8Array;

/** A window of noise about where each activity lies. */
function signalOf(random: Random, label: number): Float32Array {
  return Float32Array.from(
    { length: names.length * samples },
    (_, at) => Math.sin(label + Math.floor(at / samples)) + 0.3 * gaussian(random),
  );
}

function textOf(seed: string, count: number): string {
  const random = createSeededRandom(seed);
  const header = names.flatMap((name) =>
    Array.from({ length: samples }, (_, sample) => `${name}-${sample}`),
  );
  const lines = Array.from({ length: count }, (_, at) =>
    [labels[at % 3], `person ${at % 4}`, ...signalOf(random, at % 3)].join(","),
  );
  return [["label", "person", ...header].join(","), ...lines].join("\n");
}

beforeAll(async () => {
  runtime = await loadNodeOrt();
  const built = unwrap(
    await buildPackage(
      {
        recipe: { line: "activity", preprocessing },
        model: buildPerceptron(
          { inputSize: names.length * samples, hidden: [8], classCount: 3 },
          createSeededRandom("model"),
        ),
        fit: textOf("fit", 120),
        check: textOf("check", 300),
      },
      runtime,
      nodeCryptography,
    ),
  );
  modelPackage = built.modelPackage;
  packageFile = built.bytes;
});

async function live(user: DeviceUser, seed: string, change: (window: Float32Array) => void) {
  const random = createSeededRandom(seed);
  for (let step = 0; step < 90; step += 1) {
    const window = signalOf(random, step % 3);
    change(window);
    await user.predict(window);
  }
}

/** Changes one channel's samples. */
const inChannel =
  (channel: number, change: (value: number) => number) =>
  (window: Float32Array): void => {
    const own = window.subarray(channel * samples, (channel + 1) * samples);
    own.set(own.map(change));
  };

it("[DR77] a package that is made of plain files ships what people's windows look like, in bounded bytes", () => {
  const { profile } = modelPackage.calibration;
  // Five statistics of each of four channels, three of the length of acc.
  expect(profile?.features).toHaveLength(23);
  expect(profile?.windowCount).toBe(300);
  expect(profile?.layout.edges.every((edges) => edges.length === 9)).toBe(true);
  expect(profile?.classCounts.reduce((sum, count) => sum + count, 0)).toBe(300);
  expect(encodeCbor(profile).length).toBeLessThan(23 * 250);
});

it("[DR77] a shifted channel is named first, and a louder one by how it varies", async () => {
  const bench = await openBenchDevice(runtime, modelPackage, { model: packageFile });
  const shifted = bench.device.user("shifted");
  const louder = bench.device.user("louder");
  const usual = bench.device.user("usual");
  expect(await shifted.difference()).toBeNull();
  expect(bench.device.inspect().users).toHaveLength(0);
  await live(
    shifted,
    "a",
    inChannel(3, (value) => value + 1.5),
  );
  await live(
    louder,
    "b",
    inChannel(1, (value) => 2.5 * value),
  );
  await live(usual, "c", () => undefined);

  const difference = await shifted.difference();
  expect(difference).toMatchObject({ windows: 90, referenceWindows: 300 });
  expect(difference?.features).toHaveLength(23);
  expect(difference?.features[0]?.series).toBe("light");
  const mean = difference?.features.find(
    ({ series, statistic }) => series === "light" && statistic === "mean",
  );
  expect(mean?.wasserstein).toBeGreaterThan(0.5);
  expect(mean?.effect.size).toBeGreaterThan(1);
  const first = (await louder.difference())?.features[0];
  expect(first).toMatchObject({ series: "acc-y" });
  expect(["deviation", "mean step", "least", "largest"]).toContain(first?.statistic);
  const least = (await usual.difference())?.features[0];
  expect(least?.stability?.severity.size).toBeLessThan(
    0.2 * (difference?.features[0]?.stability?.severity.size ?? 0),
  );
  const shares = difference?.labels.map(({ share }) => share) ?? [];
  expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
  expect(difference?.labels.map(({ label }) => label).toSorted()).toEqual([...labels].toSorted());
  await bench.device.close();
});

it("[DR77] what was counted goes on over a restart, leaves with the user, and holds no unsound window", async () => {
  const plain = await benchPackage(runtime, {
    dataRules: {
      channels: [{ channel: "x", range: { min: -50, max: 50 } }],
      duplicateMemory: 0,
      gapMsMax: null,
    },
  });
  let bench = await openBenchDevice(runtime, plain);
  const random = createSeededRandom("anna");
  const liveOn = async (count: number): Promise<UserDifference | null> => {
    const anna = bench.device.user("anna");
    for (let step = 0; step < count; step += 1) {
      const window = windowOf(random, step % 3);
      window[3] = (window[3] as number) + 6;
      await anna.predict(window);
    }
    return anna.difference();
  };
  const before = await liveOn(60);
  expect(before?.windows).toBe(60);
  expect(before?.features[0]).toMatchObject({ series: "y", statistic: "sample 1" });
  await bench.device.user("anna").predict(windowOf(random, 1).fill(99));
  expect((await bench.device.user("anna").difference())?.windows).toBe(60);
  await bench.device.close();
  bench = await openBenchDevice(runtime, plain, { storage: bench.storage, clock: bench.clock });
  expect(await bench.device.user("anna").difference()).toEqual(before);
  expect((await liveOn(30))?.windows).toBe(90);
  await bench.device.eraseUser("anna");
  expect(await bench.device.user("anna").difference()).toBeNull();
  await bench.device.close();
});

it("[DR77] under another reference counting begins anew, and without one nothing is counted", () => {
  const { profile: _shipped, ...withoutProfile } = modelPackage.calibration;
  const withCalibration = (calibration: ModelPackage["calibration"]): ModelPackage =>
    unwrap(
      createModelPackage({
        ...modelPackage,
        model: unwrap(modelOf(modelPackage)),
        calibration,
      }),
    );
  const old = withCalibration(withoutProfile);
  const other = withCalibration({ ...modelPackage.calibration, temperature: 2 });
  const random = createSeededRandom("windows");
  const watch = (checks: ReturnType<typeof createUserChecks>): void => {
    const judged = { preprocessing: modelPackage.preprocessing, statistics: null };
    for (let step = 0; step < 20; step += 1) {
      checks.watch(signalOf(random, step % 3), judged, step % 3, 0.9, step);
    }
  };
  const checks = createUserChecks(modelPackage);
  watch(checks);
  const kept = unwrap(decodeCbor(encodeCbor(checks.state()))) as UserChecksState;
  expect(encodeCbor(kept.profile).length).toBeLessThan(23 * 100);
  expect(createUserChecks(modelPackage, kept).profiles()?.own.windowCount).toBe(20);
  expect(createUserChecks(modelPackage, kept).state()).toEqual(checks.state());
  expect(createUserChecks(other, kept).profiles()?.own.windowCount).toBe(0);
  expect(createUserChecks(old, kept).profiles()).toBeNull();
  // As a runtime of before has kept it.
  const { profile: _counted, ...before } = kept;
  expect(createUserChecks(modelPackage, before).profiles()?.own.windowCount).toBe(0);

  checks.follow(old);
  watch(checks);
  expect(checks.profiles()).toBeNull();
  expect(checks.state().profile).toBeNull();
  checks.follow(modelPackage);
  expect(checks.profiles()?.own.windowCount).toBe(0);
});

it("[LC98] a profile of other features or classes than the windows have is refused", () => {
  const { profile } = modelPackage.calibration;
  const made = (changed: unknown) =>
    createModelPackage({
      ...modelPackage,
      model: unwrap(modelOf(modelPackage)),
      calibration: { ...modelPackage.calibration, profile: changed as typeof profile },
    });
  expect(made(profile)).toMatchObject({ ok: true });
  const finer = createProfile({
    edges: Array.from({ length: 23 }, () => Array.from({ length: 10 }, (_, at) => at)),
    classCount: 3,
  }).profile();
  for (const wrong of [
    7,
    {},
    { ...profile, version: 2 },
    { ...profile, windowCount: 3 },
    finer,
    { ...profile, features: profile?.features.slice(1) },
    {
      ...profile,
      features: profile?.features.slice(1),
      layout: { ...profile?.layout, edges: profile?.layout.edges.slice(1) },
    },
  ]) {
    expect(made(wrong)).toMatchObject({ ok: false });
  }
});
