import {
  applyDelta,
  type DeviceId,
  decodeDelta,
  deltaBetween,
  encodeCbor,
  encodeDelta,
  type ModelVersion,
  parameterSetOf,
  topics,
  unwrap,
} from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createSeededRandom } from "../src/adapters/seededRandom.ts";
import { loadNodeOrt } from "../src/model/session/nodeOrtRuntime.ts";
import type { OrtRuntime } from "../src/model/session/ortRuntime.ts";
import { type ModelPackage, versionOf } from "../src/package/modelPackage.ts";
import { readModelParts } from "../src/package/readModelParts.ts";
import { withParameters } from "../src/package/wholeModel.ts";
import { type BenchDevice, openBenchDevice } from "./benchDevice.ts";
import { type BenchHub, createBenchHub, fleet, hubKey, releaseKeys } from "./benchHub.ts";
import { benchPackage, windowOf } from "./benchModel.ts";

let runtime: OrtRuntime;
let first: ModelPackage;
/** The same model, a little different. */
let second: ModelPackage;
let third: ModelPackage;

const version = (modelPackage: ModelPackage): ModelVersion =>
  versionOf(modelPackage, nodeCryptography);

/** Other parameters: every value moved by `amount`. */
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
  first = await benchPackage(runtime);
  second = moved(first, 0.001);
  third = moved(first, 0.002);
});

let hub: BenchHub;
let bench: BenchDevice;
const active = (): ModelVersion => bench.device.inspect().slots.active.version;
const outcomes = (): readonly string[] =>
  hub.received.receipts.map(
    ({ decisionSequence, outcome, code }) => `${decisionSequence} ${outcome}${code && ` ${code}`}`,
  );

beforeEach(async () => {
  hub = createBenchHub();
  bench = await openBenchDevice(runtime, first, { hub_: hub });
});

