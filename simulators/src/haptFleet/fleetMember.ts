// One person's device in virtual time: shows it windows, tells it the truth, and keeps what it said. It decides nothing.

import type { OrtRuntime } from "@attune/device-runtime/model";
import {
  createDevice,
  createInference,
  createInlineTrainer,
  type Device,
  type DeviceOptions,
  type GuardVerdict,
} from "@attune/device-runtime/node";
import {
  createManualClock,
  createMemoryStorage,
  createSeededRandom,
} from "@attune/device-runtime/testing";
import { unwrap } from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";

/** What a person does at one moment. */
export interface MemberStep {
  /** When the window has arrived whole, virtual. */
  readonly atMs: number;
  readonly samples: Float32Array;
  /** What it was, where the person says so afterwards; null where nobody does. */
  readonly truth: string | null;
}

/** What the device answered when the window arrived. */
export interface MemberAnswer {
  readonly label: string;
  readonly isOutlier: boolean;
}

/** How far a device is with what the hub has told it, and the hub with what the device has. */
export interface MemberStanding {
  readonly isOnline: boolean;
  /** The newest decision that it has accepted. */
  readonly decisionSequence: number;
  /** What it has to do before it is up to date, in words; null when it is. */
  readonly waiting: string | null;
}

/** A verdict of the local guard, with its evidence. */
export interface MemberVerdict {
  readonly verdict: GuardVerdict["verdict"];
  readonly jobIndex: number;
  /** Since the device's first moment. */
  readonly atMs: number;
  readonly n: number;
  readonly wins: number;
  readonly losses: number;
  readonly evidence: number;
  readonly limit: number;
  readonly reason: string;
}

/** A contribution as it was sent. */
export interface MemberContribution {
  /** Of the whole frame on the wire. */
  readonly bytes: number;
  readonly examples: number;
  readonly norm: number;
}

/** What happened on a device. */
export interface MemberRecord {
  readonly trainings: number;
  readonly steps: number;
  readonly adopted: number;
  readonly dropped: number;
  readonly reverted: number;
  readonly verdicts: readonly MemberVerdict[];
  readonly contributions: readonly MemberContribution[];
  /** Why trainings were not contributed. */
  readonly withheld: readonly string[];
  /** The shared version underneath, at the end. */
  readonly active: string;
  readonly isPersonal: boolean;
}

/** The device of one person. */
export interface FleetMember {
  readonly id: string;
  /** Moves on to the window's time, answers it, takes the truth in; resolves when everything that follows by itself is done. */
  live(step: MemberStep): Promise<MemberAnswer>;
  advanceTo(atMs: number): Promise<void>;
  standing(): Promise<MemberStanding>;
  /** Answers windows now, without telling it the truth. @returns labels */
  answer(windows: readonly Float32Array[]): Promise<readonly string[]>;
  record(): Promise<MemberRecord>;
  close(): Promise<void>;
}

/** Everything about a member that can be sent to another process. */
export interface MemberPlan {
  readonly id: string;
  /** Model package. */
  readonly model: Uint8Array;
  readonly seed: string;
  readonly startMs: number;
  /** Where the hub is and how to enrol there; null for a device that is alone. */
  readonly hub: { readonly mqttUrl: string; readonly enrolmentToken: string } | null;
  /** Folder of its own on disk; null for memory. */
  readonly folder: string | null;
}

/** What all members of a process share. */
export type MemberSharing = Required<Pick<DeviceOptions, "trainer" | "inference">>;

/** Makes what all members of a process share. */
export function shareAmongMembers(runtime: OrtRuntime): MemberSharing {
  return {
    trainer: createInlineTrainer(runtime),
    inference: createInference(runtime, nodeCryptography),
  };
}

/** The one user of a member's device; never leaves it. */
const USER = "wearer";

/** Opens a person's device. */
export async function openMember(plan: MemberPlan, sharing: MemberSharing): Promise<FleetMember> {
  const { id, model, seed, startMs, hub, folder } = plan;
  const clock = createManualClock(startMs);
  const device = await createDevice({
    ...sharing,
    model,
    ...(folder === null ? { storage: createMemoryStorage() } : { store: folder }),
    ...(hub === null ? {} : { hub: hub.mqttUrl, enrolmentToken: hub.enrolmentToken }),
    proposedId: id,
    contribute: hub !== null,
    clock,
    random: createSeededRandom(seed).fork(id),
  });
  const verdicts: MemberVerdict[] = [];
  const contributions: MemberContribution[] = [];
  const withheld: string[] = [];
  noteVerdicts(device, () => clock.nowMs() - startMs, verdicts);
  device.on("contributed", ({ bytes, examples, norm }) => {
    contributions.push({ bytes, examples, norm });
  });
  device.on("withheld", ({ reason }) => {
    withheld.push(reason);
  });
  const user = device.user(USER);

  async function advanceTo(atMs: number): Promise<void> {
    for (let due = clock.nextDueMs(); due !== null && due <= atMs; due = clock.nextDueMs()) {
      clock.runNext();
      await device.whenIdle();
    }
    if (atMs > clock.nowMs()) clock.advanceTo(atMs);
  }

  return {
    id,
    advanceTo,
    async live({ atMs, samples, truth }) {
      await advanceTo(atMs);
      const { label, ood, predictionId } = await user.predict(samples);
      if (truth !== null) unwrap(await user.feedback(predictionId, truth));
      await device.whenIdle();
      return { label, isOutlier: ood.isOutlier };
    },
    async standing() {
      await device.whenIdle();
      const { link, enrolment, slots, comparisons, outbox } = device.inspect();
      const isOnline = enrolment.state === "enrolled" && link.state === "online";
      const waiting = !isOnline
        ? `${enrolment.state}, ${link.state}: ${link.reason}`
        : slots.standby !== null
          ? `prepares ${slots.standby.version}: ${slots.standby.waiting}`
          : comparisons.some(({ state }) => state === "preparing")
            ? "prepares a comparison"
            : outbox.entries.length > 0
              ? `${outbox.entries.length} messages wait for receipts`
              : null;
      return { isOnline, decisionSequence: slots.floor.decisionSequence, waiting };
    },
    async answer(windows) {
      const labels: string[] = [];
      for (const window of windows) labels.push((await user.predict(window)).label);
      return labels;
    },
    async record() {
      await device.whenIdle();
      const { counts, slots, users } = device.inspect();
      return {
        trainings: counts.trainings,
        steps: counts.trainingSteps,
        adopted: counts.adopted,
        dropped: counts.dropped,
        reverted: counts.reverted,
        verdicts,
        contributions,
        withheld,
        active: slots.active.version,
        isPersonal: users.some(({ serving }) => serving === "personal"),
      };
    },
    close: () => device.close(),
  };
}

function noteVerdicts(device: Device, nowMs: () => number, verdicts: MemberVerdict[]): void {
  const note = (jobIndex: number, judged: GuardVerdict): void => {
    const { verdict, n, wins, losses, evidence, limit, reason } = judged;
    verdicts.push({
      verdict,
      jobIndex,
      atMs: nowMs(),
      n,
      wins,
      losses,
      evidence,
      limit,
      reason,
    });
  };
  device.on("adopted", ({ jobIndex, evidence }) => note(jobIndex, evidence));
  device.on("dropped", ({ jobIndex, evidence }) => note(jobIndex, evidence));
  device.on("reverted", (event) => {
    if (event.scope === "personal") note(event.jobIndex, event.evidence);
  });
}
