import { type Digest, type ModelVersion, parameterSetOf, type Report } from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { cohort, createBenchHub, fleet, line, releaseKeys, rootOf } from "../../test/benchHub.ts";
import { benchPackage } from "../../test/benchModel.ts";
import { createSeededRandom } from "../adapters/seededRandom.ts";
import { loadNodeOrt } from "../model/session/nodeOrtRuntime.ts";
import { type ModelPackage, partDigests, versionOf } from "../package/modelPackage.ts";
import { withParameters } from "../package/wholeModel.ts";
import { intBelow, type Random, uniform } from "../ports/random.ts";
import type { Effect } from "./effects.ts";
import { noEnrolmentProgress } from "./enrolment/enrolmentState.ts";
import type { CoreEvent } from "./events.ts";
import { hubMachines } from "./hub/hubMachines.ts";
import { defaultGuardPolicy, type ScoredAnswer } from "./learn/localGuard.ts";
import { learningMachines } from "./learning/learningMachines.ts";
import { OUTBOX_ENTRIES_MAX, PARKED_MAX, REFUSALS_MAX } from "./limits.ts";
import { type Step, step } from "./machine.ts";
import type { SlotVersion } from "./slots/slotState.ts";
import { firstSlots } from "./slots/slots.ts";
import { type DeviceState, noCounts } from "./state.ts";
import type { CoreContext, CoreSettings } from "./transition.ts";
import { defaultTriggerPolicy } from "./trigger/trigger.ts";

let modelPackage: ModelPackage;
let bundled: SlotVersion;
let settings: CoreSettings;
/** Decisions by rising sequence, and the records that they point to, by digest. */
let decisions: readonly Uint8Array[];
let records: ReadonlyMap<string, Uint8Array>;
let released: readonly ModelVersion[];

beforeAll(async () => {
  modelPackage = await benchPackage(await loadNodeOrt(), {
    // Quick to train and to judge, so that a short walk sees all of it.
    guard: { ...defaultGuardPolicy, blockLength: 1, adoptLimit: 2, dropLimit: 2, revertLimit: 2 },
    trigger: {
      ...defaultTriggerPolicy,
      rules: [{ kind: "newFeedback", countMin: 2 }],
      feedbackMin: 2,
      coolDownMs: 1_000,
      budget: { stepsPerDayMax: 1e6 },
    },
  });
  bundled = {
    version: versionOf(modelPackage, nodeCryptography),
    generation: 0 as SlotVersion["generation"],
    securityEpoch: 0 as SlotVersion["securityEpoch"],
    source: "bundled",
    parts: partDigests(modelPackage, nodeCryptography),
  };
  const hub = createBenchHub();
  const targets = [0, 0.001, 0.002, 0.003].map((amount, index) =>
    hub.release(
      withParameters(
        modelPackage,
        parameterSetOf(
          modelPackage.parameters.map((tensor) => ({
            ...tensor,
            data: tensor.data.map((value) => value + amount),
          })),
        ),
      ),
      { generation: index, securityEpoch: index === 3 ? 1 : 0 },
    ),
  );
  released = targets.map(({ version }) => version);
  const random = createSeededRandom("decisions");
  const fates = ["keep", "refit", "park", "discard"] as const;
  decisions = Array.from({ length: 40 }, (_, index) => {
    const champion = targets[intBelow(random, targets.length)];
    const other = targets[intBelow(random, targets.length)];
    return hub.decide(
      {
        champion: champion as NonNullable<typeof champion>,
        ...(index % 3 === 0 && other !== undefined
          ? {
              rollout: {
                target: other,
                selection: { salt: `${index}`, threshold: intBelow(random, 2) * 0xffffffff },
              },
            }
          : {}),
        personal: fates[index % 4] as (typeof fates)[number],
        bakeMs: 60_000,
      },
      // A release key decides nothing.
      index % 7 === 6 ? releaseKeys[0] : undefined,
    );
  });
  records = hub.blobs;
  settings = {
    line,
    bundled,
    hub: {
      hasHub: true,
      isLoopback: true,
      token: null,
      proposedId: null,
      keyPair: nodeCryptography.keyPair(new Uint8Array(32).fill(5)),
      cryptography: nodeCryptography,
      machines: hubMachines,
    },
    learning: learningMachines,
  };
});

const startState = (): DeviceState => ({
  kept: {
    runs: { count: 1, seed: "" },
    enrolment: {
      phase: "enrolled",
      seed: new Uint8Array(32),
      device: "dev-1" as never,
      fleet,
      credential: "credential-of-dev-1",
      trustRoot: rootOf(),
      trustRootDigest: "0".repeat(64) as Digest,
      cohort,
      assignmentSequence: 1,
    },
    slots: firstSlots(bundled),
    comparison: { current: null, past: [] },
    outbox: { entries: [], nextContributionSequence: 1, droppedCount: 0, settled: [] },
    report: { sequence: 0 },
    consent: { contribute: true },
    erasedCounts: noCounts,
    erasing: [],
    refusals: [],
  },
  users: {},
  link: { phase: "off", reason: "", sinceMs: 0, serial: 0 },
  enrolmentProgress: noEnrolmentProgress,
  sending: {},
  reporting: { lastContent: null, lastSentMs: null, sending: null, will: null, drift: null },
  standby: null,
  shadow: null,
  preparationSerial: 0,
});

