import { digestOf, type ModelVersion, parameterSetOf } from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { beforeAll, describe, expect, it } from "vitest";
import { createFaultyDisk, type FaultyDiskOptions } from "../src/adapters/faultyDisk.ts";
import { createManualClock } from "../src/adapters/manualClock.ts";
import { createSeededRandom } from "../src/adapters/seededRandom.ts";
import { defaultFineTunePolicy } from "../src/core/learn/fineTunePlan.ts";
import { defaultGuardPolicy } from "../src/core/learn/localGuard.ts";
import { loadNodeOrt } from "../src/model/session/nodeOrtRuntime.ts";
import type { OrtRuntime } from "../src/model/session/ortRuntime.ts";
import { type ModelPackage, versionOf } from "../src/package/modelPackage.ts";
import { withParameters } from "../src/package/wholeModel.ts";
import type { Link } from "../src/ports/link.ts";
import type { Storage } from "../src/ports/storage.ts";
import { type BenchDevice, createPerson, openBenchDevice } from "./benchDevice.ts";
import { type BenchHub, createBenchHub } from "./benchHub.ts";
import { benchPackage, windowOf } from "./benchModel.ts";

let runtime: OrtRuntime;
let first: ModelPackage;
let second: ModelPackage;

const version = (modelPackage: ModelPackage): ModelVersion =>
  versionOf(modelPackage, nodeCryptography);

beforeAll(async () => {
  runtime = await loadNodeOrt();
  first = await benchPackage(runtime, {
    guard: { ...defaultGuardPolicy, rule: "always", revertLimit: 1e6 },
    // More than eight slices, so that there is a checkpoint in the middle.
    fineTune: { ...defaultFineTunePolicy, sampleCountMin: 12, stepsPerSlice: 2 },
  });
  second = withParameters(
    first,
    parameterSetOf(
      first.parameters.map((tensor) => ({
        ...tensor,
        data: tensor.data.map((value) => value + 0.01),
      })),
    ),
  );
});

/** One run of the runtime's process. After `end` nothing of it reaches the hub any more. */
interface Life {
  readonly bench: BenchDevice;
  end(): void;
}

async function live(hub: BenchHub, storage: Storage, startMs: number): Promise<Life> {
  let isAlive = true;
  const { link } = hub.broker;
  const own: Link = {
    connect: (options, handlers) =>
      isAlive
        ? link.connect(options, {
            message: (topic, payload) => {
              if (isAlive) handlers.message(topic, payload);
            },
            closed: (reason) => handlers.closed(reason),
          })
        : Promise.reject(new Error("this process is dead")),
  };
  const bench = await openBenchDevice(runtime, first, {
    storage,
    link: own,
    enrolmentToken: hub.token,
    contribute: true,
    clock: createManualClock(startMs),
  });
  return {
    bench,
    end() {
      isAlive = false;
      hub.broker.cut("killed");
    },
  };
}

const START_MS: number = Date.UTC(2026, 0, 5);

/** What was acknowledged before the power went. */
interface Acknowledged {
  feedback: number;
  erased: boolean;
}

/** A story that is cut at every operation. */
interface Story {
  /** What happened before, on a disk that works; its files are where the story begins. */
  readonly before: (life: Life, hub: BenchHub) => Promise<void>;
  readonly happens: (life: Life, hub: BenchHub, acknowledged: Acknowledged) => Promise<void>;
}

interface Beginning {
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly hub: BenchHub;
  readonly feedback: number;
}

async function begin(story: Story): Promise<Beginning> {
  const hub = createBenchHub();
  const disk = createFaultyDisk({ random: createSeededRandom("before") });
  const life = await live(hub, disk.storage, START_MS);
  await story.before(life, hub);
  const feedback = life.bench.device.inspect().counts.feedback;
  life.end();
  const files = new Map<string, Uint8Array>();
  for (const name of await disk.storage.list()) {
    files.set(name, (await disk.storage.read(name)) as Uint8Array);
  }
  return { files, hub, feedback };
}

