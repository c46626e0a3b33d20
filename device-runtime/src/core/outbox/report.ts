// The metrics report: on change, not more often than the package says, cumulative. It must not count anything itself.
import type {
  DecisionSequence,
  DriftReport,
  EpochMs,
  PairedReport,
  Report,
} from "@attune/protocol";
import { REASON_LENGTH_MAX } from "@attune/protocol";
import { PUBLISH_DEADLINE_MS } from "../limits.ts";
import { pairedReports } from "../slots/comparison.ts";
import { type DeviceState, deviceCounts } from "../state.ts";
import { stateLine } from "../stateLine.ts";
import { change, keep, type Transition } from "../transition.ts";

/** The report that would be sent now, less its sequence and time. */
function content(state: DeviceState): Omit<Report, "device" | "line" | "reportSequence" | "atMs"> {
  const users = Object.values(state.users);
  const { slots } = state.kept;
  const { drift } = state.reporting;
  const paired: readonly PairedReport[] = pairedReports(state.kept.comparison);
  return {
    active: slots.active.version,
    personalUsers: users.filter(({ guard }) => guard.serving === "personal").length,
    users: users.length,
    decisionSequence: slots.floor.decisionSequence as DecisionSequence,
    counts: deviceCounts(state),
    paired,
    state: stateLine(state).slice(0, REASON_LENGTH_MAX),
    ...(drift === null ? {} : { drift }),
  };
}

/** The users' monitors have been looked at. */
export function driftSeen(transition: Transition, drift: DriftReport): void {
  change(transition, { reporting: { ...transition.state.reporting, drift } });
}

/** Takes the next sequence and makes a whole report; null when not enrolled. */
function makeReport(transition: Transition, now: ReturnType<typeof content>): Report | null {
  const { state, context } = transition;
  const { enrolment, report } = state.kept;
  if (enrolment.phase !== "enrolled") return null;
  const reportSequence = report.sequence + 1;
  keep(transition, { report: { sequence: reportSequence } });
  return {
    device: enrolment.device,
    line: context.settings.line,
    reportSequence,
    atMs: Math.trunc(context.nowMs) as EpochMs,
    ...now,
  };
}

/**
 * Makes the report that the broker sends when the connection breaks. Its sequence is lower than that of every report sent over
 * this connection, so its counts never replace newer ones; that it arrives is what it says.
 */
export function reserveWill(transition: Transition): void {
  const will = makeReport(transition, { ...content(transition.state), state: "offline" });
  change(transition, {
    reporting: {
      ...transition.state.reporting,
      will,
      lastContent: null,
      lastSentMs: null,
      sending: null,
    },
  });
}

/** The broker has the report. */
export function reportPublished(transition: Transition, reportSequence: number): void {
  const { reporting } = transition.state;
  if (reporting.sending?.report.reportSequence !== reportSequence) return;
  change(transition, {
    reporting: {
      ...reporting,
      lastContent: reporting.sending.content,
      lastSentMs: transition.context.nowMs,
      sending: null,
    },
  });
}

/** The report did not reach the broker: the next one says the same and more. */
export function reportFailed(transition: Transition, reportSequence: number): void {
  const { reporting } = transition.state;
  if (reporting.sending?.report.reportSequence !== reportSequence) return;
  change(transition, {
    reporting: { ...reporting, lastSentMs: transition.context.nowMs, sending: null },
  });
}

/** Sends a report when something has changed and the interval has passed. */
export function settleReport(transition: Transition): void {
  const { state, context } = transition;
  const { reporting, link } = state;
  if (link.phase !== "online" || link.purpose !== "device") {
    if (reporting.sending !== null) {
      change(transition, { reporting: { ...reporting, sending: null } });
    }
    return;
  }
  if (reporting.sending !== null) {
    if (context.nowMs >= reporting.sending.untilMs) {
      reportFailed(transition, reporting.sending.report.reportSequence);
    }
    return;
  }
  if (context.nowMs < reportDueMs(transition)) return;
  const now = content(state);
  const text = JSON.stringify(now);
  if (text === reporting.lastContent) return;
  const report = makeReport(transition, now);
  if (report === null) return;
  change(transition, {
    reporting: {
      ...transition.state.reporting,
      sending: { report, content: text, untilMs: context.nowMs + PUBLISH_DEADLINE_MS },
    },
  });
}

function reportDueMs({ state, context }: Transition): number {
  const { lastSentMs } = state.reporting;
  return lastSentMs === null ? 0 : lastSentMs + context.learning.limits.reportIntervalMs;
}

/** When a report may be sent that may not be sent yet. */
export function reportDeadlineMs(transition: Transition): number | null {
  const { link, reporting } = transition.state;
  if (link.phase !== "online" || link.purpose !== "device") return null;
  if (reporting.sending !== null) return reporting.sending.untilMs;
  const dueMs = reportDueMs(transition);
  if (dueMs <= transition.context.nowMs) return null;
  return JSON.stringify(content(transition.state)) === reporting.lastContent ? null : dueMs;
}