/** What the world may answer to an effect: it works, it fails for now, or what came is false. */
function answers(effect: Effect, random: Random): CoreEvent | null {
  const luck = uniform(random);
  const isFine = luck < 0.7;
  const digest = (): Digest =>
    Array.from({ length: 64 }, () => intBelow(random, 16).toString(16)).join("") as Digest;
  switch (effect.kind) {
    case "connect":
      return isFine
        ? { type: "linkOpened", serial: effect.serial }
        : { type: "linkClosed", serial: effect.serial, reason: "no", isRefused: luck > 0.8 };
    case "subscribe":
    case "enrol":
      return null;
    case "publish": {
      const { attempt, entry } = effect;
      return { type: isFine ? "published" : "publishFailed", digest: entry.digest, attempt };
    }
    case "sendReport": {
      const { reportSequence: sequence }: Report = effect.report;
      return { type: isFine ? "reportPublished" : "reportFailed", sequence };
    }
    case "fetchRecord": {
      const { serial } = effect;
      const bytes = records.get(effect.ref.digest);
      return isFine && bytes !== undefined
        ? { type: "recordFetched", serial, bytes }
        : luck < 0.9
          ? { type: "preparationFailed", serial, reason: "not now" }
          : { type: "recordFetched", serial, bytes: Uint8Array.of(1, 2, 3) };
    }
    case "fetchParts": {
      const { serial, plan } = effect;
      return isFine
        ? {
            type: "partsFetched",
            serial,
            parts: plan.kind === "delta" ? plan.base.parts : bundled.parts,
          }
        : { type: "preparationFailed", serial, reason: "not now" };
    }
    case "loadVersion": {
      const { serial } = effect;
      return isFine
        ? { type: "versionLoaded", serial }
        : {
            type: "preparationRefused",
            serial,
            refusal: { code: "model.not_loadable", message: "no" },
          };
    }
    case "compareHoldout": {
      const { champion, challenger } = effect;
      const pairs = Array.from({ length: intBelow(random, 50) }, () => ({
        challengerCorrect: uniform(random) < 0.5,
        championCorrect: uniform(random) < 0.5,
      }));
      return { type: "pairsScored", champion, challenger, from: "holdout", pairs };
    }
    case "rebaseLayer": {
      const { user, epoch, layer } = effect;
      return {
        type: "layerRebased",
        user,
        epoch,
        layer: isFine ? { ...layer, digest: digest(), base: released[0] as ModelVersion } : null,
        reason: "",
      };
    }
    case "train": {
      const { user, job } = effect;
      const { jobIndex } = job;
      return isFine
        ? { type: "jobFinished", user, jobIndex, digest: digest(), lossBefore: 1, lossAfter: 0.5 }
        : luck < 0.9
          ? { type: "jobFailed", user, jobIndex, reason: "no", isFinal: luck < 0.8 }
          : { type: "sliceTrained", user, jobIndex, stepsKept: 2 };
    }
    case "buildContribution": {
      const { user, layer } = effect;
      return isFine
        ? {
            type: "contributionBuilt",
            user,
            layer: layer.digest,
            sequence: 1,
            entry: {
              kind: "contribution",
              digest: digest(),
              bytes: 90_000,
              frame: null,
              createdAtMs: 0,
              user,
              layer: layer.digest,
            },
            facts: {
              base: layer.base,
              result: digest(),
              examples: 1,
              steps: 1,
              norm: 1,
              evidence: { n: 1, wins: 1, losses: 0 },
            },
          }
        : { type: "contributionFailed", user, layer: layer.digest, reason: "no" };
    }
  }
}

