// A device put together from its parts, on any platform. It must not decide anything: the core does.
import { digestLater, Fault, type LaterHashing, toHex } from "@attune/protocol";
import { laterCode } from "../adapters/laterCode.ts";
import { platformHashing } from "../adapters/platformHashing.ts";
import { createSeededRandom } from "../adapters/seededRandom.ts";
import { createSystemRandom } from "../adapters/systemRandom.ts";
import { noEnrolmentProgress } from "../core/enrolment/enrolmentState.ts";
import { restoredUser } from "../core/learning/restoredUser.ts";
import { wantsLearning } from "../core/learning/users.ts";
import type { Notice } from "../core/notices.ts";
import type { SlotVersion } from "../core/slots/slotState.ts";
import { firstSlots } from "../core/slots/slots.ts";
import { type DeviceState, type KeptState, noCounts } from "../core/state.ts";
import type { ModelPackage } from "../package/modelPackage.ts";
import { isSameTask } from "../package/preprocessing.ts";
import { createWindower, type Windower } from "../package/windower.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { Inference } from "../ports/inference.ts";
import type { ForkableRandom, Random } from "../ports/random.ts";
import type { Storage } from "../ports/storage.ts";
import type { TrainerPort } from "../ports/trainer.ts";
import { createAnswering } from "./answering.ts";
import { createCarryOut } from "./carryOut.ts";
import type { Answer, Device, DeviceUser } from "./device.ts";
import { openDeviceJournal } from "./deviceJournal.ts";
import { createDeviceLoop, type DeviceLoop } from "./deviceLoop.ts";
import { createEffectRunner } from "./effectRunner.ts";
import { openFileStore } from "./files.ts";
import { createHeldVersions, type HeldVersion } from "./heldVersions.ts";
import type { HubAccess } from "./hubAccess.ts";
import type { createHubShell, HubShell, HubShellParts } from "./hubShell.ts";
import { inspectDevice } from "./inspectDevice.ts";
import { createLane } from "./lane.ts";
import { createLaterPart } from "./laterPart.ts";
import type { createLearningShell, LearningShell, LearningShellParts } from "./learningShell.ts";
import { neededFiles } from "./neededFiles.ts";
import { createOpenUsers, type OpenUser } from "./openUsers.ts";
import { createVersionStore } from "./versions.ts";

/** Everything that a device is made of. */
export interface DeviceParts {
  /** What came with the app. */
  readonly modelPackage: ModelPackage;
  /** This device's own; nothing else may write there. */
  readonly storage: Storage;
  readonly clock: Clock;
  /** Where all randomness comes from, keys included; from the platform when null. */
  readonly random: ForkableRandom | null;
  /** The way to a hub, or what loads it when the device has started; null for a device that never connects. */
  readonly hub: HubAccess | (() => Promise<HubAccess>) | null;
  /** Consent; null keeps what was said before, and `false` at the first start. */
  readonly contribute: boolean | null;
  readonly trainer: TrainerPort;
  readonly inference: Inference;
  /** The platform's own when left out. */
  readonly hashing?: LaterHashing;
  /** Code that is here already; what is left out loads by `import()` when it is first needed. */
  readonly code?: LaterParts;
  /** Runs when the device is closed, after everything else. */
  readonly onClose: () => Promise<void>;
}

/** Code of a device that need not be here when it starts. */
export interface LaterParts {
  readonly createHubShell?: typeof createHubShell;
  readonly createLearningShell?: typeof createLearningShell;
}

/** Answers that were given are written down at least so often. */
const FLUSH_MS = 60_000;

const randomBytes = (random: Random, count: number): Uint8Array =>
  Uint8Array.from({ length: count }, () => random.nextUint32() >>> 24);

/** What is kept on a device that starts for the first time. */
function firstKept(bundled: SlotVersion, random: Random): KeptState {
  return {
    runs: { count: 0, seed: toHex(randomBytes(random, 16)) },
    enrolment: {
      phase: "none",
      seed: randomBytes(random, 32),
      nonce: toHex(randomBytes(random, 16)),
    },
    slots: firstSlots(bundled),
    comparison: { current: null, past: [] },
    outbox: { entries: [], nextContributionSequence: 1, droppedCount: 0, settled: [] },
    report: { sequence: 0 },
    consent: { contribute: false },
    erasedCounts: noCounts,
    erasing: [],
    refusals: [],
  };
}

