import { type Digest, decodeMessage, deviceReceiptMessage, unwrap } from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { beforeAll, expect, it } from "vitest";
import { cohort, fleet, line, rootOf } from "../../test/benchHub.ts";
import { benchPackage } from "../../test/benchModel.ts";
import { loadNodeOrt } from "../model/session/nodeOrtRuntime.ts";
import { type ModelPackage, partDigests, versionOf } from "../package/modelPackage.ts";
import { noEnrolmentProgress } from "./enrolment/enrolmentState.ts";
import type { CoreEvent } from "./events.ts";
import { hubMachines } from "./hub/hubMachines.ts";
import { learningMachines } from "./learning/learningMachines.ts";
import { wantsLearning } from "./learning/users.ts";
import { step } from "./machine.ts";
import type { SlotVersion } from "./slots/slotState.ts";
import { firstSlots } from "./slots/slots.ts";
import { type DeviceState, noCounts } from "./state.ts";
import type { CoreSettings } from "./transition.ts";

let modelPackage: ModelPackage;
let bundled: SlotVersion;
let released: SlotVersion;
let alone: CoreSettings;
let whole: CoreSettings;

beforeAll(async () => {
  modelPackage = await benchPackage(await loadNodeOrt());
  bundled = {
    version: versionOf(modelPackage, nodeCryptography),
    generation: 0 as SlotVersion["generation"],
    securityEpoch: 0 as SlotVersion["securityEpoch"],
    source: "bundled",
    parts: partDigests(modelPackage, nodeCryptography),
  };
  released = { ...bundled, version: "1".repeat(64) as SlotVersion["version"], source: "release" };
  alone = { line, bundled, hub: null, learning: null };
  whole = {
    ...alone,
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

/** An enrolled device whose active version bakes, as the hub decided. */
function bakingState(): DeviceState {
  const target = { version: released.version, generation: 0, securityEpoch: 0, record: {} };
  return {
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
      slots: {
        ...firstSlots(bundled),
        active: released,
        previousGood: bundled,
        bake: { bakeMs: 60_000, untilMs: 61_000, startCount: 0 },
        decision: {
          digest: "2".repeat(64) as Digest,
          value: { decisionSequence: 4, champion: target } as never,
          isSettled: true,
        },
      },
      comparison: { current: null, past: [] },
      outbox: { entries: [], nextContributionSequence: 1, droppedCount: 0, settled: [] },
      report: { sequence: 0 },
      consent: { contribute: false },
      erasedCounts: noCounts,
      erasing: [],
      refusals: [],
    },
    users: {},
    link: { phase: "off", reason: "starting", sinceMs: 0, serial: 0 },
    enrolmentProgress: noEnrolmentProgress,
    sending: {},
    reporting: { lastContent: null, lastSentMs: null, sending: null, will: null, drift: null },
    standby: null,
    shadow: null,
    preparationSerial: 0,
  };
}

const after = (
  state: DeviceState,
  settings: CoreSettings,
  nowMs: number,
  event: CoreEvent,
): DeviceState =>
  step(state, event, { settings, nowMs, jitter: 0.5, learning: modelPackage.learning }).state;

it("[DR37] [DR53] a version that fails is left without what speaks with the hub; the receipt that is owed is signed when it is here", () => {
  const failed = after(bakingState(), alone, 2_000, {
    type: "versionFailed",
    version: released.version,
    code: "model.output_not_finite",
    message: "NaN",
    isLoadable: true,
  });
  expect(failed.kept.slots.active.version).toBe(bundled.version);
  expect(failed.kept.outbox.entries).toEqual([]);
  const later = after(failed, whole, 9_000, { type: "ticked" });
  expect(later.kept.outbox.owed).toBeUndefined();
  const [entry] = later.kept.outbox.entries;
  const message = unwrap(decodeMessage(deviceReceiptMessage, entry?.frame ?? new Uint8Array()));
  expect(message.value).toMatchObject({
    decisionSequence: 4,
    outcome: "reverted",
    active: bundled.version,
    code: "model.output_not_finite",
    atMs: 2_000,
  });
});

it("[DR36] [DR53] a bake that lasted is over without what speaks with the hub", () => {
  const baked = after(bakingState(), alone, 61_000, { type: "ticked" });
  expect(baked.kept.slots).toMatchObject({ bake: null, active: { version: released.version } });
  expect(baked.kept.outbox.owed).toMatchObject([{ decisionSequence: 4, outcome: "baked" }]);
});

it("[DR53] alarms are counted and told without what learns, and ask for it", () => {
  const opened = after(bakingState(), alone, 2_000, { type: "userOpened", user: "anna" });
  expect(wantsLearning(opened)).toBe(false);
  const violations = [{ name: "rule", kind: "duration", label: "a" }] as never;
  const alarmed = after(opened, alone, 3_000, { type: "rulesBroken", user: "anna", violations });
  expect(alarmed.users.anna?.counts.alarms).toBe(1);
  expect(alarmed.users.anna?.isAsking).toBe(false);
  expect(wantsLearning(alarmed)).toBe(true);
  const learning = after(alarmed, whole, 4_000, { type: "ticked" });
  expect(learning.users.anna?.isAsking).toBe(true);
});