describe("a release", () => {
  it("[DR33] is made ready to answer once, and again only when what was kept of that is damaged", async () => {
    hub.decide({ champion: hub.release(second) });
    await bench.device.whenIdle();
    const { storage, clock } = bench;
    const names = (await storage.list()).filter((one) => one.startsWith("serving-"));
    expect(names).toHaveLength(1);
    const [name = ""] = names;
    const kept = await storage.read(name);
    for (const damaged of [null, Uint8Array.of(1, 2, 3), kept?.map((byte) => byte ^ 1)]) {
      await bench.device.close();
      if (damaged) await storage.write(name, damaged);
      bench = await openBenchDevice(runtime, first, { hub_: hub, storage, clock });
      expect(active()).toBe(version(second));
      expect(await storage.read(name)).toEqual(kept);
    }
  });

  it("[DR33] [DR34] [DR36] is fetched, tested, activated, baked, and each step has its receipt", async () => {
    hub.decide({ champion: hub.release(second) });
    await bench.device.whenIdle();
    expect(active()).toBe(version(second));
    expect(bench.device.inspect().slots).toMatchObject({
      active: { isBaking: true },
      previousGood: { version: version(first) },
      floor: { decisionSequence: 1 },
    });
    const answer = await bench.device.user("anna").predict(windowOf(createSeededRandom(1), 1));
    expect(answer.modelVersion).toBe(version(second));
    expect(outcomes()).toEqual(["1 activated"]);
    await bench.pass(10_000);
    expect(bench.device.inspect().slots.active.isBaking).toBe(false);
    expect(outcomes()).toEqual(["1 activated", "1 baked"]);
    expect(bench.events.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["decided", "activated", "baked"]),
    );
  });

  it("[DR36] of what is active already is answered at once", async () => {
    hub.decide({ champion: hub.release(first, { generation: 0 }) });
    await bench.device.whenIdle();
    expect(outcomes()).toEqual(["1 baked"]);
  });

  it("[DR34] [DR36] rolled back returns to the version before without fetching or baking it again", async () => {
    const old = hub.release(first, { generation: 0 });
    hub.decide({ champion: hub.release(second) });
    await bench.pass(20_000);
    hub.decide({ champion: old, action: "rollback" });
    await bench.device.whenIdle();
    expect(active()).toBe(version(first));
    expect(bench.device.inspect().slots.active.isBaking).toBe(false);
    expect(outcomes()).toEqual(["1 activated", "1 baked", "2 baked"]);
  });

  it("[DR34] that is replaced while it bakes never becomes the version to fall back to", async () => {
    hub.decide({ champion: hub.release(second) });
    await bench.pass(5_000);
    hub.decide({ champion: hub.release(third, { generation: 2 }) });
    await bench.device.whenIdle();
    expect(active()).toBe(version(third));
    expect(bench.device.inspect().slots.previousGood?.version).toBe(version(first));
  });

  it("[DR30] superseded while it is fetched is given up", async () => {
    const target = hub.release(second, { tamper: () => null });
    hub.decide({ champion: target });
    await bench.device.whenIdle();
    expect(bench.device.inspect().slots.standby).toMatchObject({ phase: "record" });
    hub.decide({ champion: hub.release(third, { generation: 2 }) });
    await bench.device.whenIdle();
    expect(active()).toBe(version(third));
    expect(bench.device.inspect().slots.standby).toBeNull();
    expect(outcomes()).toEqual(["2 activated"]);
  });

  it("[DR31] [DR64] whose blobs are not there yet is waited for, and says so", async () => {
    const missing = new Set<string>();
    const target = hub.release(second, {
      tamper: (digest, bytes) => {
        if (bytes === second.bytes.parameters) {
          missing.add(digest);
          return null;
        }
        return bytes;
      },
    });
    hub.decide({ champion: target });
    await bench.pass(60_000);
    const { standby } = bench.device.inspect().slots;
    expect(standby?.phase).toBe("parts");
    expect(standby?.waiting).toContain("is not here yet");
    expect(standby?.attempts).toBeGreaterThan(1);
    expect(bench.device.inspect().state).toContain("waiting for");
    hub.publishBlob(second.bytes.parameters);
    await bench.pass(11 * 60_000);
    expect(active()).toBe(version(second));
  });

  it("[DR32] of parameters only fetches parameters only", async () => {
    const asked: string[] = [];
    const target = hub.release(second, {
      tamper: (digest, bytes) => {
        // Whatever the bundled package has is not published at all.
        if (Object.values(first.bytes).some((part) => part === bytes)) return null;
        asked.push(digest);
        return bytes;
      },
    });
    hub.decide({ champion: target });
    await bench.device.whenIdle();
    expect(active()).toBe(version(second));
    expect(asked).toHaveLength(2);
  });

  it("[DR32] comes as a delta where its base is here, and whole where the delta is wrong", async () => {
    const delta = encodeDelta(deltaBetween(first.parameters, second.parameters));
    const coded = withParameters(
      first,
      applyDelta(first.parameters, unwrap(decodeDelta(delta, first.parameters))),
    );
    const isParameters = (bytes: Uint8Array): boolean => bytes === coded.bytes.parameters;
    hub.decide({
      champion: hub.release(coded, {
        delta: { base: version(first), blob: hub.publishBlob(delta) },
        tamper: (_digest, bytes) => (isParameters(bytes) ? null : bytes),
      }),
    });
    await bench.device.whenIdle();
    expect(active()).toBe(version(coded));

    const wrong = encodeDelta(deltaBetween(first.parameters, third.parameters));
    hub.decide({
      champion: hub.release(second, {
        generation: 2,
        delta: { base: version(first), blob: hub.publishBlob(wrong) },
      }),
    });
    await bench.device.whenIdle();
    expect(active()).toBe(version(second));
  });
});