/** The state at the start of a run: what is kept, and nothing going on. */
function startState(
  kept: KeptState,
  { contribute, hub }: Pick<DeviceParts, "contribute" | "hub">,
  nowMs: number,
): DeviceState {
  return {
    kept: {
      ...kept,
      runs: { ...kept.runs, count: kept.runs.count + 1 },
      consent: { contribute: contribute ?? kept.consent.contribute },
    },
    users: {},
    link: { phase: "off", reason: hub === null ? "no hub" : "starting", sinceMs: nowMs, serial: 0 },
    enrolmentProgress: noEnrolmentProgress,
    sending: {},
    reporting: { lastContent: null, lastSentMs: null, sending: null, will: null, drift: null },
    standby: null,
    shadow: null,
    preparationSerial: 0,
  };
}

/**
 * Starts a device.
 *
 * It answers as soon as this resolves, with what is on disk or what came with the app; everything else happens by itself.
 *
 * @throws Fault from the storage; `device.line_mismatch` on the store of another model; `device.package_unusable` when not even
 *   the bundled package loads
 */
export async function createDeviceOf(parts: DeviceParts): Promise<Device> {
  const { modelPackage, storage, clock, hashing = platformHashing } = parts;
  const { line } = modelPackage;
  const files = await openFileStore(storage);
  const { journal, kept } = await openDeviceJournal(storage);
  const lane = createLane();
  const versions = await createVersionStore({ line, modelPackage, files, hashing });
  const { bundled } = versions;
  const state = startState(
    kept ?? firstKept(bundled, parts.random?.fork("keys") ?? createSystemRandom()),
    parts,
    clock.nowMs(),
  );
  const { runs, enrolment } = state.kept;
  // Durable before anything is sent under this identity, or an id is given in this run.
  await journal.compact(state.kept);

  const random = parts.random ?? createSeededRandom(runs.seed);
  const deviceKey = await digestLater(hashing, enrolment.seed);
  const held = createHeldVersions(parts.inference, versions);
  const users = await createOpenUsers({ storage, files, hashing, random, secret: enrolment.seed });
  const listeners = new Map<string, Set<(event: never) => void>>();
  const windowers = new Map<string, { readonly of: ModelPackage; readonly windower: Windower }>();
  /** What answers; it follows the slots once they are on disk. */
  let serving: HeldVersion | null = null;
  let flushTimer: Timer | null = null;
  let tidied: DeviceState | null = null;
  let lastPrediction = 0;
  let isClosed = false;

  function servingVersion(): HeldVersion {
    if (serving !== null) return serving;
    throw new Fault("the device has no version loaded", {
      code: "device.not_started",
      hint: "wait for createDevice",
    });
  }

  /** Loads the version that the slots name; one that does not load is left for the one before it. */
  async function follow(): Promise<void> {
    for (;;) {
      const { active } = loop.state.kept.slots;
      const loaded = await held.load(active);
      if (loaded.ok) {
        serving = loaded.value;
        break;
      }
      if (active.version === bundled.version) {
        throw new Fault(`the bundled package does not load: ${loaded.refusal.message}`, {
          code: "device.package_unusable",
          hint: "make the package again with createModelPackage, and install the app with it",
        });
      }
      const { version } = active;
      loop.advance({ type: "versionFailed", version, ...loaded.refusal, isLoadable: false });
    }
    const { slots } = loop.state.kept;
    const { standby, shadow } = loop.state;
    const wanted = [
      slots.active,
      slots.bake === null ? null : slots.previousGood,
      standby?.version,
      shadow?.version,
    ];
    await held.keepOnly(new Set(wanted.flatMap((one) => one?.version ?? [])));
    for (const { session } of users.all.values()) session.follow(serving.loaded.modelPackage);
  }

  function emit({ name, event }: Notice): void {
    const told =
      "user" in event ? { ...event, user: users.names.get(event.user) ?? event.user } : event;
    for (const listener of listeners.get(name) ?? []) {
      try {
        listener(told as never);
      } catch (error) {
        // The app's own mistake: it is the app's to hear of, and must not stop the device.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  /** Makes the files those that the state speaks of: what nothing refers to goes, and what is to be erased is overwritten. */
  async function tidy(): Promise<void> {
    const now = loop.state;
    if (learning.here === null && wantsLearning(now)) learning.want();
    const { standby, shadow } = now;
    const { slots, outbox, erasing } = now.kept;
    const isTidy =
      tidied?.users === now.users &&
      tidied.standby === standby &&
      tidied.shadow === shadow &&
      tidied.kept.slots === slots &&
      tidied.kept.outbox === outbox &&
      erasing.length === 0;
    if (isTidy) return;
    const needed = neededFiles(now, held.slots());
    // What a fetch brings is not known to the state before it is whole.
    const isFetching = [standby, shadow].some(
      (one) => one?.isRunning === true && one.phase !== "load",
    );
    for (const name of files.names()) {
      if (needed.has(name)) continue;
      if (name.startsWith("out-") || (!isFetching && /^(?:blob|part|serving)-/.test(name))) {
        await files.remove(name);
      } else if (/^user-[0-9a-f]{32}-/.test(name)) {
        // Learned from a user: overwritten, whoever lets go of it.
        await files.wipe(name);
      }
    }
    users.forgetLayers(now);
    for (const user of erasing) {
      await users.wipe(user);
      loop.advance({ type: "userWiped", user });
    }
    // Not even the hash stays in an old record.
    if (erasing.length > 0) await loop.compact();
    tidied = loop.state;
  }

  const loop: DeviceLoop = createDeviceLoop({
    state,
    settings: () => ({
      line,
      bundled,
      hub: hub.here?.settings ?? null,
      learning: learning.here?.machines ?? null,
    }),
    journal,
    lane,
    clock,
    jitter: random.fork(`jitter of run ${runs.count}`),
    learning: () => (serving?.loaded ?? { modelPackage }).modelPackage.learning,
    counted: (now) => users.counted(now),
    noteUsers: (before, after) => users.note(before, after),
    commitUsers: () => users.commit(),
    follow,
    emit,
    reconcile: (effects) => runner.reconcile(effects),
    tidy,
  });

  function tellMissing(error: unknown): void {
    const code = error instanceof Fault ? error.code : "runtime.code_unavailable";
    const reason = error instanceof Error ? error.message : String(error);
    loop.send({ type: "partMissing", code, reason });
  }

  function learningParts(): LearningShellParts {
    return {
      loop: () => loop,
      lane,
      hashing,
      deviceKey,
      files,
      versions,
      serving: servingVersion,
      users,
      trainer: parts.trainer,
      random,
      state: () => loop.state,
      now: () => loop.now(),
      held,
    };
  }

  function hubParts(): HubShellParts {
    return {
      loop: () => loop,
      lane,
      line,
      files,
      versions,
      held,
      serving: servingVersion,
      users,
      clock,
      seed: enrolment.seed,
    };
  }

  /** What speaks with the hub, where nothing of it has to be loaded. */
  function hubNow(): HubShell | null {
    const create = parts.code?.createHubShell;
    return create === undefined || parts.hub === null || typeof parts.hub === "function"
      ? null
      : create(parts.hub, hubParts());
  }

  async function loadHub(): Promise<HubShell> {
    const [code, access] = await Promise.all([
      laterCode("what speaks with a hub", () => import("./hubShell.ts")),
      typeof parts.hub === "function" ? parts.hub() : parts.hub,
    ]);
    if (access === null) throw new Fault("there is no hub", { code: "link.closed", hint: "" });
    return code.createHubShell(access, hubParts());
  }

  /** Opens a user. Inside the lane only. */
  async function openUser(user: string): Promise<OpenUser> {
    const before = users.all.get(user);
    if (before !== undefined) return before;
    const { one, damaged, lost } = await users.open(user, servingVersion().loaded.modelPackage);
    if (lost !== "") loop.advance({ type: "userLost", user, reason: lost });
    const { restored } = one.session;
    if (restored !== null) loop.restoreUser(user, restoredUser(restored, loop.now()));
    const reason = "its file is damaged";
    if (damaged.length > 0) await learning.need();
    for (const digest of damaged) loop.advance({ type: "layerFailed", user, digest, reason });
    await loop.apply({ type: "userOpened", user });
    return one;
  }

  const answering = createAnswering({
    state: () => loop.state,
    now: () => loop.now(),
    serving: servingVersion,
    users,
    open: (user) => lane.run(() => openUser(user)),
    nextPredictionId() {
      lastPrediction += 1;
      return `${runs.count}-${lastPrediction}`;
    },
    send: (event) => loop.send(event),
    async settle(event) {
      if (event.type === "layerFailed") await learning.need();
      await lane.run(() => loop.apply(event));
    },
    onAnswer() {
      flushTimer ??= clock.setTimer(FLUSH_MS, () => {
        flushTimer = null;
        loop.send();
      });
    },
  });

  const hub = createLaterPart<HubShell>({
    clock,
    lane,
    now: hubNow(),
    load: loadHub,
    arrived: () => loop.send({ type: "ticked" }),
    failed: tellMissing,
  });

  const learning = createLaterPart<LearningShell>({
    clock,
    lane,
    now: parts.code?.createLearningShell?.(learningParts()) ?? null,
    async load() {
      const { createLearningShell } = await laterCode(
        "what learns",
        () => import("./learningShell.ts"),
      );
      return createLearningShell(learningParts());
    },
    arrived: () => loop.send({ type: "ticked" }),
    failed: tellMissing,
  });

  const runner = createEffectRunner(
    lane,
    createCarryOut({
      hub: () => hub.here?.carrier ?? null,
      learning: () => learning.here?.carrier ?? null,
      send: (event) => loop.send(event),
    }),
  );

  await lane.run(async () => {
    await follow();
    const { bake, previousGood } = loop.state.kept.slots;
    // Ready before it is needed; when it does not load, the bundled one is there.
    if (bake !== null && previousGood !== null) await held.load(previousGood);
    for (const user of users.stored()) {
      if (!loop.state.kept.erasing.includes(user)) await openUser(user);
    }
    await loop.apply({ type: "started" });
  });
  if (parts.hub !== null) hub.want();

  function assertOpen(): void {
    if (!isClosed) return;
    throw new Fault("the device is closed", {
      code: "device.closed",
      hint: "create it again on the same store",
    });
  }

  function windowerOf(user: string): Windower {
    const of = servingVersion().loaded.modelPackage;
    const before = windowers.get(user);
    if (before !== undefined && isSameStream(before.of, of)) return before.windower;
    const windower = createWindower(of.preprocessing);
    windowers.set(user, { of, windower });
    return windower;
  }

  function deviceUser(name: string): DeviceUser {
    const key = users.keyOf(name);
    // Whoever asks for something hears of it.
    key.catch(() => undefined);
    return {
      async predict(window) {
        assertOpen();
        return answering.answer(await key, window);
      },
      async pushSamples(samples, atMs = loop.now()) {
        assertOpen();
        const user = await key;
        const { checks } = (users.all.get(user) ?? (await lane.run(() => openUser(user)))).session;
        const windower = windowerOf(user);
        const { channels } = servingVersion().loaded.modelPackage.preprocessing;
        const finding = checks.data.checkGap(samples.length / channels.length, atMs);
        if (finding !== null) {
          windower.clear();
          loop.send({ type: "dataQuarantined", user, finding });
        }
        const answers: Answer[] = [];
        for (const window of windower.push(samples)) {
          answers.push(await answering.answer(user, window));
        }
        return answers;
      },
      async feedback(predictionId, label) {
        assertOpen();
        const user = await key;
        const learner = learning.here ?? (await learning.need());
        return lane.run(async () => {
          const open = await openUser(user);
          const { outcome, events } = await learner.takeFeedback(open, predictionId, label);
          if (events.length > 0) await loop.apply(...events);
          return outcome;
        });
      },
      async difference() {
        assertOpen();
        const { userDifference } = await laterCode(
          "what compares a person with the reference",
          () => import("./userDifference.ts"),
        );
        // Users who are stored are open; asking makes nobody a user.
        const profiles = users.all.get(await key)?.session.checks.profiles() ?? null;
        return profiles === null ? null : userDifference(profiles);
      },
    };
  }

  return {
    user: deviceUser,
    on(name, listener) {
      const set = listeners.get(name) ?? new Set();
      const one = listener as (event: never) => void;
      listeners.set(name, set.add(one));
      return () => {
        set.delete(one);
      };
    },
    inspect: () =>
      inspectDevice({
        hub: hub.here?.settings ?? null,
        learning: learning.here?.machines ?? null,
        state: loop.state,
        line,
        modelPackage: servingVersion().loaded.modelPackage,
        nowMs: loop.now(),
        users,
        fileCount: files.names().size,
        storageFault: loop.storageFault,
      }),
    async eraseUser(name) {
      assertOpen();
      const user = await users.keyOf(name);
      windowers.delete(user);
      await lane.run(() => loop.apply({ type: "eraseRequested", user }));
    },
    async setContribute(contribute) {
      assertOpen();
      await lane.run(() => loop.apply({ type: "consentSet", contribute }));
    },
    whenIdle: () => lane.whenIdle(),
    async close() {
      if (isClosed) return;
      isClosed = true;
      flushTimer?.cancel();
      hub.stop();
      learning.stop();
      loop.stop();
      await runner.stop();
      await lane.run(async () => {
        await loop.apply({ type: "stopped" });
        await held.keepOnly(new Set());
      });
      await parts.onClose();
    },
  };
}

/** Whether two packages cut samples into the same windows. */
function isSameStream(a: ModelPackage, b: ModelPackage): boolean {
  return (
    isSameTask(a.preprocessing, b.preprocessing) &&
    a.preprocessing.hopSamples === b.preprocessing.hopSamples
  );
}