/** Something that nobody waited for. */
function surprise(state: DeviceState, random: Random): CoreEvent {
  const user = `user ${intBelow(random, 3)}`;
  switch (intBelow(random, 20)) {
    case 0:
      return {
        type: "messageArrived",
        channel: "decision",
        bytes: decisions[
          // Mostly one that may be accepted now, sometimes an old one.
          Math.min(
            decisions.length - 1,
            intBelow(random, state.kept.slots.floor.decisionSequence + 3),
          )
        ] as Uint8Array,
      };
    case 2:
      return {
        type: "linkClosed",
        serial: state.link.serial,
        reason: "the network broke",
        isRefused: false,
      };
    case 3:
      return { type: "userOpened", user };
    case 4:
      return { type: "consentSet", contribute: uniform(random) < 0.8 };
    case 5:
      return {
        type: "versionFailed",
        version: state.kept.slots.active.version,
        code: "model.output_not_finite",
        message: "NaN",
        isLoadable: uniform(random) < 0.9,
      };
    case 6:
      return uniform(random) < 0.2 ? { type: "eraseRequested", user } : { type: "started" };
    default: {
      const answer = (rightShare: number): ScoredAnswer => {
        const isRight = uniform(random) < rightShare;
        return { isRight, truthProbability: isRight ? 0.9 : 0.1 };
      };
      const serving = answer(0.3);
      return {
        type: "feedbackScored",
        user,
        scored: {
          wasCorrect: serving.isRight,
          serving,
          shared: answer(0.6),
          challenger: state.users[user]?.challenger === null ? null : answer(0.5),
          samples: { sampleCount: 30, classCount: 3 },
        },
      };
    }
  }
}

function deepFreeze(value: unknown): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return;
  if (ArrayBuffer.isView(value)) return;
  Object.freeze(value);
  for (const one of Object.values(value)) deepFreeze(one);
}

/** What must hold after every step. */
function check(before: DeviceState, after: Step, nowMs: number): void {
  const { kept, users } = after.state;
  const { slots, outbox, comparison } = kept;
  expect(after.deadlineMs === null || after.deadlineMs > nowMs).toBe(true);
  expect(new Set(after.effects.map(({ id }) => id)).size).toBe(after.effects.length);
  expect([...released, bundled.version]).toContain(slots.active.version);
  expect(slots.floor.decisionSequence).toBeGreaterThanOrEqual(
    before.kept.slots.floor.decisionSequence,
  );
  expect(slots.floor.securityEpoch).toBeGreaterThanOrEqual(before.kept.slots.floor.securityEpoch);
  const { active, previousGood, bake, good } = slots;
  expect(
    bake === null ||
      (previousGood !== null &&
        previousGood.version !== active.version &&
        [...good, bundled.version].includes(previousGood.version)),
  ).toBe(true);
  expect(
    active.version === bundled.version || active.securityEpoch >= slots.floor.securityEpoch,
  ).toBe(true);
  expect(outbox.entries.length).toBeLessThanOrEqual(OUTBOX_ENTRIES_MAX);
  expect(kept.refusals.length).toBeLessThanOrEqual(REFUSALS_MAX);
  expect(comparison.past.length + (comparison.current === null ? 0 : 1)).toBeLessThanOrEqual(8);
  for (const user of Object.values(users)) {
    expect(user.parked.length).toBeLessThanOrEqual(PARKED_MAX);
    // Whoever has not followed a change of the shared version yet has its old job for a moment.
    const base = user.epoch === slots.epoch ? user.job?.base : undefined;
    expect([undefined, slots.active.version]).toContain(base);
  }
}

it("[DR30] [DR34] [DR61] [DR64] [DR65] whatever happens in whatever order, the machines keep their promises", () => {
  const seenVersions = new Set<string>();
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = createSeededRandom(seed);
      let state = startState();
      let nowMs = 1_000_000;
      let stale: CoreEvent[] = [];
      let effects: readonly Effect[] = [];
      for (let turn = 0; turn < 300; turn += 1) {
        const effect = effects[intBelow(random, Math.max(1, effects.length))];
        const luck = uniform(random);
        const event: CoreEvent =
          turn === 0
            ? { type: "started" }
            : luck < 0.5 && effect !== undefined
              ? (answers(effect, random) ?? { type: "ticked" })
              : luck < 0.6 && stale.length > 0
                ? (stale[intBelow(random, stale.length)] as CoreEvent)
                : luck < 0.75
                  ? { type: "ticked" }
                  : surprise(state, random);
        if (effect !== undefined && luck < 0.5) stale = [...stale, event].slice(-20);
        nowMs += luck < 0.75 ? intBelow(random, 30_000) : intBelow(random, 100);
        const context: CoreContext = {
          settings,
          nowMs,
          jitter: uniform(random),
          learning: modelPackage.learning,
        };
        deepFreeze(state);
        const after = step(state, event, context);
        check(state, after, nowMs);
        const isRepeated = turn % 50 === 0;
        expect(isRepeated ? step(state, event, context) : after).toEqual(after);
        for (const { name } of after.notices) seen.add(name);
        ({ state, effects } = after);
        seenVersions.add(state.kept.slots.active.version);
      }
    }),
    { numRuns: 40, seed: 7 },
  );
  // The walk has been everywhere that matters.
  expect(seenVersions.size).toBeGreaterThan(3);
  const wanted = [
    "activated",
    "baked",
    "reverted",
    "adopted",
    "dropped",
    "contributed",
    "personal",
  ];
  expect([...seen]).toEqual(expect.arrayContaining(wanted));
});
