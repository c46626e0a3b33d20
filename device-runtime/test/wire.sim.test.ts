import { type DeviceId, type EpochMs, type HubReceiptEntry, topics } from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createSeededRandom } from "../src/adapters/seededRandom.ts";
import { defaultGuardPolicy } from "../src/core/learn/localGuard.ts";
import { CONTRIBUTION_AGAIN_MS, OUTBOX_ENTRIES_MAX } from "../src/core/limits.ts";
import { loadNodeOrt } from "../src/model/session/nodeOrtRuntime.ts";
import type { OrtRuntime } from "../src/model/session/ortRuntime.ts";
import type { ModelPackage } from "../src/package/modelPackage.ts";
import { type BenchDevice, createPerson, openBenchDevice } from "./benchDevice.ts";
import { type BenchHub, createBenchHub, fleet, hubKey, releaseKeys, rootOf } from "./benchHub.ts";
import { benchPackage, windowOf } from "./benchModel.ts";

let runtime: OrtRuntime;
let modelPackage: ModelPackage;
let hub: BenchHub;
let bench: BenchDevice;
const device = "dev-1" as DeviceId;

beforeAll(async () => {
  runtime = await loadNodeOrt();
  modelPackage = await benchPackage(runtime, {
    guard: { ...defaultGuardPolicy, rule: "always" },
  });
});

beforeEach(() => {
  hub = createBenchHub();
});

const open = async (options: Parameters<typeof openBenchDevice>[2] = {}): Promise<void> => {
  bench = await openBenchDevice(runtime, modelPackage, { hub_: hub, contribute: true, ...options });
};
const reopen = (): Promise<void> => open({ storage: bench.storage, clock: bench.clock });

