// The machines of a device with a hub: connection, enrolment, versions on their way, comparison, messages. They load when an app gives a hub, so
// nothing that a device without one needs may be reached through here alone. They must not do anything.
import type { ReleaseTarget } from "@attune/protocol";
import type { Effect } from "../effects.ts";
import { assignmentArrived, enrolmentReplied, trustRootArrived } from "../enrolment/enrolment.ts";
import { refusedWords } from "../enrolment/renewal.ts";
import type { CoreEvent, MessageChannel } from "../events.ts";
import { contributionPostponed } from "../learning/contributionPostponed.ts";
import { linkClosed, linkDeadlineMs, linkOpened, settleLink } from "../link/link.ts";
import {
  outboxDeadlineMs,
  published,
  publishFailed,
  receiptArrived,
  settleOutbox,
  signReceipts,
} from "../outbox/outbox.ts";
import {
  driftSeen,
  reportDeadlineMs,
  reportFailed,
  reportPublished,
  reserveWill,
  settleReport,
} from "../outbox/report.ts";
import { pairsScored, settleComparison } from "../slots/comparison.ts";
import { decisionArrived, settleDecision, wantedTarget } from "../slots/decisions.ts";
import {
  partsFetched,
  preparationDeadlineMs,
  preparationFailed,
  preparationRefused,
  recordFetched,
  settlePreparation,
  versionLoaded,
} from "../slots/preparation.ts";
import type { Preparation } from "../slots/slotState.ts";
import type { DeviceState } from "../state.ts";
import {
  type CoreContext,
  change,
  type HubSettings,
  noteRefusal,
  type Transition,
} from "../transition.ts";
import { hubEffects } from "./hubEffects.ts";

/** What happens between a device and its hub. */
export type HubEvent = Extract<
  CoreEvent,
  {
    readonly type:
      | "linkOpened"
      | "linkClosed"
      | "enrolmentReplied"
      | "messageArrived"
      | "published"
      | "publishFailed"
      | "reportPublished"
      | "reportFailed"
      | "recordFetched"
      | "partsFetched"
      | "versionLoaded"
      | "preparationFailed"
      | "preparationRefused"
      | "pairsScored"
      | "driftSeen";
  }
>;

/** What the router needs of them. */
export interface HubMachines {
  handle(transition: Transition, event: HubEvent): void;
  /** Moves connection, preparations and the decision on. */
  settleVersions(transition: Transition): void;
  settleComparison(transition: Transition): void;
  /** Moves receipts, outbox and report on. */
  settleMessages(transition: Transition): void;
  deadlinesMs(transition: Transition): readonly (number | null)[];
  effects(state: DeviceState, context: CoreContext): readonly Effect[];
  /** What the newest decision asks this device to serve; null without one. */
  wantedTarget(transition: Transition): ReleaseTarget | null;
  /** What an enrolled device waits for that the broker keeps refusing, or null. */
  refusedWords(state: DeviceState, settings: HubSettings): string | null;
}

export const hubMachines: HubMachines = {
  handle,
  settleVersions(transition) {
    const linkBefore = transition.state.link;
    settleLink(transition);
    const { link } = transition.state;
    if (link !== linkBefore && link.phase === "connecting" && link.purpose === "device") {
      reserveWill(transition);
    }
    settlePreparations(transition);
    settleDecision(transition);
  },
  settleComparison,
  settleMessages(transition) {
    signReceipts(transition);
    settleOutbox(transition);
    settleReport(transition);
  },
  deadlinesMs: (transition) => [
    linkDeadlineMs(transition.state),
    preparationDeadlineMs(transition.state.standby),
    preparationDeadlineMs(transition.state.shadow),
    outboxDeadlineMs(transition.state, transition.context.nowMs),
    reportDeadlineMs(transition),
  ],
  effects: hubEffects,
  wantedTarget,
  refusedWords,
};

function handle(transition: Transition, event: HubEvent): void {
  switch (event.type) {
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
    case "pairsScored":
      pairsScored(transition, event);
      return;
    case "driftSeen":
      driftSeen(transition, event.drift);
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

function settlePreparations(transition: Transition): void {
  const { standby, shadow } = transition.state;
  const after = {
    standby: standby === null ? null : settlePreparation(standby, transition.context, false),
    shadow: shadow === null ? null : settlePreparation(shadow, transition.context, false),
  };
  if (after.standby !== standby || after.shadow !== shadow) change(transition, after);
}