/** Runs a story with the power cut at one operation; says what is wrong with the device afterwards. */
async function cutAt(
  story: Story,
  beginning: Beginning,
  operation: number | null,
  options: Partial<FaultyDiskOptions> = {},
): Promise<{ readonly wrong: readonly string[]; readonly operationCount: number }> {
  const { hub, files } = beginning;
  const disk = createFaultyDisk({ random: createSeededRandom(`cut ${operation}`), ...options });
  for (const [name, bytes] of files) {
    await disk.storage.write(name, bytes);
    await disk.storage.sync(name);
  }
  const acknowledged: Acknowledged = { feedback: beginning.feedback, erased: false };
  const told: string[] = [];
  let life: Life | null = null;
  hub.received.frames.length = 0;
  const storage = disk.reopen(operation === null ? {} : { crashAtOperation: operation });
  const laterMs = START_MS + 3_600_000;
  try {
    life = await live(hub, storage, laterMs);
    await story.happens(life, hub, acknowledged);
    // Whatever was not cut by now is cut here.
    disk.crash();
  } catch (error) {
    // A device that cannot write says so; anything else is a mistake.
    if (!String(error).includes("the power was cut")) throw error;
  }
  told.push(...(life?.bench.events ?? []).map(({ name }) => name));
  life?.end();
  const operationCount = disk.operationCount();

  const wrong: string[] = [];
  let next: Life;
  try {
    next = await live(hub, disk.reopen(), laterMs + 3_600_000);
  } catch (error) {
    return { wrong: [`does not start: ${String(error)}`], operationCount };
  }
  const { bench } = next;
  const inspection = bench.device.inspect();
  const { active, previousGood } = inspection.slots;
  const released = [version(first), version(second)];
  if (!released.includes(active.version)) wrong.push(`serves ${active.version}`);
  if (active.isBaking && previousGood?.version !== version(first)) {
    wrong.push(`bakes without a good version to fall back to`);
  }
  if (told.includes("activated") && active.version !== version(second)) {
    wrong.push("forgot an activation that it told of");
  }
  if (inspection.device !== "dev-1") wrong.push("forgot its enrolment");
  const user = inspection.users.find(({ counts }) => counts.feedback > 0);
  const { counts } = inspection;
  if (counts.feedback < acknowledged.feedback) {
    wrong.push(`forgot feedback: ${counts.feedback} of ${acknowledged.feedback}`);
  }
  if (counts.adopted < told.filter((name) => name === "adopted").length) {
    wrong.push("forgot an adoption that it told of");
  }
  if (acknowledged.erased) {
    const left = (await bench.storage.list()).filter((name) => name.startsWith("user-"));
    if (left.length > 0) wrong.push(`still has ${left.join(", ")}`);
  } else if (user !== undefined && told.includes("adopted") && user.layer === null) {
    wrong.push("lost the user's parameters");
  }
  // It works: it answers, learns, and says the same thing to the hub under the same number.
  const random = createSeededRandom("afterwards");
  for (let turn = 0; turn < 3; turn += 1) {
    const answer = await bench.device.user("anna").predict(windowOf(random, 1, 0.6));
    if (!answer.probabilities.every(Number.isFinite)) wrong.push("answers NaN");
    const outcome = await bench.device.user("anna").feedback(answer.predictionId, "walking");
    if (!outcome.ok) wrong.push(outcome.refusal.code);
  }
  await bench.pass(3_600_000);
  const byNumber = new Map<number, Set<string>>();
  const byResult = new Map<string, Set<number>>();
  hub.received.contributions.forEach(({ contributionSequence, result }, index) => {
    const frame = hub.received.frames[index];
    if (frame === undefined) return;
    const digests = byNumber.get(contributionSequence) ?? new Set();
    byNumber.set(contributionSequence, digests.add(digestOf(nodeCryptography, frame)));
    const numbers = byResult.get(result) ?? new Set();
    byResult.set(result, numbers.add(contributionSequence));
  });
  for (const [number, digests] of byNumber) {
    if (digests.size > 1) wrong.push(`sent ${digests.size} contributions under number ${number}`);
  }
  for (const numbers of byResult.values()) {
    if (numbers.size > 1) wrong.push(`sent one training under ${[...numbers].join(" and ")}`);
  }
  if (bench.device.inspect().outbox.entries.length > 0) wrong.push("keeps what was receipted");
  next.end();
  hub.received.contributions.length = 0;
  return { wrong, operationCount };
}

