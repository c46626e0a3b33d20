import {
  applyDelta,
  type DeviceId,
  decodeDelta,
  deltaBetween,
  encodeDelta,
  isSelected,
  type ModelVersion,
  PAIRED_DISCORDANT_MAX,
  type PersonalFate,
  parameterSetOf,
  unwrap,
} from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createSeededRandom } from "../src/adapters/seededRandom.ts";
import { defaultFineTunePolicy } from "../src/core/learn/fineTunePlan.ts";
import { defaultGuardPolicy } from "../src/core/learn/localGuard.ts";
import type { InspectedUser } from "../src/device/device.ts";
import { loadNodeOrt } from "../src/model/session/nodeOrtRuntime.ts";
import type { OrtRuntime } from "../src/model/session/ortRuntime.ts";
import { type ModelPackage, versionOf } from "../src/package/modelPackage.ts";
import { withParameters } from "../src/package/wholeModel.ts";
import { type BenchDevice, createPerson, openBenchDevice, type Person } from "./benchDevice.ts";
import { type BenchHub, createBenchHub } from "./benchHub.ts";
import { benchPackage } from "./benchModel.ts";

let runtime: OrtRuntime;
let first: ModelPackage;
let second: ModelPackage;

const version = (modelPackage: ModelPackage): ModelVersion =>
  versionOf(modelPackage, nodeCryptography);
const moved = (modelPackage: ModelPackage, amount: number): ModelPackage =>
  withParameters(
    modelPackage,
    parameterSetOf(
      modelPackage.parameters.map((tensor) => ({
        ...tensor,
        data: tensor.data.map((value) => value + amount),
      })),
    ),
  );

beforeAll(async () => {
  runtime = await loadNodeOrt();
  // Adopts at once, so that what happens afterwards can be looked at without a long life before.
  first = await benchPackage(runtime, {
    guard: { ...defaultGuardPolicy, rule: "always", revertLimit: 1e6 },
    fineTune: { ...defaultFineTunePolicy, sampleCountMin: 12 },
  });
  second = moved(first, 0.01);
});

let hub: BenchHub;
let bench: BenchDevice;
let anna: Person;
const inspected = (): InspectedUser => bench.device.inspect().users[0] as InspectedUser;
const fates = (): readonly unknown[] =>
  bench.events.filter(({ name }) => name === "personal").map(({ event }) => event);

beforeEach(async () => {
  hub = createBenchHub();
  bench = await openBenchDevice(runtime, first, { hub_: hub });
  anna = createPerson(bench, bench.device.user("anna"), createSeededRandom("anna"));
  await anna.live(40, 0.6);
});

