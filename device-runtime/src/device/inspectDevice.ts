// The device's state as a person reads it. It must not tell a secret, nor change anything.
import { type EpochMs, isTrustRootExpired, type LineId } from "@attune/protocol";
import type { LearningMachines } from "../core/learning/learningMachines.ts";
import type { SlotVersion } from "../core/slots/slotState.ts";
import { type DeviceState, deviceCounts } from "../core/state.ts";
import { stateLine } from "../core/stateLine.ts";
import type { HubSettings } from "../core/transition.ts";
import { inseparableFrom } from "../package/leaveOneOut.ts";
import type { ModelPackage } from "../package/modelPackage.ts";
import type { DeviceInspection, InspectedSlot, InspectedUser } from "./device.ts";
import type { OpenUsers } from "./openUsers.ts";
import type { UserSession } from "./userSession.ts";

/** What an inspection looks at. */
export interface InspectionParts {
  readonly state: DeviceState;
  /** Null while what speaks with a hub is not here. */
  readonly hub: HubSettings | null;
  /** Null while what learns is not here. */
  readonly learning: LearningMachines | null;
  readonly line: LineId;
  readonly modelPackage: ModelPackage;
  readonly nowMs: number;
  readonly users: Pick<OpenUsers, "all" | "names" | "drift">;
  readonly fileCount: number;
  readonly storageFault: string | null;
}

const slot = ({ version, generation, securityEpoch, source }: SlotVersion): InspectedSlot => ({
  version,
  generation,
  securityEpoch,
  source,
});

function inspectLink({ link }: DeviceState): DeviceInspection["link"] {
  switch (link.phase) {
    case "off":
      return { state: "off", reason: link.reason, sinceMs: link.sinceMs, nextTryMs: null };
    case "offline":
      return {
        state: link.isStuck ? "stuck" : "offline",
        reason: link.reason,
        sinceMs: link.sinceMs,
        nextTryMs: link.retryAtMs,
      };
    case "connecting":
    case "online":
      return { state: link.phase, reason: link.purpose, sinceMs: link.sinceMs, nextTryMs: null };
  }
}

function inspectEnrolment({ state, hub }: InspectionParts): DeviceInspection["enrolment"] {
  const { kept, link, enrolmentProgress } = state;
  const { refusal } = enrolmentProgress;
  if (kept.enrolment.phase === "enrolled") {
    const refused = hub?.machines.refusedWords(state, hub) ?? null;
    if (refused === null) return { state: "enrolled", waiting: null, code: null };
    const answer = refusal === null ? "" : `; last answer: ${refusal.message}`;
    return {
      state: "enrolled",
      waiting: `${refused}${answer}`,
      code: refusal?.code ?? "device.unknown",
    };
  }
  if (refusal !== null) return { state: "refused", waiting: refusal.message, code: refusal.code };
  if (link.phase === "off") return { state: "none", waiting: link.reason, code: null };
  return {
    state: "enrolling",
    waiting: link.phase === "online" ? "the hub's reply" : "a connection to the hub",
    code: null,
  };
}

function inspectUser(
  parts: InspectionParts,
  user: string,
  session: UserSession,
): InspectedUser | null {
  const state = parts.state.users[user];
  if (state === undefined) return null;
  const {
    modelPackage: { learning },
    nowMs,
  } = parts;
  const machines = parts.learning;
  return {
    user,
    name: parts.users.names.get(user) ?? null,
    serving:
      state.guard.serving === "personal" &&
      state.layer?.base === parts.state.kept.slots.active.version
        ? "personal"
        : "shared",
    counts: { ...state.counts, ...session.answered },
    pending: session.pendingCount,
    replay: {
      count: session.replay.count,
      capacity: session.replay.capacity,
      bytes: session.replay.bytes,
      labelCounts: [...session.replay.labelCounts()],
    },
    holdout: { count: session.holdout.count },
    monitor: session.monitors.report(),
    checks: session.checks.report(),
    trigger: machines?.outlook(state, learning, nowMs) ?? {
      action: "none",
      because: "",
      waiting: ["waiting: what learns is not loaded yet"],
      stepsLeft: learning.trigger.budget.stepsPerDayMax,
    },
    job:
      state.job === null
        ? null
        : {
            jobIndex: state.job.jobIndex,
            because: state.job.because,
            stepsKept: state.job.stepsKept,
            stepCount: state.job.plan.stepCount,
            waiting: state.job.waiting,
          },
    challenger:
      state.challenger === null
        ? null
        : { jobIndex: state.challenger.jobIndex, digest: state.challenger.digest },
    layer:
      state.layer === null
        ? null
        : { jobIndex: state.layer.jobIndex, digest: state.layer.digest, base: state.layer.base },
    guard: machines?.trials(state, learning) ?? [],
    verdicts: state.verdicts,
    lastTraining: state.lastTraining,
    parked: state.parked.map(({ layer }) => ({ base: layer.base, jobIndex: layer.jobIndex })),
    contribution: state.contributionNote,
  };
}

