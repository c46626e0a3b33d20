// The slots' machine with a hub: decision, standby, active. It must not fetch or load anything.
import {
  checkDecision,
  checkTrustRootFresh,
  type Decision,
  type DecisionOutcome,
  type DecisionSequence,
  decisionMessage,
  decodeMessage,
  digestOf,
  type EpochMs,
  type RefusalCode,
  type ReleaseTarget,
  shortVersion,
  targetFor,
} from "@attune/protocol";
import type { Enrolled } from "../enrolment/enrolmentState.ts";
import { REFUSED_DECISIONS_MAX } from "../limits.ts";
import { oweReceipt } from "../outbox/oweReceipt.ts";
import type { DeviceState } from "../state.ts";
import { change, hubOf, keep, noteRefusal, type Transition, tell } from "../transition.ts";
import { readyVersion, startPreparation } from "./preparation.ts";
import type { SlotVersion } from "./slotState.ts";
import { settled } from "./slots.ts";

function enrolledOf(state: DeviceState): Enrolled | null {
  const { enrolment } = state.kept;
  return enrolment.phase === "enrolled" ? enrolment : null;
}

/** What the newest decision asks this device to serve; null without one. */
export function wantedTarget({ state, context }: Transition): ReleaseTarget | null {
  const enrolled = enrolledOf(state);
  const { decision } = state.kept.slots;
  if (enrolled === null || decision === null) return null;
  return targetFor(decision.value, enrolled.device, hubOf(context).cryptography);
}

/** A device has no clock that could be trusted, so an expired root is believed; but once for each root somebody is told. */
function noteExpiry(transition: Transition, { trustRoot }: Enrolled): void {
  const fresh = checkTrustRootFresh(trustRoot, Math.trunc(transition.context.nowMs) as EpochMs);
  if (fresh.ok) return;
  const { code, message } = fresh.refusal;
  const isNoted = transition.state.kept.refusals.some(
    (note) => note.code === code && note.message === message,
  );
  if (!isNoted) noteRefusal(transition, "trustRoot", fresh.refusal);
}

/** A decision frame has arrived. What is accepted raises the floor before anything else happens. */
export function decisionArrived(transition: Transition, bytes: Uint8Array): void {
  const enrolled = enrolledOf(transition.state);
  if (enrolled === null) return;
  const { slots } = transition.state.kept;
  const { line } = transition.context.settings;
  const { cryptography } = hubOf(transition.context);
  const digest = digestOf(cryptography, bytes);
  // The retained decision comes again with every connection.
  if (digest === slots.decision?.digest || slots.refusedDecisions.includes(digest)) return;
  const decision = checkDecision(
    bytes,
    {
      device: enrolled.device,
      line,
      cohort: enrolled.cohort,
      decisionSequence: slots.floor.decisionSequence as DecisionSequence,
      securityEpoch: slots.floor.securityEpoch as Decision["champion"]["securityEpoch"],
    },
    enrolled.trustRoot,
    cryptography,
  );
  if (!decision.ok) {
    noteRefusal(transition, "decision", decision.refusal);
    keep(transition, {
      slots: {
        ...transition.state.kept.slots,
        refusedDecisions: [...slots.refusedDecisions, digest].slice(-REFUSED_DECISIONS_MAX),
      },
    });
    // What the hub's key did not sign is no decision: a stranger who can publish must not fill the outbox with answers to it.
    const claimed = decodeMessage(decisionMessage, bytes);
    if (claimed.ok && !decision.refusal.code.startsWith("signature.")) {
      oweReceipt(transition, {
        decisionSequence: claimed.value.value.decisionSequence,
        outcome: "refused",
        ...decision.refusal,
      });
    }
    return;
  }
  noteExpiry(transition, enrolled);
  const { value } = decision;
  keep(transition, {
    slots: {
      ...transition.state.kept.slots,
      decision: { digest, value, isSettled: false },
      floor: { ...slots.floor, decisionSequence: value.decisionSequence },
    },
  });
  change(transition, { standby: null });
  const target = targetFor(value, enrolled.device, cryptography);
  tell(transition, "decided", {
    decisionSequence: value.decisionSequence,
    action: value.action,
    target: target.version,
    reason: value.reason,
  });
}

/** Follows the decision: what is asked for is made ready in the standby slot, then becomes active. */
export function settleDecision(transition: Transition): void {
  const { slots } = transition.state.kept;
  const { decision } = slots;
  const target = wantedTarget(transition);
  if (decision === null || target === null || decision.isSettled) {
    if (transition.state.standby !== null) change(transition, { standby: null });
    return;
  }
  if (target.version === slots.active.version) {
    settle(transition, decision.value, slots.bake === null ? "baked" : "activated");
    return;
  }
  const { standby } = transition.state;
  if (standby === null) {
    const serial = transition.state.preparationSerial + 1;
    change(transition, {
      preparationSerial: serial,
      standby: startPreparation(
        serial,
        { kind: "release", target, blobUrl: decision.value.blobUrl },
        transition.context.nowMs,
      ),
    });
  } else if (standby.phase === "refused" && standby.refusal !== null) {
    noteRefusal(transition, "version", standby.refusal);
    settle(transition, decision.value, "refused", standby.refusal);
  } else {
    const version = readyVersion(standby);
    if (version === null) return;
    const { securityEpoch } = slots.floor;
    if (version.securityEpoch >= securityEpoch) {
      activate(transition, version, decision.value);
      return;
    }
    // What was active has baked while this version was prepared.
    const refusal = {
      code: "record.security_epoch_too_low",
      message: `${shortVersion(transition.context.settings.line, version.version)} has security epoch ${version.securityEpoch}, this device's floor is ${securityEpoch} by now`,
    } as const;
    noteRefusal(transition, "version", refusal);
    settle(transition, decision.value, "refused", refusal);
  }
}

/** The decision is done with: nothing more happens for it, and the hub is told how it ended. */
function settle(
  transition: Transition,
  decision: Decision,
  outcome: DecisionOutcome,
  refusal?: { readonly code: RefusalCode; readonly message: string },
): void {
  keep(transition, { slots: settled(transition.state.kept.slots) });
  change(transition, { standby: null });
  oweReceipt(transition, {
    decisionSequence: decision.decisionSequence,
    outcome,
    ...refusal,
  });
}

/** The standby version becomes the active one, in one record. A version that is not good yet never becomes `previousGood`. */
function activate(transition: Transition, version: SlotVersion, decision: Decision): void {
  const { slots } = transition.state.kept;
  const isGood = slots.good.includes(version.version);
  keep(transition, {
    slots: {
      ...settled(slots),
      active: version,
      bake: isGood
        ? null
        : {
            bakeMs: decision.bakeMs,
            untilMs: transition.context.nowMs + decision.bakeMs,
            startCount: 0,
          },
      previousGood: slots.bake === null ? slots.active : slots.previousGood,
      floor: {
        ...slots.floor,
        securityEpoch: isGood
          ? Math.max(slots.floor.securityEpoch, version.securityEpoch)
          : slots.floor.securityEpoch,
      },
      epoch: slots.epoch + 1,
      fate: decision.personal,
    },
  });
  tell(transition, "activated", {
    modelVersion: version.version,
    decisionSequence: decision.decisionSequence,
  });
  settle(transition, decision, isGood ? "baked" : "activated");
}