describe("a user's own parameters, when the shared version changes", () => {
  const release = async (personal: PersonalFate, modelPackage = second): Promise<void> => {
    hub.decide({
      champion: hub.release(modelPackage, { generation: modelPackage === first ? 0 : 1 }),
      personal,
    });
    await bench.device.whenIdle();
  };
  const rollBack = (personal: PersonalFate): Promise<void> => release(personal, first);

  it("[DR41] serve before it", () => {
    expect(inspected()).toMatchObject({
      serving: "personal",
      layer: { base: version(first) },
    });
  });

  it("[DR42] keep: their difference is on the new base, and comes back exactly with the old one", async () => {
    const before = inspected().layer;
    await release("keep");
    expect(inspected()).toMatchObject({
      serving: "personal",
      layer: { base: version(second), jobIndex: before?.jobIndex },
      parked: [{ base: version(first) }],
    });
    expect(inspected().layer?.digest).not.toBe(before?.digest);
    expect(fates()).toMatchObject([{ user: "anna", fate: "keep", modelVersion: version(second) }]);
    await rollBack("park");
    expect(inspected()).toMatchObject({ serving: "personal", layer: before });
  });

  it("[DR42] refit: a training from the new base, the shared version answers meanwhile", async () => {
    const before = inspected().lastTraining?.jobIndex ?? 0;
    hub.decide({ champion: hub.release(second), personal: "refit" });
    await bench.device.whenIdle();
    const training = bench.events.filter(({ name }) => name === "training").at(-1)?.event;
    expect(training).toMatchObject({ jobIndex: before + 1 });
    expect((training as { because: string }).because).toContain("refit");
    expect(inspected()).toMatchObject({
      layer: { base: version(second), jobIndex: before + 1 },
      parked: [{ base: version(first) }],
    });
  });

  it("[DR42] park: they wait for their base", async () => {
    const before = inspected().layer;
    await release("park");
    expect(inspected()).toMatchObject({
      serving: "shared",
      layer: null,
      parked: [{ base: version(first), jobIndex: before?.jobIndex }],
    });
    await rollBack("keep");
    expect(inspected()).toMatchObject({ serving: "personal", layer: before, parked: [] });
    expect(fates().at(-1)).toMatchObject({ fate: "restore", modelVersion: version(first) });
  });

  it("[DR42] discard: they go when the new version has baked, not before", async () => {
    const before = inspected().layer;
    await release("discard");
    expect(inspected()).toMatchObject({ serving: "shared", layer: null });
    expect(inspected().parked).toHaveLength(1);
    await bench.pass(20_000);
    expect(inspected().parked).toEqual([]);
    const names = await bench.storage.list();
    expect(names.filter((name) => name.includes(before?.digest as string))).toEqual([]);
    await rollBack("keep");
    expect(inspected()).toMatchObject({ serving: "shared", layer: null });
  });

  it("[DR35] [DR42] come back when the new version fails while it bakes, whatever the fate was", async () => {
    const before = inspected().layer;
    const fragile = withParameters(
      first,
      parameterSetOf(
        first.parameters.map((tensor) => ({
          ...tensor,
          data: tensor.data.map(
            (value) => value * (tensor.name.startsWith("hidden") ? 1e10 : 1e20),
          ),
        })),
      ),
    );
    await release("discard", fragile);
    expect(inspected().serving).toBe("shared");
    await bench.device.user("anna").predict(new Float32Array(6).fill(1e12));
    await bench.device.whenIdle();
    expect(inspected()).toMatchObject({ serving: "personal", layer: before });
  });

  it("[DR42] come back after a version with another graph, although others were learned on that", async () => {
    const before = inspected().layer;
    const learning = { guard: first.learning.guard, fineTune: first.learning.fineTune };
    const other = await benchPackage(runtime, learning, "bench", 12);
    await release("keep", other);
    expect(fates()).toMatchObject([{ fate: "refit", modelVersion: version(other) }]);
    await anna.live(40, 0.6);
    expect(inspected()).toMatchObject({ serving: "personal", layer: { base: version(other) } });
    await rollBack("keep");
    expect(inspected()).toMatchObject({ serving: "personal", layer: before });
  });

  it("[DR42] survive a restart in whatever place they are", async () => {
    await release("park");
    const before = inspected();
    await bench.device.close();
    bench = await openBenchDevice(runtime, first, {
      hub_: hub,
      storage: bench.storage,
      clock: bench.clock,
    });
    expect(inspected().parked).toEqual(before.parked);
    await rollBack("park");
    expect(inspected().serving).toBe("personal");
  });
});

describe("consent", () => {
  it("[DR46] without it nothing is contributed, not even when it is given later", async () => {
    await bench.device.setContribute(true);
    await bench.pass(60_000);
    expect(hub.received.contributions).toEqual([]);
    expect(inspected().contribution).toContain("switched off");
    await anna.live(40, 0.6);
    expect(hub.received.contributions.length).toBeGreaterThan(0);
  });

  it("[DR46] withdrawn, it withdraws what waits", async () => {
    hub.isReceipting = false;
    await bench.device.setContribute(true);
    await anna.live(40, 0.6);
    expect(bench.device.inspect().outbox.entries.map(({ kind }) => kind)).toContain("contribution");
    await bench.device.setContribute(false);
    await bench.device.whenIdle();
    expect(bench.device.inspect().outbox.entries).toEqual([]);
    expect((await bench.storage.list()).filter((name) => name.startsWith("out-"))).toEqual([]);
  });

  it("[DR46] is remembered, and set again by who starts the device", async () => {
    await bench.device.setContribute(true);
    await bench.device.close();
    const again = { hub_: hub, storage: bench.storage, clock: bench.clock };
    bench = await openBenchDevice(runtime, first, again);
    expect(bench.device.inspect().contribute).toBe(true);
    await bench.device.close();
    bench = await openBenchDevice(runtime, first, { ...again, contribute: false });
    expect(bench.device.inspect().contribute).toBe(false);
  });
});