describe("enrolment", () => {
  it("[DR22] gives a device its place, once", async () => {
    await open({ proposedId: "ward-3-bed-2" });
    expect(bench.device.inspect()).toMatchObject({
      device: "ward-3-bed-2",
      fleet: "home",
      cohort: "everyone",
      enrolment: { state: "enrolled" },
      trustRoot: { version: 1, isDemo: false, isExpired: false },
    });
    await bench.device.close();
    await reopen();
    expect(bench.events.map(({ name }) => name)).not.toContain("enrolled");
    expect(bench.device.inspect()).toMatchObject({
      device: "ward-3-bed-2",
      link: { state: "online" },
    });
  });

  it("[DR22] trust.root_mismatch: the hub's trust root is not the token's", async () => {
    const other = createBenchHub(rootOf({ version: 2 }));
    await open({ enrolmentToken: other.token });
    expect(bench.device.inspect().enrolment).toMatchObject({
      state: "refused",
      code: "trust.root_mismatch",
    });
    expect(bench.device.inspect().link.nextTryMs).toBeGreaterThan(bench.clock.nowMs() + 1_000_000);
  });

  it("[DR22] what the hub refuses is asked again after a long pause", async () => {
    const broker = hub.broker.hub;
    broker.subscribe(topics.allEnrolUp(fleet), () => undefined);
    await open({ enrolmentToken: `${fleet}.${"x".repeat(20)}.${"0".repeat(64)}` });
    expect(bench.device.inspect()).toMatchObject({
      enrolment: { state: "enrolling", waiting: "a connection to the hub" },
      link: { state: "offline" },
    });
  });

  it("[DR23] a demo's trust root is not used away from loopback", async () => {
    hub = createBenchHub(rootOf({ isDemo: true }));
    await open();
    expect(bench.device.inspect()).toMatchObject({
      enrolment: { state: "enrolled" },
      trustRoot: { isDemo: true },
    });
    await bench.device.close();
    bench = await openBenchDevice(runtime, modelPackage, {
      storage: bench.storage,
      clock: bench.clock,
      hub: "mqtts://hub.example.org",
    });
    expect(bench.device.inspect().link).toMatchObject({
      state: "off",
      reason: "trust.demo_key_forbidden",
    });
  });

  it("[DR25] a device speaks in clear to its own machine only, unless it is told that it may", async () => {
    const failure = async (options: Parameters<typeof openBenchDevice>[2]): Promise<unknown> => {
      const opened = await openBenchDevice(runtime, modelPackage, options).catch(
        (error: unknown) => error as Error & { code: string; hint: string },
      );
      if (opened instanceof Error)
        return [opened.code, opened.hint.includes("allowPlainText: true")];
      await opened.device.close();
      return "opened";
    };
    for (const url of ["mqtt://hub.example.org", "ws://10.0.0.7:9001"]) {
      expect(await failure({ hub: url })).toEqual(["device.option_invalid", true]);
      expect(await failure({ hub: url, allowPlainText: true })).toBe("opened");
    }
    for (const url of ["mqtts://hub.example.org", "mqtt://127.0.0.1:1", "ws://localhost:1"]) {
      expect(await failure({ hub: url })).toBe("opened");
    }
  });

  it("[DR25] blobs come in clear from its own machine only, unless it is told that they may", async () => {
    let askedCount = 0;
    const { fetch } = globalThis;
    globalThis.fetch = () => {
      askedCount += 1;
      return Promise.reject(new Error("nobody is there"));
    };
    try {
      const waiting: (string | undefined)[] = [];
      for (const allowPlainText of [false, true]) {
        hub = createBenchHub();
        await open({ allowPlainText });
        const other = await benchPackage(runtime, {}, "other");
        hub.decide({
          champion: hub.release(other, { tamper: () => null }),
          blobUrl: "http://blobs.example.org",
        });
        await bench.device.whenIdle();
        await bench.pass(6_000);
        expect(askedCount > 0).toBe(allowPlainText);
        waiting.push(bench.device.inspect().slots.standby?.waiting);
        await bench.device.close();
      }
      expect(waiting[0]).toContain("not encrypted");
      expect(waiting[1]).not.toContain("not encrypted");
    } finally {
      globalThis.fetch = fetch;
    }
  });

  it("[DR23] a next trust root is followed, an older one refused", async () => {
    await open();
    hub.publishTrustRoot({ version: 3 }, releaseKeys);
    await bench.device.whenIdle();
    expect(bench.device.inspect().trustRoot?.version).toBe(3);
    hub.publishTrustRoot({ version: 2 }, releaseKeys);
    await bench.device.whenIdle();
    expect(bench.device.inspect().trustRoot?.version).toBe(3);
    expect(bench.device.inspect().refusals.map(({ code }) => code)).toEqual([
      "trust.root_version_replayed",
    ]);
    hub.publishTrustRoot({ version: 4 }, [hubKey]);
    await bench.device.whenIdle();
    expect(bench.device.inspect().refusals.at(-1)?.code).toBe("signature.role_forbidden");
  });

  it("[DR26] an expired trust root is believed and told of: a device has no clock that could be trusted", async () => {
    hub = createBenchHub(rootOf({ expiresAtMs: Date.UTC(2026, 0, 1) as EpochMs }));
    await open();
    const champion = hub.release(modelPackage, { generation: 0 });
    hub.decide({ champion });
    await bench.device.whenIdle();
    hub.decide({ champion });
    await bench.device.whenIdle();
    const { trustRoot, refusals, slots } = bench.device.inspect();
    expect(trustRoot?.isExpired).toBe(true);
    expect(slots.decision?.decisionSequence).toBe(2);
    expect(refusals.map(({ about, code }) => [about, code])).toEqual([
      ["trustRoot", "trust.root_expired"],
    ]);
  });

  it("[DR23] when all the hub's keys were replaced the counters begin again", async () => {
    await open();
    hub.decide({ champion: hub.release(modelPackage, { generation: 0 }) });
    await bench.device.whenIdle();
    expect(bench.device.inspect().slots.floor.decisionSequence).toBe(1);
    const next = nodeCryptography.keyPair(new Uint8Array(32).fill(7));
    hub.publishTrustRoot(
      {
        version: 2,
        keys: [
          { publicKey: next.publicKey, role: "hub" },
          ...releaseKeys.map(({ publicKey }) => ({ publicKey, role: "release" as const })),
        ],
      },
      releaseKeys,
    );
    await bench.device.whenIdle();
    expect(bench.device.inspect().slots.floor.decisionSequence).toBe(0);
    hub.decide(
      {
        champion: hub.release(modelPackage, { generation: 0 }),
        decisionSequence: 1 as never,
      },
      next,
    );
    await bench.device.whenIdle();
    expect(bench.device.inspect().slots.floor.decisionSequence).toBe(1);
  });
});

