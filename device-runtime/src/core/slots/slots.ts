// The slots' machine: active, bake, back again. What a hub decides comes from elsewhere. It must not fetch or load anything.
import { type RefusalCode, shortVersion } from "@attune/protocol";
import { BAKE_STARTS_MAX, GOOD_VERSIONS_MAX } from "../limits.ts";
import { oweReceipt } from "../outbox/oweReceipt.ts";
import type { DeviceState } from "../state.ts";
import { change, keep, noteRefusal, type Transition, tell } from "../transition.ts";
import type { SlotState, SlotVersion } from "./slotState.ts";

/** Slots whose decision is done with: nothing more happens for it. */
export function settled(slots: SlotState): SlotState {
  return slots.decision === null
    ? slots
    : { ...slots, decision: { ...slots.decision, isSettled: true } };
}

/** A bake that lasted is over. */
export function settleBake(transition: Transition): void {
  const { bake } = transition.state.kept.slots;
  if (bake !== null && transition.context.nowMs >= bake.untilMs) bakeDone(transition);
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
    oweReceipt(transition, {
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
  const isWanted = isAskedFor(transition, from);
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
    oweReceipt(transition, {
      decisionSequence: slots.decision.value.decisionSequence,
      outcome: "reverted",
      code: why.code,
      message: why.message,
    });
  }
}

/** Whether the newest decision asks for a version: by what it names alone, while nobody is here who could tell which device it means. */
function isAskedFor(transition: Transition, version: string): boolean {
  const { hub } = transition.context.settings;
  if (hub !== null) return hub.machines.wantedTarget(transition)?.version === version;
  const decision = transition.state.kept.slots.decision?.value;
  return [decision?.champion, decision?.rollout?.target].some((one) => one?.version === version);
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
export function bakeDeadlineMs(state: DeviceState): number | null {
  return state.kept.slots.bake?.untilMs ?? null;
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