describe("a refused decision", () => {
  /** What was refused so far; the device answers as before. */
  const refused = async (): Promise<readonly string[]> => {
    await bench.device.whenIdle();
    const answer = await bench.device.user("anna").predict(windowOf(createSeededRandom(1), 1));
    expect(answer.modelVersion).toBe(version(first));
    return bench.device.inspect().refusals.map(({ code }) => code);
  };

  it("[DR36] signature.key_unknown: another key signed it", async () => {
    const champion = hub.release(second);
    hub.decide({ champion }, nodeCryptography.keyPair(new Uint8Array(32).fill(9)));
    expect(await refused()).toEqual(["signature.key_unknown"]);
    // The same bytes again, as with every connection, are not refused again.
    hub.broker.cut("the network broke");
    await bench.pass(5_000);
    expect(bench.device.inspect().link.state).toBe("online");
    expect(await refused()).toEqual(["signature.key_unknown"]);
    // A stranger gets no receipt: those would fill the outbox.
    expect(outcomes()).toEqual([]);
  });

  it("[DR36] signature.role_forbidden: a release key decides nothing", async () => {
    hub.decide({ champion: hub.release(second) }, releaseKeys[0]);
    expect(await refused()).toContain("signature.role_forbidden");
  });

  it("[DR36] signature.invalid: its bytes were changed", async () => {
    const frame = hub.decide({ champion: hub.release(first, { generation: 0 }) });
    await bench.device.whenIdle();
    const changed = frame.slice();
    changed[changed.length - 1] = (changed[changed.length - 1] as number) ^ 1;
    hub.publishDecision(changed);
    expect(await refused()).toEqual(["signature.invalid"]);
  });

  it("[DR30] decision.sequence_replayed: an older one comes again", async () => {
    const old = hub.decide({ champion: hub.release(second) });
    await bench.device.whenIdle();
    hub.decide({ champion: hub.release(first, { generation: 0 }), action: "rollback" });
    await bench.device.whenIdle();
    hub.publishDecision(old);
    expect(await refused()).toContain("decision.sequence_replayed");
  });

  it("[DR36] decision.line_mismatch and decision.cohort_mismatch", async () => {
    hub.decide({ champion: hub.release(second), line: "gait" as never });
    expect(await refused()).toContain("decision.line_mismatch");
    hub.decide({ champion: hub.release(second), cohort: "others" as never });
    expect(await refused()).toContain("decision.cohort_mismatch");
  });

  it("[DR34] record.security_epoch_too_low: below what has baked here", async () => {
    hub.decide({ champion: hub.release(second, { securityEpoch: 2 }) });
    await bench.pass(20_000);
    expect(bench.device.inspect().slots.floor.securityEpoch).toBe(2);
    hub.decide({ champion: hub.release(third, { securityEpoch: 1 }), action: "rollback" });
    await bench.device.whenIdle();
    expect(active()).toBe(version(second));
    expect(bench.device.inspect().refusals.map((one) => one.code)).toContain(
      "record.security_epoch_too_low",
    );
  });

  it("[DR36] frame.not_decodable and other damage", async () => {
    hub.publishDecision(Uint8Array.of(1, 2, 3));
    expect(await refused()).toContain("frame.magic_invalid");
    expect(outcomes()).toEqual([]);
  });
});