describe("the connection", () => {
  it("[DR10] is not needed: a device without a hub says so and answers", async () => {
    bench = await openBenchDevice(runtime, modelPackage);
    expect(bench.device.inspect().link).toMatchObject({ state: "off", reason: "no hub" });
    const answer = await bench.device.user("anna").predict(windowOf(createSeededRandom(1), 1));
    expect(answer.label).toBe("walking");
  });

  it("[DR21] is tried again with growing pauses, and stands again when it can", async () => {
    await open();
    hub.broker.setReachable(false);
    await bench.device.whenIdle();
    const pauses: number[] = [];
    for (let attempt = 0; attempt < 12; attempt += 1) {
      const { nextTryMs } = bench.device.inspect().link;
      pauses.push((nextTryMs ?? 0) - bench.clock.nowMs());
      await bench.pass(pauses.at(-1) as number);
    }
    expect(bench.device.inspect().link.state).toBe("offline");
    expect(pauses[0]).toBeLessThanOrEqual(1_000);
    expect(Math.max(...pauses)).toBeGreaterThan(150_000);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(300_000);
    expect(new Set(pauses).size).toBe(pauses.length);
    hub.broker.setReachable(true);
    await bench.pass(300_000);
    expect(bench.device.inspect().link.state).toBe("online");
  });

  it("[DR21] that stands and confirms nothing is stuck, and made anew", async () => {
    const { link } = hub.broker;
    let isStuck = false;
    await open({
      link: {
        connect: async (options, handlers) => {
          const connection = await link.connect(options, handlers);
          return {
            ...connection,
            publish: (topic, payload) =>
              isStuck && topic.endsWith("receipt")
                ? new Promise((resolve, reject) => {
                    options.signal.addEventListener("abort", () => reject(new Error("closed")));
                    void resolve;
                  })
                : connection.publish(topic, payload),
          };
        },
      },
    });
    isStuck = true;
    hub.decide({ champion: hub.release(modelPackage, { generation: 0 }) });
    // The message is never confirmed, so the device is never idle: turns of the event loop have to do.
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    for (let turns = 0; turns < 50; turns += 1) await turn();
    bench.clock.advance(31_000);
    for (let turns = 0; turns < 50; turns += 1) await turn();
    expect(bench.device.inspect().link.state).toBe("stuck");
    isStuck = false;
    await bench.pass(5_000);
    expect(bench.device.inspect().link.state).toBe("online");
    expect(hub.received.receipts).toHaveLength(1);
  });

  it("[DR64] on which the broker confirms no subscription is made anew", async () => {
    const { link } = hub.broker;
    let connectCount = 0;
    let isDeaf = false;
    await open({
      link: {
        connect: async (options, handlers) => {
          connectCount += 1;
          const connection = await link.connect(options, handlers);
          return {
            ...connection,
            subscribe: (wanted) =>
              isDeaf ? new Promise<void>(() => undefined) : connection.subscribe(wanted),
          };
        },
      },
    });
    isDeaf = true;
    hub.broker.cut("the network broke");
    // What is never confirmed is never idle: turns of the event loop have to do.
    const turns = async (): Promise<void> => {
      for (let turn = 0; turn < 50; turn += 1) {
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    };
    await turns();
    bench.clock.advance(1_000);
    await turns();
    const before = connectCount;
    expect(bench.device.inspect().link.state).toBe("online");
    isDeaf = false;
    bench.clock.advance(30_000);
    await turns();
    expect(bench.device.inspect().link.reason).toContain("did not confirm a subscription");
    await bench.pass(1_000);
    expect(connectCount).toBe(before + 1);
    hub.decide({ champion: hub.release(modelPackage, { generation: 0 }) });
    await bench.device.whenIdle();
    expect(bench.device.inspect().slots.floor.decisionSequence).toBe(1);
  });
});

describe("the outbox", () => {
  const receipts = (): number => hub.received.receipts.length;

  it("[DR73] sends the same bytes until the hub's receipt, longer and longer apart", async () => {
    hub.isReceipting = false;
    await open();
    hub.decide({ champion: hub.release(modelPackage, { generation: 0 }) });
    await bench.device.whenIdle();
    expect(receipts()).toBe(1);
    expect(bench.device.inspect().outbox.entries).toMatchObject([
      { kind: "receipt", attempts: 1, waiting: "the hub's receipt" },
    ]);
    await bench.pass(3_600_000);
    const first = hub.received.receipts[0];
    expect(receipts()).toBeGreaterThan(8);
    expect(receipts()).toBeLessThan(30);
    expect(new Set(hub.received.receipts.map((one) => JSON.stringify(one))).size).toBe(1);
    expect(first?.outcome).toBe("baked");
    hub.isReceipting = true;
    await bench.pass(3_600_000);
    expect(bench.device.inspect().outbox.entries).toEqual([]);
    const sent = receipts();
    await bench.pass(3_600_000);
    expect(receipts()).toBe(sent);
  });

  it("[DR73] sends everything again with a new connection, and after a restart", async () => {
    hub.isReceipting = false;
    await open();
    hub.decide({ champion: hub.release(modelPackage, { generation: 0 }) });
    await bench.device.whenIdle();
    hub.broker.cut("the network broke");
    await bench.pass(2_000);
    expect(receipts()).toBe(2);
    await bench.device.close();
    hub.isReceipting = true;
    await reopen();
    expect(receipts()).toBe(3);
    expect(bench.device.inspect().outbox.entries).toEqual([]);
  });

  it("[DR73] a receipt by another key ends nothing", async () => {
    hub.isReceipting = false;
    await open();
    hub.decide({ champion: hub.release(modelPackage, { generation: 0 }) });
    await bench.device.whenIdle();
    const digest = bench.device.inspect().outbox.entries[0]?.digest as HubReceiptEntry["digest"];
    const entry = { digest, outcome: "committed", code: "", message: "" } as const;
    hub.publishReceipt(device, [entry], releaseKeys[0]);
    await bench.device.whenIdle();
    expect(bench.device.inspect().outbox.entries).toHaveLength(1);
    expect(bench.device.inspect().refusals.at(-1)).toMatchObject({
      about: "receipt",
      code: "signature.role_forbidden",
    });
    hub.publishReceipt(device, [entry]);
    await bench.device.whenIdle();
    expect(bench.device.inspect().outbox.entries).toEqual([]);
  });

  it("[DR75] a contribution that came when the window was full is made again for the next one, and counts once", async () => {
    hub.answer = (frame) =>
      hub.received.frames.indexOf(frame) === 0
        ? { outcome: "refused", code: "window.full", message: "full" }
        : { outcome: "committed", code: "", message: "" };
    await open();
    const person = createPerson(bench, bench.device.user("anna"), createSeededRandom("anna"));
    while (hub.received.contributions.length === 0) await person.live(1, 0.5);
    const [first] = hub.received.contributions;
    expect(bench.device.inspect().outbox.settled.at(-1)?.code).toBe("window.full");
    expect(bench.device.inspect().users[0]?.contribution).toContain("window.full");
    await bench.pass(CONTRIBUTION_AGAIN_MS);
    const again = hub.received.contributions[1];
    expect(again?.contributionSequence).toBe((first?.contributionSequence ?? 0) + 1);
    expect(again?.result).toBe(first?.result);
    await bench.pass(10 * CONTRIBUTION_AGAIN_MS);
    expect(hub.received.contributions).toHaveLength(2);
  });

  it("[DR73] a contribution that the hub refuses is not sent again, and the code is shown", async () => {
    hub.answer = () => ({
      outcome: "refused",
      code: "contribution.too_stale",
      message: "4 versions behind, limit 3",
    });
    await open();
    const anna = createPerson(bench, bench.device.user("anna"), createSeededRandom("anna"));
    await anna.live(80, 0.6);
    const sent = hub.received.contributions.length;
    expect(sent).toBeGreaterThan(0);
    await bench.pass(3_600_000);
    expect(hub.received.contributions).toHaveLength(sent);
    expect(bench.device.inspect().refusals.at(-1)).toMatchObject({
      about: "contribution",
      code: "contribution.too_stale",
    });
    expect(bench.device.inspect().outbox.settled[0]).toMatchObject({
      kind: "contribution",
      outcome: "refused",
      code: "contribution.too_stale",
    });
    expect(bench.events.filter(({ name }) => name === "receipted")[0]?.event).toMatchObject({
      kind: "contribution",
      outcome: "refused",
      code: "contribution.too_stale",
    });
  });

  it("[DR74] is bounded: the oldest go, and are counted", async () => {
    hub.isReceipting = false;
    await open();
    const champion = hub.release(modelPackage, { generation: 0 });
    for (let decision = 0; decision < OUTBOX_ENTRIES_MAX + 5; decision += 1) {
      hub.decide({ champion });
      await bench.device.whenIdle();
    }
    const { entries, dropped } = bench.device.inspect().outbox;
    expect(entries).toHaveLength(OUTBOX_ENTRIES_MAX);
    expect(dropped).toBe(5);
  });
});

describe("the report", () => {
  it("[DR72] comes at once with each connection, then on change, not more often than the package says", async () => {
    await open();
    expect(hub.received.reports).toHaveLength(1);
    const anna = bench.device.user("anna");
    const random = createSeededRandom(5);
    for (let answer = 0; answer < 10; answer += 1) {
      await anna.predict(windowOf(random, 1));
      await bench.pass(6_000);
    }
    await bench.pass(60_000);
    const counts = hub.received.reports.map(({ counts: one }) => one.predictions);
    expect(counts.at(-1)).toBe(10);
    expect(hub.received.reports.length).toBeLessThanOrEqual(4);
    const sequences = hub.received.reports.map(({ reportSequence }) => reportSequence);
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
    const sent = hub.received.reports.length;
    await bench.pass(3_600_000);
    expect(hub.received.reports).toHaveLength(sent);
  });

  it("[DR72] leaves a last will that is older than what was said since", async () => {
    await open();
    await bench.device.user("anna").predict(windowOf(createSeededRandom(5), 1));
    await bench.pass(120_000);
    const last = hub.received.reports.at(-1);
    hub.broker.cut("the network broke");
    const will = hub.received.reports.at(-1);
    expect(will?.state).toBe("offline");
    expect(will?.reportSequence).toBeLessThan(last?.reportSequence ?? 0);
    await bench.pass(5_000);
    expect(hub.received.reports.at(-1)?.reportSequence).toBeGreaterThan(last?.reportSequence ?? 0);
    await bench.device.close();
    expect(hub.received.reports.at(-1)?.state).not.toBe("offline");
  });
});

it("[DR15] nothing that leaves the device names a user, and inspect tells no secret", async () => {
  const sent: string[] = [];
  hub.broker.hub.subscribe("#", (topic, payload) => {
    sent.push(topic, Buffer.from(payload).toString("latin1"));
  });
  await open();
  const anna = createPerson(bench, bench.device.user("anna-lisa"), createSeededRandom("anna"));
  await anna.live(80, 0.6);
  await bench.pass(120_000);
  const { users } = bench.device.inspect();
  expect(users[0]).toMatchObject({ name: "anna-lisa" });
  const all = sent.join("\n");
  expect(hub.received.contributions.length).toBeGreaterThan(0);
  expect(all).not.toContain("anna-lisa");
  expect(all).not.toContain(users[0]?.user);
  const told = JSON.stringify(bench.device.inspect());
  expect(told).not.toContain("credential-of");
  expect(told).not.toContain("a-secret-of-a-token");
  for (const name of await bench.storage.list()) {
    const bytes = Buffer.from((await bench.storage.read(name)) ?? []).toString("latin1");
    expect(bytes).not.toContain("anna-lisa");
  }
});
