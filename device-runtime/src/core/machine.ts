// The router of a device's machines: one event in, the next state out, with what should be going on now. It must not do anything.
import { assertDefect } from "@attune/protocol";
import { type Effect, pendingEffects } from "./effects.ts";
import { assignmentArrived, enrolmentReplied, trustRootArrived } from "./enrolment/enrolment.ts";
import type { CoreEvent, MessageChannel } from "./events.ts";
import { contributionPostponed } from "./learning/contributionPostponed.ts";
import {
  alarmRaised,
  answersCounted,
  contributionBuilt,
  contributionFailed,
  contributionWithheld,
  dataQuarantined,
  featuresDrifted,
  feedbackScored,
  jobFailed,
  jobFinished,
  layerFailed,
  layerRebased,
  rulesBroken,
  settleUser,
  sliceTrained,
  userDeadlineMs,
  userErased,
  userOpened,
} from "./learning/learning.ts";
import { linkClosed, linkDeadlineMs, linkOpened, settleLink } from "./link/link.ts";
import type { Notice } from "./notices.ts";
import {
  outboxDeadlineMs,
  published,
  publishFailed,
  receiptArrived,
  settleOutbox,
  withdraw,
} from "./outbox/outbox.ts";
import {
  driftSeen,
  reportDeadlineMs,
  reportFailed,
  reportPublished,
  reserveWill,
  settleReport,
} from "./outbox/report.ts";
import { pairsScored, settleComparison } from "./slots/comparison.ts";
import {
  partsFetched,
  preparationDeadlineMs,
  preparationFailed,
  preparationRefused,
  recordFetched,
  settlePreparation,
  versionLoaded,
} from "./slots/preparation.ts";
import type { Preparation } from "./slots/slotState.ts";
import {
  decisionArrived,
  settleSlots,
  slotsDeadlineMs,
  slotsStarted,
  slotsStopped,
  versionFailed,
} from "./slots/slots.ts";
import type { DeviceState } from "./state.ts";
import { type CoreContext, change, keep, noteRefusal, type Transition } from "./transition.ts";

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
    case "linkOpened":
      linkOpened(transition, event.serial);
      wake(transition);
      return;
    case "linkClosed":
      linkClosed(transition, event);
      return;
    case "enrolmentReplied":
      enrolmentReplied(transition, event.bytes);
      return;
    case "messageArrived":
      messageArrived(transition, event.channel, event.bytes);
      return;
    case "published":
      published(transition, event.digest, event.attempt);
      return;
    case "publishFailed":
      publishFailed(transition, event.digest, event.attempt);
      return;
    case "messageLost":
      withdraw(transition, ({ digest }) => digest === event.digest);
      return;
    case "reportPublished":
      reportPublished(transition, event.sequence);
      return;
    case "reportFailed":
      reportFailed(transition, event.sequence);
      return;
    case "recordFetched":
      prepare(transition, event.serial, (one) => {
        const { enrolment } = transition.state.kept;
        return enrolment.phase === "enrolled"
          ? recordFetched(one, event.bytes, enrolment.trustRoot, transition.context)
          : one;
      });
      return;
    case "partsFetched":
      prepare(transition, event.serial, (one) =>
        partsFetched(one, event.parts, transition.context.nowMs),
      );
      return;
    case "versionLoaded":
      prepare(transition, event.serial, versionLoaded);
      return;
    case "preparationFailed":
      prepare(transition, event.serial, (one) =>
        preparationFailed(one, event.reason, transition.context),
      );
      return;
    case "preparationRefused":
      prepare(transition, event.serial, (one) => preparationRefused(one, event.refusal));
      return;
    case "versionFailed":
      versionFailed(transition, event);
      return;
    case "pairsScored":
      pairsScored(transition, event);
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
    case "driftSeen":
      driftSeen(transition, event.drift);
      return;
    case "dataQuarantined":
      dataQuarantined(transition, event.user, event.finding);
      return;
    case "rulesBroken":
      rulesBroken(transition, event.user, event.violations);
      return;
    case "feedbackScored":
      feedbackScored(transition, event.user, event.scored);
      return;
    case "sliceTrained":
      sliceTrained(transition, event.user, event.jobIndex, event.stepsKept);
      return;
    case "jobFinished":
      jobFinished(transition, event.user, event);
      return;
    case "jobFailed":
      jobFailed(transition, event.user, event.jobIndex, event.reason, event.isFinal);
      return;
    case "layerRebased":
      layerRebased(transition, event.user, event.epoch, event.layer, event.reason);
      return;
    case "layerFailed":
      layerFailed(transition, event.user, event.digest, event.reason);
      return;
    case "contributionBuilt":
      contributionBuilt(transition, event.user, event);
      return;
    case "contributionWithheld":
      contributionWithheld(transition, event.user, event.layer, event.reason);
      return;
    case "contributionFailed":
      contributionFailed(transition, event.user, event.layer, event.reason);
      return;
    case "eraseRequested":
      userErased(transition, event.user);
      return;
    case "userWiped":
      keep(transition, {
        erasing: transition.state.kept.erasing.filter((user) => user !== event.user),
      });
  }
}