describe("a comparison", () => {
  /** Everybody is selected. */
  const selection = { salt: "s", threshold: 0xffffffff };
  /** A candidate that is wrong about everything, as a delta. */
  const candidate = () => {
    const upsideDown = parameterSetOf(
      first.parameters
        .filter(({ name }) => name.startsWith("head"))
        .map((tensor) => ({ ...tensor, data: tensor.data.map((value) => -value) })),
    );
    const delta = encodeDelta(deltaBetween(first.parameters, upsideDown));
    const made = withParameters(
      first,
      applyDelta(first.parameters, unwrap(decodeDelta(delta, first.parameters))),
    );
    return { delta, made };
  };

  it("[DR70] shadow: the candidate never answers, and its pairs are counted up to the limit", async () => {
    const { delta, made } = candidate();
    const champion = hub.release(first, { generation: 0 });
    expect(isSelected(selection, "dev-1" as DeviceId, nodeCryptography)).toBe(true);
    hub.decide({
      champion,
      action: "evaluate",
      shadow: {
        version: version(made),
        base: version(first),
        delta: hub.publishBlob(delta),
        selection,
      },
    });
    await bench.device.whenIdle();
    const holdout = inspected().holdout.count;
    expect(holdout).toBeGreaterThan(0);
    expect(bench.device.inspect().comparisons).toMatchObject([
      { champion: version(first), challenger: version(made), n: holdout, state: "counting" },
    ]);
    await anna.live(60, 0);
    const [compared] = bench.device.inspect().comparisons;
    expect(compared?.state).toBe("full");
    expect((compared?.losses ?? 0) + (compared?.wins ?? 0)).toBe(PAIRED_DISCORDANT_MAX);
    expect(compared?.losses).toBeGreaterThan(24);
    await bench.pass(120_000);
    expect(hub.received.reports.at(-1)?.paired).toMatchObject([
      { champion: version(first), challenger: version(made), n: compared?.n },
    ]);
    expect(bench.device.inspect().slots.active.version).toBe(version(first));
  });

  it("[DR70] rollout: the champion answers in shadow", async () => {
    const champion = hub.release(first, { generation: 0 });
    hub.decide({
      champion,
      action: "canary",
      rollout: { target: hub.release(second), selection },
    });
    await bench.device.whenIdle();
    expect(bench.device.inspect().slots.active.version).toBe(version(second));
    const [before] = bench.device.inspect().comparisons;
    expect(before).toMatchObject({
      champion: version(first),
      challenger: version(second),
      state: "counting",
    });
    await anna.live(10, 0);
    expect(bench.device.inspect().comparisons[0]?.n).toBe((before?.n ?? 0) + 10);
  });

  it("[DR70] a device that is not selected compares nothing", async () => {
    const champion = hub.release(first, { generation: 0 });
    hub.decide({
      champion,
      rollout: { target: hub.release(second), selection: { salt: "s", threshold: 0 } },
    });
    await bench.device.whenIdle();
    expect(bench.device.inspect().slots.active.version).toBe(version(first));
    expect(bench.device.inspect().comparisons).toEqual([]);
  });

  it("[DR71] goes on where it stopped, after another decision and after a restart", async () => {
    const champion = hub.release(first, { generation: 0 });
    const rollout = { target: hub.release(second), selection };
    hub.decide({ champion, rollout });
    await bench.device.whenIdle();
    await anna.live(5, 0);
    const counted = bench.device.inspect().comparisons[0]?.n ?? 0;
    hub.decide({ champion });
    await bench.device.whenIdle();
    expect(bench.device.inspect().comparisons).toMatchObject([{ n: counted, state: "over" }]);
    await bench.device.close();
    bench = await openBenchDevice(runtime, first, {
      hub_: hub,
      storage: bench.storage,
      clock: bench.clock,
    });
    anna = createPerson(bench, bench.device.user("anna"), createSeededRandom("anna again"));
    hub.decide({ champion, rollout });
    await bench.device.whenIdle();
    await anna.live(5, 0);
    expect(bench.device.inspect().comparisons).toMatchObject([{ n: counted + 5 }]);
  });

  it("[DR70] version.mismatch: base and delta do not make the candidate", async () => {
    const { delta } = candidate();
    hub.decide({
      champion: hub.release(first, { generation: 0 }),
      shadow: {
        version: version(second),
        base: version(first),
        delta: hub.publishBlob(delta),
        selection,
      },
    });
    await bench.device.whenIdle();
    const { refusals, state, comparisons } = bench.device.inspect();
    expect(refusals.map(({ code }) => code)).toEqual(["version.mismatch"]);
    expect(state).toContain("version.mismatch");
    expect(comparisons).toMatchObject([{ n: 0, state: "preparing" }]);
  });
});
