// The router of a device's machines: one event in, the next state out, with what should be going on now. It must not do anything.
import { assertDefect } from "@attune/protocol";
import { type Effect, pendingEffects } from "./effects.ts";
import type { CoreEvent } from "./events.ts";
import {
  alarmRaised,
  answersCounted,
  dataQuarantined,
  featuresDrifted,
  rulesBroken,
  userErased,
  userOpened,
} from "./learning/users.ts";
import type { Notice } from "./notices.ts";
import { withdraw } from "./outbox/withdraw.ts";
import {
  bakeDeadlineMs,
  settleBake,
  slotsStarted,
  slotsStopped,
  versionFailed,
} from "./slots/slots.ts";
import type { DeviceState } from "./state.ts";
import { type CoreContext, keep, noteRefusal, type Transition } from "./transition.ts";

/** What one step gives. */
export interface Step {
  readonly state: DeviceState;
  /** Everything that should be going on now: what has a new id is started, what is not named any more is stopped. */
  readonly effects: readonly Effect[];
  /** What the app is told, once the state is on disk. */
  readonly notices: readonly Notice[];
  /** When to come back with `ticked` if nothing happens before; null for never. Always later than the step's own time. */
  readonly deadlineMs: number | null;
}

/** Rounds in which machines react to each other; each reaction moves a machine forward, and no chain of them is longer. */
const SETTLE_ROUNDS_MAX = 32;

/**
 * Takes one step. Pure: the same state, event and context give the same result.
 *
 * The caller makes the state durable before it acts on the rest.
 */
export function step(state: DeviceState, event: CoreEvent, context: CoreContext): Step {
  const transition: Transition = { state, context, notices: [] };
  handle(transition, event);
  settle(transition);
  return {
    state: transition.state,
    effects: pendingEffects(transition.state, context),
    notices: transition.notices,
    deadlineMs: nextDeadlineMs(transition),
  };
}

function handle(transition: Transition, event: CoreEvent): void {
  switch (event.type) {
    case "started":
      slotsStarted(transition);
      return;
    case "stopped":
      slotsStopped(transition);
      return;
    case "ticked":
      return;
    case "consentSet":
      keep(transition, { consent: { contribute: event.contribute } });
      if (!event.contribute) withdraw(transition, ({ kind }) => kind === "contribution");
      return;
    case "userLost":
      noteRefusal(transition, "storage", { code: "store.journal_corrupt", message: event.reason });
      return;
    case "partMissing":
      noteRefusal(transition, "code", { code: event.code, message: event.reason });
      return;
    case "messageLost":
      withdraw(transition, ({ digest }) => digest === event.digest);
      return;
    case "versionFailed":
      versionFailed(transition, event);
      return;
    case "userOpened":
      userOpened(transition, event.user);
      return;
    case "answersCounted":
      answersCounted(transition, event.user, event.counts);
      return;
    case "alarmRaised":
      alarmRaised(transition, event.user, event.alarms);
      return;
    case "featuresDrifted":
      featuresDrifted(transition, event.user, event.alarm);
      return;
    case "dataQuarantined":
      dataQuarantined(transition, event.user, event.finding);
      return;
    case "rulesBroken":
      rulesBroken(transition, event.user, event.violations);
      return;
    case "eraseRequested":
      userErased(transition, event.user);
      return;
    case "userWiped":
      keep(transition, {
        erasing: transition.state.kept.erasing.filter((user) => user !== event.user),
      });
      return;
    case "feedbackScored":
    case "sliceTrained":
    case "jobFinished":
    case "jobFailed":
    case "layerRebased":
    case "layerFailed":
    case "contributionBuilt":
    case "contributionWithheld":
    case "contributionFailed":
      transition.context.settings.learning?.handle(transition, event);
      return;
    default:
      transition.context.settings.hub?.machines.handle(transition, event);
  }
}

function settle(transition: Transition): void {
  const { settings } = transition.context;
  for (let round = 0; round < SETTLE_ROUNDS_MAX; round += 1) {
    const before = transition.state;
    settings.hub?.machines.settleVersions(transition);
    settleBake(transition);
    settings.hub?.machines.settleComparison(transition);
    for (const user of Object.keys(transition.state.users)) {
      settings.learning?.settleUser(transition, user);
    }
    settings.hub?.machines.settleMessages(transition);
    if (transition.state === before) return;
  }
  assertDefect(false, "machine.unsettled", "the machines go round in circles");
}

function nextDeadlineMs(transition: Transition): number | null {
  const { state, context } = transition;
  const deadlines = [
    bakeDeadlineMs(state),
    ...(context.settings.hub?.machines.deadlinesMs(transition) ?? []),
    ...Object.keys(state.users).map(
      (user) => context.settings.learning?.deadlineMs(transition, user) ?? null,
    ),
  ].filter((deadline) => deadline !== null);
  return deadlines.length === 0 ? null : Math.min(...deadlines);
}