describe("a version that is not what was promised", () => {
  /** Receipts so far; nothing has changed. */
  const receipts = async (): Promise<readonly string[]> => {
    await bench.device.whenIdle();
    expect(active()).toBe(version(first));
    expect(bench.device.inspect().slots).toMatchObject({
      standby: null,
      decision: { isSettled: true },
    });
    return outcomes();
  };

  it("[DR31] blob.digest_mismatch: a blob was changed on the way", async () => {
    hub.decide({
      champion: hub.release(second, {
        tamper: (_digest, bytes) => {
          if (bytes !== second.bytes.parameters) return bytes;
          const changed = bytes.slice();
          changed[100] = (changed[100] as number) ^ 1;
          return changed;
        },
      }),
    });
    expect(await receipts()).toEqual(["1 refused blob.digest_mismatch"]);
  });

  it("[DR33] signature.threshold_unmet: too few release keys signed the record", async () => {
    hub.decide({ champion: hub.release(second, { keys: releaseKeys.slice(0, 1) }) });
    expect(await receipts()).toEqual(["1 refused signature.threshold_unmet"]);
  });

  it("[DR33] signature.role_forbidden: the hub's key signed the record", async () => {
    hub.decide({ champion: hub.release(second, { keys: [hubKey] }) });
    expect(await receipts()).toEqual(["1 refused signature.role_forbidden"]);
  });

  it("[DR33] record.mismatch: the record is of something else than the decision says", async () => {
    const target = hub.release(second);
    hub.decide({ champion: { ...target, generation: 7 as never } });
    expect(await receipts()).toEqual(["1 refused record.mismatch"]);
  });

  it("[DR33] version.mismatch: the parts do not make the version", async () => {
    hub.decide({
      champion: hub.release(second, {
        change: (record) => ({
          ...record,
          parts: { ...record.parts, graph: record.parts.parameters },
        }),
      }),
    });
    expect(await receipts()).toEqual(["1 refused version.mismatch"]);
  });

  it("[DR33] model.not_loadable: the parts are no model", async () => {
    const broken = { ...second, bytes: { ...second.bytes, graph: Uint8Array.of(1, 2, 3, 4) } };
    hub.decide({ champion: hub.release(broken) });
    await bench.device.whenIdle();
    expect(outcomes()[0]).toMatch(/^1 refused model\./);
    expect(active()).toBe(version(first));
  });

  it("[DR33] [DR53] model.parameter_unknown: nobody could train it", async () => {
    const { learning } = second;
    const untrainable = { ...learning, plan: { ...learning.plan, scope: { names: ["nobody"] } } };
    const bytes = { ...second.bytes, learning: encodeCbor(untrainable) };
    hub.decide({ champion: hub.release(unwrap(readModelParts(second.line, bytes))) });
    expect(await receipts()).toEqual(["1 refused model.parameter_unknown"]);
  });

  it("[DR33] model.plan_invalid: its training plan is none", async () => {
    const { learning } = second;
    const wild = { ...learning, plan: { ...learning.plan, pullToBase: -1 } };
    const bytes = { ...second.bytes, learning: encodeCbor(wild) };
    hub.decide({ champion: hub.release(unwrap(readModelParts(second.line, bytes))) });
    expect(await receipts()).toEqual(["1 refused model.plan_invalid"]);
  });

  it("[DR33] model.output_not_finite: it gives NaN on its load test", async () => {
    const wild = withParameters(
      first,
      parameterSetOf(
        first.parameters.map((tensor) => ({ ...tensor, data: tensor.data.map(() => 3e38) })),
      ),
    );
    hub.decide({ champion: hub.release(wild) });
    expect(await receipts()).toEqual(["1 refused model.output_not_finite"]);
  });
});

describe("a version that fails while it bakes", () => {
  /** Finite on its load test, NaN for large windows. */
  const fragile = (): ModelPackage =>
    withParameters(
      first,
      parameterSetOf(
        first.parameters.map((tensor) => ({
          ...tensor,
          data: tensor.data.map((value) =>
            tensor.name.startsWith("hidden") ? value * 1e10 : value * 1e20,
          ),
        })),
      ),
    );

  it("[DR12] [DR35] gives way to the one before, which answers the very window", async () => {
    hub.decide({ champion: hub.release(fragile()) });
    await bench.device.whenIdle();
    expect(active()).toBe(version(fragile()));
    const answer = await bench.device.user("anna").predict(new Float32Array(6).fill(1e12));
    expect(answer.modelVersion).toBe(version(first));
    await bench.device.whenIdle();
    expect(outcomes()).toEqual(["1 activated", "1 reverted model.output_not_finite"]);
    expect(bench.events.filter(({ name }) => name === "reverted")).toHaveLength(1);
    // It is not tried again.
    await bench.pass(60 * 60_000);
    expect(active()).toBe(version(first));
  });

  it("[DR12] when it is good already the window is refused and the version stays", async () => {
    hub.decide({ champion: hub.release(fragile()) });
    await bench.pass(20_000);
    await expect(
      bench.device.user("anna").predict(new Float32Array(6).fill(1e12)),
    ).rejects.toMatchObject({ code: "model.output_not_finite" });
    expect(active()).toBe(version(fragile()));
  });

  it("[DR35] is left when the runtime does not survive it", async () => {
    hub.decide({ champion: hub.release(second), bakeMs: 3_600_000 });
    await bench.device.whenIdle();
    for (let start = 0; start < 6; start += 1) {
      expect(active()).toBe(version(second));
      // No clean stop: the next start finds what was on disk.
      hub.broker.cut("killed");
      bench = await openBenchDevice(runtime, first, {
        hub_: hub,
        storage: bench.storage,
        clock: bench.clock,
      });
    }
    expect(active()).toBe(version(first));
    expect(outcomes().at(-1)).toBe("1 reverted model.not_loadable");
  });

  it("[DR35] is not blamed for clean stops", async () => {
    hub.decide({ champion: hub.release(second), bakeMs: 3_600_000 });
    await bench.device.whenIdle();
    for (let start = 0; start < 8; start += 1) {
      await bench.device.close();
      bench = await openBenchDevice(runtime, first, {
        hub_: hub,
        storage: bench.storage,
        clock: bench.clock,
      });
      expect(active()).toBe(version(second));
    }
    await bench.pass(3_600_000);
    expect(bench.device.inspect().slots.active.isBaking).toBe(false);
  });
});