function messageArrived(transition: Transition, channel: MessageChannel, bytes: Uint8Array): void {
  switch (channel) {
    case "receipt":
      for (const { user, layer, code } of receiptArrived(transition, bytes)) {
        contributionPostponed(transition, user, layer, code);
      }
      return;
    case "assignment":
      assignmentArrived(transition, bytes);
      return;
    case "decision":
      decisionArrived(transition, bytes);
      return;
    case "trustRoot":
      trustRootArrived(transition, bytes);
  }
}

/** Applies a result to the preparation that it belongs to; results of older ones are dropped. */
function prepare(
  transition: Transition,
  serial: number,
  update: (preparation: Preparation) => Preparation,
): void {
  const { standby, shadow } = transition.state;
  if (standby?.serial === serial) change(transition, { standby: update(standby) });
  if (shadow?.serial !== serial) return;
  const after = update(shadow);
  change(transition, { shadow: after });
  // A standby version's refusal is told with its receipt; one that only runs in shadow has none.
  if (after.refusal !== null && shadow.refusal === null) {
    noteRefusal(transition, "version", after.refusal);
  }
}

/** The connection is back: what waits for it need not wait longer. */
function wake(transition: Transition): void {
  const { standby, shadow } = transition.state;
  const { context } = transition;
  change(transition, {
    standby: standby === null ? null : settlePreparation(standby, context, true),
    shadow: shadow === null ? null : settlePreparation(shadow, context, true),
  });
}

function settle(transition: Transition): void {
  for (let round = 0; round < SETTLE_ROUNDS_MAX; round += 1) {
    const before = transition.state;
    const linkBefore = before.link;
    settleLink(transition);
    const { link } = transition.state;
    if (link !== linkBefore && link.phase === "connecting" && link.purpose === "device") {
      reserveWill(transition);
    }
    settlePreparations(transition);
    settleSlots(transition);
    settleComparison(transition);
    for (const user of Object.keys(transition.state.users)) settleUser(transition, user);
    settleOutbox(transition);
    settleReport(transition);
    if (transition.state === before) return;
  }
  assertDefect(false, "machine.unsettled", "the machines go round in circles");
}

function settlePreparations(transition: Transition): void {
  const { standby, shadow } = transition.state;
  const after = {
    standby: standby === null ? null : settlePreparation(standby, transition.context, false),
    shadow: shadow === null ? null : settlePreparation(shadow, transition.context, false),
  };
  if (after.standby !== standby || after.shadow !== shadow) change(transition, after);
}

function nextDeadlineMs(transition: Transition): number | null {
  const { state, context } = transition;
  const deadlines = [
    linkDeadlineMs(state),
    slotsDeadlineMs(state),
    preparationDeadlineMs(state.shadow),
    outboxDeadlineMs(state, context.nowMs),
    reportDeadlineMs(transition),
    ...Object.keys(state.users).map((user) => userDeadlineMs(transition, user)),
  ].filter((deadline) => deadline !== null);
  return deadlines.length === 0 ? null : Math.min(...deadlines);
}
