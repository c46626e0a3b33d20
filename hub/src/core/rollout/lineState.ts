// The persisted state of one model line: champion, cohorts, window, and the one challenger on its way. Plain data, JSON-safe.
import type {
  BlobRef,
  CohortId,
  DecisionAction,
  LineId,
  ModelVersion,
  PersonalFate,
} from "@attune/protocol";
import type { GateReport } from "../gate/gateCheck.ts";

/** What a cohort was last told, and whether a person holds it at a version. */
export interface CohortState {
  /** 0 before the first decision. */
  readonly decisionSequence: number;
  readonly action: DecisionAction | null;
  readonly reason: string;
  readonly pin: { readonly version: ModelVersion; readonly reason: string } | null;
}

/** The aggregation window that is open. */
export interface WindowState {
  readonly number: number;
  readonly openedAtMs: number;
  readonly deadlineAtMs: number;
}

/**
 * Where a challenger is. Every stage has a deadline in {@link Challenger.deadlineAtMs} and a decided outcome when it passes.
 *
 * - `preparing`: its parameters are being made or compared with the champion's
 * - `validating`: on the operator's validation set
 * - `shadowing`: on the devices, beside the champion, answering nobody
 * - `held`: not enough evidence, a person may decide
 * - `approving`: everything passed, a person has to say yes
 * - `signing`: waits for release keys
 * - `canary`, `spreading`: serves on some devices, on more
 * - `halted`: stopped by a person, never grows again
 */
export type ChallengerStage =
  | "preparing"
  | "validating"
  | "shadowing"
  | "held"
  | "approving"
  | "signing"
  | "canary"
  | "spreading"
  | "halted";

/** How far a signed challenger has spread. */
export interface RolloutProgress {
  readonly salt: string;
  /** 0 is the canary. */
  readonly stageIndex: number;
  readonly stageSinceMs: number;
  /** Devices whose canary hash is at most this serve it. */
  readonly threshold: number;
  /** Decisions from here on are this rollout's; receipts of older ones say nothing about it. */
  readonly firstSequence: number;
  /** The canary's deadline has passed without harm and without a bound within the margin. */
  readonly isHeld: boolean;
  /** A person said that a hold may go on. */
  readonly mayProceed: boolean;
}

/** The one version of a line that wants to become champion. */
export interface Challenger {
  /** Rises by one per challenger of a line; results of earlier ones are dropped by it. */
  readonly id: number;
  readonly source: "aggregate" | "imported";
  /** The window whose contributions it is made of; null when imported. */
  readonly window: number | null;
  /** Null until an aggregate has been made. */
  readonly version: ModelVersion | null;
  /** The champion when it began; null for the first version of a line. */
  readonly champion: ModelVersion | null;
  readonly securityEpoch: number;
  /** From the champion, for evaluation in shadow; null when it does not fit. */
  readonly delta: BlobRef | null;
  /**
   * What base and `delta` make: the version itself for an aggregate, its nearest int8 neighbour for an imported one. Devices
   * report their comparison under this name.
   */
  readonly shadowVersion: ModelVersion | null;
  /** Why there is no `delta`. */
  readonly deltaMissing: string;
  /** Euclidean norm of (challenger - champion); null when they cannot be subtracted. */
  readonly norm: number | null;
  readonly contributionCount: number;
  readonly stage: ChallengerStage;
  readonly sinceMs: number;
  readonly deadlineAtMs: number;
  readonly gate: GateReport;
  readonly signingRequest: string | null;
  readonly rollout: RolloutProgress | null;
}

/** An imported version that waits for its turn. */
export interface QueuedImport {
  readonly version: ModelVersion;
  readonly securityEpoch: number;
}

/** The state of one model line. */
export interface LineState {
  readonly line: LineId;
  readonly champion: ModelVersion | null;
  /** Highest security epoch of any champion so far: nothing below it is served again. */
  readonly securityEpoch: number;
  /** Highest that was given out. */
  readonly decisionSequence: number;
  readonly challengerCount: number;
  readonly cohorts: Readonly<Record<CohortId, CohortState>>;
  readonly window: WindowState;
  readonly challenger: Challenger | null;
  readonly queue: readonly QueuedImport[];
}

/** What one cohort is to be told; the shell turns versions into release targets and signs. */
export interface DecisionPlan {
  readonly cohort: CohortId;
  readonly decisionSequence: number;
  readonly action: DecisionAction;
  readonly champion: ModelVersion;
  readonly rollout: {
    readonly version: ModelVersion;
    readonly salt: string;
    readonly threshold: number;
  } | null;
  readonly shadow: {
    readonly version: ModelVersion;
    readonly base: ModelVersion;
    readonly delta: BlobRef;
    readonly salt: string;
    readonly threshold: number;
  } | null;
  readonly personal: PersonalFate;
  readonly bakeMs: number;
  readonly reason: string;
}

/** A new line, with nothing to serve yet. */
export function createLineState(line: LineId, nowMs: number, windowDeadlineMs: number): LineState {
  return {
    line,
    champion: null,
    securityEpoch: 0,
    decisionSequence: 0,
    challengerCount: 0,
    cohorts: {},
    window: { number: 1, openedAtMs: nowMs, deadlineAtMs: nowMs + windowDeadlineMs },
    challenger: null,
    queue: [],
  };
}