it("[DR38] an app with another package replaces its old one, and leaves what came from the hub", async () => {
  const reopened = async (bundled: ModelPackage): Promise<ModelVersion> => {
    await bench.device.close();
    const { storage, clock } = bench;
    bench = await openBenchDevice(runtime, bundled, { hub_: hub, storage, clock });
    return active();
  };
  expect(active()).toBe(version(first));
  expect(await reopened(third)).toBe(version(third));
  hub.decide({ champion: hub.release(second), bakeMs: 1 });
  await bench.pass(20_000);
  expect(active()).toBe(version(second));
  expect(await reopened(first)).toBe(version(second));
});

it("[DR37] with every fetched file damaged the app's own version answers, below the floor too, and the good one is fetched again", async () => {
  hub.decide({ champion: hub.release(second, { securityEpoch: 2 }), bakeMs: 1 });
  await bench.pass(20_000);
  expect(active()).toBe(version(second));
  await bench.device.close();
  const { storage, clock } = bench;
  const blobs = (await storage.list()).filter((name) => name.startsWith("blob-"));
  expect(blobs.length).toBeGreaterThan(0);
  for (const name of blobs) {
    const bytes = (await storage.read(name)) as Uint8Array;
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
    await storage.write(name, bytes);
  }
  // Without its hub: nothing but what came with the app.
  bench = await openBenchDevice(runtime, first, { storage, clock });
  expect(active()).toBe(version(first));
  expect(bench.device.inspect().slots.floor.securityEpoch).toBe(2);
  await bench.device.close();
  bench = await openBenchDevice(runtime, first, { hub_: hub, storage, clock });
  await bench.pass(60_000);
  expect(active()).toBe(version(second));
});

describe("a cohort", () => {
  it("[DR24] changes with an assignment, and the device follows its decisions", async () => {
    const champion = hub.release(second);
    hub.assign("dev-1" as DeviceId, { cohort: "ward" as never });
    await bench.device.whenIdle();
    expect(bench.device.inspect().cohort).toBe("ward");
    const frame = hub.decide({ champion, cohort: "ward" as never });
    hub.broker.hub.publish(
      topics.decision(fleet, "activity" as never, "ward" as never),
      frame,
      true,
    );
    await bench.device.whenIdle();
    expect(active()).toBe(version(second));
  });

  it("[DR24] assignment.mismatch: another device's assignment changes nothing", async () => {
    hub.assign("dev-1" as DeviceId, { device: "dev-2" as DeviceId, cohort: "ward" as never });
    await bench.device.whenIdle();
    expect(bench.device.inspect().cohort).toBe("everyone");
    expect(bench.device.inspect().refusals).toMatchObject([
      { about: "assignment", code: "assignment.mismatch" },
    ]);
  });
});
