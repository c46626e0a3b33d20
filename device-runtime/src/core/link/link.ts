// The connection's machine: when to try, when to give up, when it is stuck. It must not know what is sent.
import { checkDemoRoot } from "@attune/protocol";
import { backoffMs } from "../backoff.ts";
import { noEnrolmentProgress } from "../enrolment/enrolmentState.ts";
import { connectionRefused } from "../enrolment/renewal.ts";
import type { CoreEvent } from "../events.ts";
import {
  CONNECT_DEADLINE_MS,
  CONNECT_PAUSE_MS,
  CONNECT_PAUSE_MS_MAX,
  ENROLMENT_DEADLINE_MS,
  ENROLMENT_REFUSED_PAUSE_MS,
} from "../limits.ts";
import type { DeviceState } from "../state.ts";
import { change, hubOf, type Transition, tell } from "../transition.ts";
import type { LinkPurpose } from "./linkState.ts";

/** What a connection would be for now, or why there is none to be made. */
function purposeNow({
  state,
  context,
}: Transition): { readonly purpose: LinkPurpose } | { readonly off: string } {
  const { hasHub, isLoopback, token } = hubOf(context);
  const { enrolment } = state.kept;
  if (!hasHub) return { off: "no hub" };
  if (enrolment.phase === "enrolled") {
    // The hub's address may have changed since the enrolment.
    const demo = checkDemoRoot(enrolment.trustRoot, isLoopback);
    if (!demo.ok) return { off: demo.refusal.code };
    return { purpose: state.enrolmentProgress.renewal === null ? "device" : "enrol" };
  }
  return token === null ? { off: "no enrolment token" } : { purpose: "enrol" };
}

/** The connection `serial` stands, with its subscriptions. */
export function linkOpened(transition: Transition, serial: number): void {
  const { link } = transition.state;
  if (link.phase !== "connecting" || link.serial !== serial) return;
  const { nowMs } = transition.context;
  change(transition, {
    link: {
      phase: "online",
      purpose: link.purpose,
      serial,
      sinceMs: nowMs,
      deadlineMs: link.purpose === "enrol" ? nowMs + ENROLMENT_DEADLINE_MS : null,
    },
  });
  tell(transition, "link", { state: "online", reason: link.purpose });
  if (link.purpose === "device" && transition.state.enrolmentProgress.refusedCount > 0) {
    const { renewAtMs } = transition.state.enrolmentProgress;
    change(transition, { enrolmentProgress: { ...noEnrolmentProgress, renewAtMs } });
  }
}

/** The connection `serial` is gone, or was never made: `isRefused` when the broker would not have this name or password. */
export function linkClosed(
  transition: Transition,
  { serial, reason, isRefused }: Extract<CoreEvent, { readonly type: "linkClosed" }>,
): void {
  const { link } = transition.state;
  if ((link.phase !== "connecting" && link.phase !== "online") || link.serial !== serial) return;
  leaveLink(transition, { reason, isStuck: false });
  if (isRefused) connectionRefused(transition, link.purpose);
}

/**
 * Gives the present connection up and plans the next attempt: at once after an enrolment, late after a refused one, else with
 * growing pauses.
 */
export function leaveLink(
  transition: Transition,
  why: {
    readonly reason: string;
    readonly isStuck: boolean;
    readonly next?: "at once" | "refused";
  },
): void {
  const { link } = transition.state;
  const { nowMs, jitter } = transition.context;
  const attempt = link.phase === "connecting" ? link.attempt + 1 : 0;
  const pauseMs =
    why.next === "at once"
      ? 0
      : why.next === "refused"
        ? backoffMs(0, ENROLMENT_REFUSED_PAUSE_MS, ENROLMENT_REFUSED_PAUSE_MS, jitter)
        : backoffMs(attempt, CONNECT_PAUSE_MS, CONNECT_PAUSE_MS_MAX, jitter);
  change(transition, {
    link: {
      phase: "offline",
      reason: why.reason,
      isStuck: why.isStuck,
      sinceMs: nowMs,
      serial: link.serial,
      attempt,
      retryAtMs: nowMs + pauseMs,
    },
  });
  tell(transition, "link", { state: why.isStuck ? "stuck" : "offline", reason: why.reason });
  // Whatever came of it: the next attempt is with the credential that is here.
  const { enrolmentProgress } = transition.state;
  if (enrolmentProgress.renewal !== null && "purpose" in link && link.purpose === "enrol") {
    change(transition, { enrolmentProgress: { ...enrolmentProgress, renewal: null } });
  }
}

/** Moves the connection on as time and enrolment ask for. */
export function settleLink(transition: Transition): void {
  const { nowMs } = transition.context;
  const wanted = purposeNow(transition);
  const { link } = transition.state;
  if ("off" in wanted) {
    if (link.phase === "off" && link.reason === wanted.off) return;
    change(transition, {
      link: { phase: "off", reason: wanted.off, sinceMs: nowMs, serial: link.serial },
    });
    return;
  }
  const { purpose } = wanted;
  switch (link.phase) {
    case "off":
      connect(transition, purpose, 0);
      return;
    case "offline":
      if (nowMs >= link.retryAtMs) connect(transition, purpose, link.attempt);
      return;
    case "connecting":
      if (nowMs >= link.deadlineMs) {
        leaveLink(transition, {
          reason: `no connection within ${CONNECT_DEADLINE_MS} ms`,
          isStuck: false,
        });
      }
      return;
    case "online":
      if (link.purpose !== purpose) {
        leaveLink(transition, { reason: "enrolled", isStuck: false, next: "at once" });
        settleLink(transition);
      } else if (link.deadlineMs !== null && nowMs >= link.deadlineMs) {
        leaveLink(transition, {
          reason: `no reply to the enrolment within ${ENROLMENT_DEADLINE_MS} ms`,
          isStuck: true,
        });
      }
  }
}

function connect(transition: Transition, purpose: LinkPurpose, attempt: number): void {
  const { nowMs } = transition.context;
  const serial = transition.state.link.serial + 1;
  change(transition, {
    link: {
      phase: "connecting",
      purpose,
      serial,
      attempt,
      sinceMs: nowMs,
      deadlineMs: nowMs + CONNECT_DEADLINE_MS,
    },
  });
  tell(transition, "link", { state: "connecting", reason: purpose });
}

/** When the connection needs to be looked at again. */
export function linkDeadlineMs({ link }: DeviceState): number | null {
  switch (link.phase) {
    case "off":
      return null;
    case "offline":
      return link.retryAtMs;
    case "connecting":
    case "online":
      return link.deadlineMs;
  }
}
