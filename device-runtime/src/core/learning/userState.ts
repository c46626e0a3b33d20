// What a device remembers of one user's learning, besides the samples. It must not hold parameters: they are files.
import type { Digest, ModelVersion, ReportCounts } from "@attune/protocol";
import type { FineTunePlan } from "../learn/fineTunePlan.ts";
import type { GuardState, GuardVerdict } from "../learn/localGuard.ts";
import type { TriggerState } from "../trigger/trigger.ts";

/** Parameters of one user, on top of a shared version. */
export interface PersonalLayer {
  /** Of the encoded parameters; names the file. */
  readonly digest: Digest;
  readonly base: ModelVersion;
  /** The job that trained it; 0 when it was made from an older layer by keeping its difference. */
  readonly jobIndex: number;
  /** Labelled examples it was trained on. */
  readonly examples: number;
  readonly steps: number;
  /** Feedback from this index on was not trained on. */
  readonly feedbackFrom: number;
}

/** A training in the making. */
export interface TrainingJobState {
  readonly jobIndex: number;
  readonly base: ModelVersion;
  readonly plan: FineTunePlan;
  /** Why it was started. */
  readonly because: string;
  /** The layer it starts from; null for the shared parameters. */
  readonly from: Digest | null;
  readonly examples: number;
  /** Feedback from this index on is not in its samples. */
  readonly feedbackFrom: number;
  readonly startedAtMs: number;
  /** Steps that a checkpoint on disk holds. */
  readonly stepsKept: number;
  readonly attempt: number;
  /** Waits until `untilMs` after a failure, or has until then for its next slice. */
  readonly isRunning: boolean;
  readonly untilMs: number;
  readonly waiting: string;
}

/** How the last training ended. */
export interface TrainingNote {
  readonly jobIndex: number;
  readonly because: string;
  readonly atMs: number;
  readonly steps: number;
  readonly examples: number;
  /** Mean loss of the first and of the last slice. */
  readonly lossBefore: number;
  readonly lossAfter: number;
  /** Empty, or why there is no challenger. */
  readonly failure: string;
}

/** A delta that should be built and sent. */
export interface WantedContribution {
  readonly layer: PersonalLayer;
  readonly attempt: number;
  readonly isRunning: boolean;
  readonly untilMs: number;
}

/** Kept on disk, in the user's own journal. */
export interface UserState {
  readonly counts: ReportCounts;
  /** The change of the shared version that this user has followed. */
  readonly epoch: number;
  readonly guard: GuardState;
  readonly trigger: TriggerState;
  /** Answers while the guard's `serving` is `personal` and its base is active. */
  readonly layer: PersonalLayer | null;
  readonly challenger: PersonalLayer | null;
  /** For bases that may return; the doomed ones go when the version that replaced them has baked. */
  readonly parked: readonly { readonly layer: PersonalLayer; readonly isDoomed: boolean }[];
  readonly job: TrainingJobState | null;
  readonly nextJobIndex: number;
  readonly contribution: WantedContribution | null;
  /** Why the newest layer was contributed, or not. */
  readonly contributionNote: string;
  readonly verdicts: readonly (GuardVerdict & { readonly atMs: number })[];
  readonly lastTraining: TrainingNote | null;
  /** Samples that a training could use now. */
  readonly samples: { readonly sampleCount: number; readonly classCount: number };
  /** Whether the app was told that feedback would help. */
  readonly isAsking: boolean;
  /** How many feedbacks the user has given. */
  readonly feedbackCount: number;
}
