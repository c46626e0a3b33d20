// The whole state of a device's machines, and which of it is kept on disk. It must not decide anything.
import type { ReportCounts } from "@attune/protocol";
import type { EnrolmentProgress, EnrolmentState } from "./enrolment/enrolmentState.ts";
import type { UserState } from "./learning/userState.ts";
import type { LinkState } from "./link/linkState.ts";
import type { OutboxState, Sending } from "./outbox/outboxState.ts";
import type { Reporting, ReportState } from "./outbox/reportState.ts";
import type { ComparisonState } from "./slots/comparisonState.ts";
import type { Preparation, SlotState } from "./slots/slotState.ts";

/** What a refusal was about. */
export type RefusalSubject =
  | "decision"
  | "record"
  | "blob"
  | "version"
  | "assignment"
  | "trustRoot"
  | "receipt"
  | "contribution"
  | "enrolment"
  | "code"
  | "storage";

/** A refusal that a person may want to see. */
export interface RefusalNote {
  readonly atMs: number;
  readonly about: RefusalSubject;
  /** A refusal code, also one that this version does not know. */
  readonly code: string;
  readonly message: string;
}

/** Consent to contribute: a setting of its own, apart from connectivity. */
export interface ConsentState {
  readonly contribute: boolean;
}

/** What a run of the runtime needs of those before it. */
export interface RunState {
  /** Starts so far: a prediction's id names the run, so that an id which a cut has forgotten is never given again. */
  readonly count: number;
  /** Seed of everything that is drawn. */
  readonly seed: string;
}

/**
 * What is kept of the device itself. Each slice is written whole when it changes, so that a cut shows it before or after.
 */
export interface KeptState {
  readonly runs: RunState;
  readonly enrolment: EnrolmentState;
  readonly slots: SlotState;
  readonly comparison: ComparisonState;
  readonly outbox: OutboxState;
  readonly report: ReportState;
  readonly consent: ConsentState;
  /** Counts of users who were erased, so that the device's own counts never fall. */
  readonly erasedCounts: ReportCounts;
  /** Users whose bytes are still to be wiped. */
  readonly erasing: readonly string[];
  readonly refusals: readonly RefusalNote[];
}

/** Name of a slice of {@link KeptState}. */
export type KeptSlice = keyof KeptState;

/** Everything. Users are kept too, each in a journal of their own. */
export interface DeviceState {
  readonly kept: KeptState;
  readonly users: Readonly<Record<string, UserState>>;
  readonly link: LinkState;
  readonly enrolmentProgress: EnrolmentProgress;
  readonly sending: Readonly<Record<string, Sending>>;
  readonly reporting: Reporting;
  /** The version on its way to the active slot. */
  readonly standby: Preparation | null;
  /** The version on its way to run in shadow, or running. */
  readonly shadow: Preparation | null;
  /** The last serial that a preparation was given. */
  readonly preparationSerial: number;
}

/** No counts at all. */
export const noCounts: ReportCounts = {
  predictions: 0,
  feedback: 0,
  correct: 0,
  outliers: 0,
  alarms: 0,
  trainings: 0,
  trainingSteps: 0,
  adopted: 0,
  dropped: 0,
  reverted: 0,
  contributions: 0,
};

/** Element-wise sum of counts. */
export function addCounts(a: ReportCounts, b: ReportCounts): ReportCounts {
  return {
    predictions: a.predictions + b.predictions,
    feedback: a.feedback + b.feedback,
    correct: a.correct + b.correct,
    outliers: a.outliers + b.outliers,
    alarms: a.alarms + b.alarms,
    trainings: a.trainings + b.trainings,
    trainingSteps: a.trainingSteps + b.trainingSteps,
    adopted: a.adopted + b.adopted,
    dropped: a.dropped + b.dropped,
    reverted: a.reverted + b.reverted,
    contributions: a.contributions + b.contributions,
  };
}

/** Counts over all users, erased ones included: cumulative since the device's first start. */
export function deviceCounts(state: DeviceState): ReportCounts {
  return Object.values(state.users).reduce(
    (sum, user) => addCounts(sum, user.counts),
    state.kept.erasedCounts,
  );
}