function inspectInseparable({
  preprocessing: { labels },
  calibration: { ood },
}: ModelPackage): DeviceInspection["inseparableFrom"] {
  const named = labels.flatMap((label, index) => {
    const others = inseparableFrom(ood.leaveOneOut, index).map((other) => labels[other] as string);
    return others.length === 0 ? [] : [[label, others] as const];
  });
  return Object.fromEntries(named);
}

function inspectOutbox(state: DeviceState): DeviceInspection["outbox"] {
  const { outbox } = state.kept;
  const entries = outbox.entries.map(({ kind, digest, bytes, createdAtMs }) => {
    const sending = state.sending[digest];
    const isOnline = state.link.phase === "online" && state.link.purpose === "device";
    return {
      kind,
      digest,
      bytes,
      createdAtMs,
      attempts: sending?.attempt ?? 0,
      nextTryMs: isOnline && sending !== undefined ? sending.untilMs : null,
      waiting: !isOnline
        ? "a connection to the hub"
        : sending?.phase === "publishing"
          ? "the broker's confirmation"
          : sending?.phase === "awaiting"
            ? "the hub's receipt"
            : "its turn",
    };
  });
  return {
    entries,
    bytes: entries.reduce((sum, { bytes }) => sum + bytes, 0),
    dropped: outbox.droppedCount,
    settled: outbox.settled,
  };
}

/** Makes an inspection. */
export function inspectDevice(parts: InspectionParts): DeviceInspection {
  const { state, line, users } = parts;
  const { enrolment, slots, comparison, consent, refusals } = state.kept;
  const { standby, shadow } = state;
  const { current, past } = comparison;
  const isEnrolled = enrolment.phase === "enrolled";
  return {
    device: isEnrolled ? enrolment.device : null,
    fleet: isEnrolled ? enrolment.fleet : null,
    line,
    cohort: isEnrolled ? enrolment.cohort : null,
    enrolment: inspectEnrolment(parts),
    trustRoot: isEnrolled
      ? {
          version: enrolment.trustRoot.version,
          isDemo: enrolment.trustRoot.isDemo,
          isExpired: isTrustRootExpired(enrolment.trustRoot, parts.nowMs as EpochMs),
        }
      : null,
    link: inspectLink(state),
    contribute: consent.contribute,
    slots: {
      active: {
        ...slot(slots.active),
        isBaking: slots.bake !== null,
        bakeUntilMs: slots.bake?.untilMs ?? null,
      },
      previousGood: slots.previousGood === null ? null : slot(slots.previousGood),
      standby:
        standby === null || standby.source.kind !== "release"
          ? null
          : {
              version: standby.source.target.version,
              phase: standby.phase,
              attempts: standby.attempt,
              waiting: standby.waiting,
            },
      floor: slots.floor,
      decision:
        slots.decision === null
          ? null
          : {
              decisionSequence: slots.decision.value.decisionSequence,
              action: slots.decision.value.action,
              reason: slots.decision.value.reason,
              isSettled: slots.decision.isSettled,
            },
    },
    comparisons: [
      ...past.map(({ champion, challenger, n, wins, losses }) => ({
        champion,
        challenger,
        n,
        wins,
        losses,
        state: "over" as const,
      })),
      ...(current === null
        ? []
        : [
            {
              champion: current.champion,
              challenger: current.challenger,
              n: current.n,
              wins: current.wins,
              losses: current.losses,
              state:
                current.phase !== "full" && shadow?.phase !== "ready"
                  ? ("preparing" as const)
                  : current.phase,
            },
          ]),
    ],
    users: [...users.all].flatMap(([user, { session }]) => inspectUser(parts, user, session) ?? []),
    outbox: inspectOutbox(state),
    refusals,
    inseparableFrom: inspectInseparable(parts.modelPackage),
    counts: deviceCounts(state),
    drift: users.drift(),
    storage: { files: parts.fileCount, fault: parts.storageFault },
    state: stateLine(state),
  };
}
