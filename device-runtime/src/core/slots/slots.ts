// The slots' machine: decision, standby, active, bake, back again. It must not fetch or load anything.
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
import { BAKE_STARTS_MAX, GOOD_VERSIONS_MAX, REFUSED_DECISIONS_MAX } from "../limits.ts";
import { queueReceipt } from "../outbox/outbox.ts";
import type { DeviceState } from "../state.ts";
import { change, keep, noteRefusal, type Transition, tell } from "../transition.ts";
import { preparationDeadlineMs, readyVersion, startPreparation } from "./preparation.ts";
import type { SlotState, SlotVersion } from "./slotState.ts";

function enrolledOf(state: DeviceState): Enrolled | null {
  const { enrolment } = state.kept;
  return enrolment.phase === "enrolled" ? enrolment : null;
}

/** What the newest decision asks this device to serve; null without one. */
function wantedTarget({ state, context }: Transition): ReleaseTarget | null {
  const enrolled = enrolledOf(state);
  const { decision } = state.kept.slots;
  if (enrolled === null || decision === null) return null;
  return targetFor(decision.value, enrolled.device, context.settings.cryptography);
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
  const { settings } = transition.context;
  const digest = digestOf(settings.cryptography, bytes);
  // The retained decision comes again with every connection.
  if (digest === slots.decision?.digest || slots.refusedDecisions.includes(digest)) return;
  const decision = checkDecision(
    bytes,
    {
      device: enrolled.device,
      line: settings.line,
      cohort: enrolled.cohort,
      decisionSequence: slots.floor.decisionSequence as DecisionSequence,
      securityEpoch: slots.floor.securityEpoch as Decision["champion"]["securityEpoch"],
    },
    enrolled.trustRoot,
    settings.cryptography,
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
      queueReceipt(transition, {
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
  const target = targetFor(value, enrolled.device, settings.cryptography);
  tell(transition, "decided", {
    decisionSequence: value.decisionSequence,
    action: value.action,
    target: target.version,
    reason: value.reason,
  });
}

/** Follows the decision: what is asked for is made ready in the standby slot, then becomes active; a bake that lasted is over. */
export function settleSlots(transition: Transition): void {
  settleDecision(transition);
  const { slots } = transition.state.kept;
  const { nowMs } = transition.context;
  if (slots.bake !== null && nowMs >= slots.bake.untilMs) bakeDone(transition);
}

function settleDecision(transition: Transition): void {
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
  queueReceipt(transition, {
    decisionSequence: decision.decisionSequence,
    outcome,
    ...refusal,
  });
}

function settled(slots: SlotState): SlotState {
  return slots.decision === null
    ? slots
    : { ...slots, decision: { ...slots.decision, isSettled: true } };
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

/** The active version has served its whole bake: from now on it is good, and its security epoch is the floor. */
function bakeDone(transition: Transition): void {
  const { slots } = transition.state.kept;
  keep(transition, {
    slots: {
      ...slots,
      bake: null,
      good: [
        ...slots.good.filter((version) => version !== slots.active.version),
        slots.active.version,
      ].slice(-GOOD_VERSIONS_MAX),
      floor: {
        ...slots.floor,
        securityEpoch: Math.max(slots.floor.securityEpoch, slots.active.securityEpoch),
      },
    },
  });
  tell(transition, "baked", { modelVersion: slots.active.version });
  if (slots.decision !== null) {
    queueReceipt(transition, {
      decisionSequence: slots.decision.value.decisionSequence,
      outcome: "baked",
    });
  }
}

/**
 * The active version has failed: it could not be loaded, or answered with NaN. While it bakes, the version before takes over at
 * once. A good one is left only when it cannot be loaded at all, as after a damaged file, and is fetched again.
 */
export function versionFailed(
  transition: Transition,
  failed: {
    readonly version: string;
    readonly code: RefusalCode;
    readonly message: string;
    readonly isLoadable: boolean;
  },
): void {
  const { slots } = transition.state.kept;
  if (slots.active.version !== failed.version) return;
  if (slots.bake !== null) revert(transition, failed, true);
  else if (!failed.isLoadable) revert(transition, failed, false);
}

function revert(
  transition: Transition,
  why: { readonly code: RefusalCode; readonly message: string },
  isFinal: boolean,
): void {
  const { slots } = transition.state.kept;
  const { bundled } = transition.context.settings;
  const from = slots.active.version;
  // The floor binds what the hub may ask for; what came with the app is the last resort whatever its epoch.
  const to =
    slots.previousGood !== null &&
    slots.previousGood.version !== from &&
    slots.previousGood.securityEpoch >= slots.floor.securityEpoch
      ? slots.previousGood
      : bundled;
  const wanted = wantedTarget(transition);
  const isWanted = wanted?.version === from;
  const after = {
    ...slots,
    active: to,
    bake: null,
    previousGood: to.version === bundled.version ? null : bundled,
    good: isFinal ? slots.good.filter((version) => version !== from) : slots.good,
    epoch: slots.epoch + 1,
    fate: "park" as const,
  };
  keep(transition, {
    slots:
      !isFinal && isWanted && after.decision !== null
        ? { ...after, decision: { ...after.decision, isSettled: false } }
        : settled(after),
  });
  change(transition, { standby: null });
  noteRefusal(transition, "version", why);
  tell(transition, "reverted", {
    scope: "shared",
    from,
    to: to.version,
    code: why.code,
    message: why.message,
  });
  if (slots.decision !== null) {
    queueReceipt(transition, {
      decisionSequence: slots.decision.value.decisionSequence,
      outcome: "reverted",
      code: why.code,
      message: why.message,
    });
  }
}

/**
 * The runtime has started. A bake starts again with it, because a version that brings the app down must not become good by
 * waiting; when it did so too often, it is left.
 */
export function slotsStarted(transition: Transition): void {
  followBundle(transition);
  const { slots } = transition.state.kept;
  if (slots.bake === null) return;
  const startCount = slots.bake.startCount + 1;
  if (startCount > BAKE_STARTS_MAX) {
    revert(
      transition,
      {
        code: "model.not_loadable",
        message: `${shortVersion(transition.context.settings.line, slots.active.version)} did not survive ${BAKE_STARTS_MAX} starts while it baked`,
      },
      true,
    );
    return;
  }
  keep(transition, {
    slots: {
      ...slots,
      bake: {
        ...slots.bake,
        startCount,
        untilMs: transition.context.nowMs + slots.bake.bakeMs,
      },
    },
  });
}

/** The app came with another package than at the last start: where the old one was, the new one is. */
function followBundle(transition: Transition): void {
  const { slots } = transition.state.kept;
  const { bundled } = transition.context.settings;
  const isStale = (version: SlotVersion | null): boolean =>
    version?.source === "bundled" && version.version !== bundled.version;
  if (!isStale(slots.active) && !isStale(slots.previousGood)) return;
  const isReplaced = isStale(slots.active);
  keep(transition, {
    slots: {
      ...slots,
      active: isReplaced ? bundled : slots.active,
      previousGood: isStale(slots.previousGood) ? bundled : slots.previousGood,
      good: [...slots.good, bundled.version].slice(-GOOD_VERSIONS_MAX),
      ...(isReplaced ? { epoch: slots.epoch + 1, fate: "refit" as const } : {}),
    },
  });
}

/** The runtime stops as it should: this start does not count against a version that bakes. */
export function slotsStopped(transition: Transition): void {
  const { slots } = transition.state.kept;
  if (slots.bake === null) return;
  keep(transition, { slots: { ...slots, bake: { ...slots.bake, startCount: 0 } } });
}

/** When the slots need to be looked at again. */
export function slotsDeadlineMs(state: DeviceState): number | null {
  const standbyMs = preparationDeadlineMs(state.standby);
  const bakeMs = state.kept.slots.bake?.untilMs ?? null;
  if (standbyMs === null) return bakeMs;
  return bakeMs === null ? standbyMs : Math.min(standbyMs, bakeMs);
}

/** The first slots of a device: what came with the app. */
export function firstSlots(bundled: SlotVersion): SlotState {
  return {
    active: bundled,
    bake: null,
    previousGood: null,
    good: [bundled.version],
    floor: { decisionSequence: 0, securityEpoch: bundled.securityEpoch },
    decision: null,
    refusedDecisions: [],
    epoch: 1,
    fate: "keep",
  };
}
