// Moves a hub and its members through virtual time, one thing after the other: the next window of whoever is next, and everything that
// follows from it, before anything else happens. So the same seed is the same story, whatever the machine's speed. It decides nothing.
import type { ManualClock } from "@attune/device-runtime/testing";
import type { Hub, LineSummary } from "@attune/hub";
import { Fault } from "@attune/protocol";
import type { FleetMember, MemberAnswer, MemberStep } from "./fleetMember.ts";
import { TAIL_MS, TAIL_STEP_MS } from "./haptRules.ts";

/** A member and what its person does. */
export interface Journey {
  readonly member: FleetMember;
  /** In time order. */
  readonly steps: readonly MemberStep[];
}

/** A fleet in virtual time. */
export interface VirtualFleet {
  /** Resolves when hub and members have told each other everything that they can without time passing. */
  settle(): Promise<void>;
  /**
   * Lets everybody live to the end, then lets the hub end what it has begun.
   *
   * Windows come in the order of time, then of the member's id.
   *
   * @returns the answers of each journey, as its steps
   */
  travel(onProgress: (share: number) => void): Promise<readonly (readonly MemberAnswer[])[]>;
}

/** What a fleet is made of. */
export interface VirtualFleetParts {
  readonly hub: Hub;
  /** The hub's own; each member has one too. */
  readonly clock: ManualClock;
  readonly journeys: readonly Journey[];
  readonly signal: AbortSignal;
}

/** Stages in which the hub or the signer works by itself, without time or devices. */
const workingStages: ReadonlySet<string> = new Set(["preparing", "validating", "signing"]);

/** Real milliseconds: what is still not settled then is broken. */
const SETTLE_MS_MAX = 60_000;
/** Real milliseconds between two looks at what travels over sockets. */
const LOOK_AGAIN_MS = 3;

/** Creates it; the members must have been opened on the hub. */
export function createVirtualFleet(parts: VirtualFleetParts): VirtualFleet {
  const { hub, clock, journeys, signal } = parts;
  const members = journeys
    .map(({ member }) => member)
    .sort((a, b) => (a.id < b.id ? -1 : Number(a.id > b.id)));
  let auditCount = 0;
  let settledAt = -1;
  hub.onAudit(() => {
    auditCount += 1;
  });

  async function settle(): Promise<void> {
    const startedMs = performance.now();
    for (let calmCount = 0; calmCount < 2; ) {
      signal.throwIfAborted();
      const before = auditCount;
      await hub.idle();
      const waiting = await whyNotSettled(hub.state().lines[0], members);
      await hub.idle();
      calmCount = waiting === null && auditCount === before ? calmCount + 1 : 0;
      if (waiting === null) continue;
      if (performance.now() - startedMs > SETTLE_MS_MAX) {
        throw new Fault(`the fleet does not settle: ${waiting}`, {
          code: "fleet.not_settled",
          hint: "the machine may be overloaded; run it again",
        });
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
    settledAt = auditCount;
  }

  /** After each thing that has happened: the usual case is that the hub has nothing to say. */
  async function settleIfStirred(): Promise<void> {
    await hub.idle();
    if (auditCount !== settledAt) await settle();
  }

  async function advanceHub(atMs: number): Promise<void> {
    for (let due = clock.nextDueMs(); due !== null && due <= atMs; due = clock.nextDueMs()) {
      clock.runNext();
      await settleIfStirred();
    }
    if (atMs > clock.nowMs()) clock.advanceTo(atMs);
  }

  async function travel(
    onProgress: (share: number) => void,
  ): Promise<readonly (readonly MemberAnswer[])[]> {
    const answers = journeys.map((): MemberAnswer[] => []);
    const order = journeys
      .flatMap(({ member, steps }, journey) => steps.map((step) => ({ journey, member, step })))
      .sort((a, b) => a.step.atMs - b.step.atMs || (a.member.id < b.member.id ? -1 : 1));
    for (const [index, { journey, member, step }] of order.entries()) {
      signal.throwIfAborted();
      await advanceHub(step.atMs);
      answers[journey]?.push(await member.live(step));
      await settleIfStirred();
      onProgress((index + 1) / order.length);
    }
    const endMs = clock.nowMs();
    while (hub.state().lines[0]?.challenger != null && clock.nowMs() < endMs + TAIL_MS) {
      const atMs = clock.nowMs() + TAIL_STEP_MS;
      await advanceHub(atMs);
      for (const member of members) {
        await member.advanceTo(atMs);
        await settleIfStirred();
      }
    }
    return answers;
  }

  return { settle, travel };
}

/** What still has to happen at this moment of virtual time; null for nothing. */
async function whyNotSettled(
  line: LineSummary | undefined,
  members: readonly FleetMember[],
): Promise<string | null> {
  const stage = line?.challenger?.stage;
  if (stage !== undefined && workingStages.has(stage)) return `the challenger is ${stage}`;
  const standings = await Promise.all(members.map((member) => member.standing()));
  for (const [index, { decisionSequence, waiting }] of standings.entries()) {
    const { id } = members[index] as FleetMember;
    if (waiting !== null) return `${id}: ${waiting}`;
    const newest = line?.decisionSequence ?? 0;
    if (decisionSequence < newest) return `${id} has decision ${decisionSequence} of ${newest}`;
  }
  return null;
}