/** Cuts a story at every operation that it has, or until something is wrong. */
async function cutEverywhere(
  story: Story,
  options: Partial<FaultyDiskOptions> = {},
  isFirstEnough = false,
): Promise<{ readonly wrong: ReadonlyMap<number, readonly string[]>; readonly cuts: number }> {
  const beginning = await begin(story);
  const { operationCount } = await cutAt(story, beginning, null, options);
  const wrong = new Map<number, readonly string[]>();
  for (let operation = 0; operation < operationCount; operation += 1) {
    const cut = await cutAt(story, beginning, operation, options);
    if (cut.wrong.length > 0) wrong.set(operation, cut.wrong);
    if (isFirstEnough && wrong.size > 0) break;
  }
  return { wrong, cuts: operationCount };
}

/** A version is released, fetched, activated and baked. */
const activation: Story = {
  before: () => Promise.resolve(),
  async happens({ bench }, hub) {
    hub.decide({ champion: hub.release(second) });
    await bench.pass(20_000);
    // Written down, so that a device that has lost power hears of it.
    await bench.device.setContribute(true);
  },
};

/** A training, with a checkpoint in the middle, an adoption and a contribution. */
const adoption: Story = {
  async before({ bench }) {
    const anna = createPerson(bench, bench.device.user("anna"), createSeededRandom("anna"));
    await anna.live(23, 0.6);
  },
  async happens({ bench }, _hub, acknowledged) {
    const anna = bench.device.user("anna");
    const random = createSeededRandom("anna later");
    for (let turn = 0; turn < 2; turn += 1) {
      const answer = await anna.predict(windowOf(random, 2, 0.6));
      await anna.feedback(answer.predictionId, "running");
      acknowledged.feedback += 1;
      await bench.device.whenIdle();
    }
    await bench.device.setContribute(true);
  },
};

/** Somebody who was learned from is erased. */
const erasure: Story = {
  async before({ bench }) {
    const anna = createPerson(bench, bench.device.user("anna"), createSeededRandom("anna"));
    await anna.live(26, 0.6);
  },
  async happens({ bench }, _hub, acknowledged) {
    await bench.device.eraseUser("anna");
    acknowledged.erased = true;
    await bench.device.setContribute(true);
  },
};

describe("power cuts at every operation", () => {
  it("[DR33] [DR63] while a version is fetched, activated and baked", async () => {
    const { wrong, cuts } = await cutEverywhere(activation);
    expect(cuts).toBeGreaterThan(20);
    expect(Object.fromEntries(wrong)).toEqual({});
  });

  it("[DR43] [DR63] [DR73] while a user's training becomes a contribution", async () => {
    const { wrong, cuts } = await cutEverywhere(adoption);
    expect(cuts).toBeGreaterThan(20);
    expect(Object.fromEntries(wrong)).toEqual({});
  });

  it("[DR47] [DR63] while a user is erased", async () => {
    const { wrong, cuts } = await cutEverywhere(erasure);
    expect(cuts).toBeGreaterThan(10);
    expect(Object.fromEntries(wrong)).toEqual({});
  });
});

describe("a missing fsync", () => {
  it.each([
    ["of the device's journal", activation, /^device/],
    ["of a blob", activation, /^blob-/],
    ["of a user's journal", adoption, /^user-[0-9a-f]{32}\./],
    ["of a user's parameters", adoption, /^user-[0-9a-f]{32}-p-/],
  ] as const)("[DR61] %s is caught by some cut", async (_what, story, skipped) => {
    const isSyncSkipped = (name: string): boolean => skipped.test(name);
    const { wrong } = await cutEverywhere(story, { isSyncSkipped }, true);
    expect(wrong.size).toBeGreaterThan(0);
  });
});
