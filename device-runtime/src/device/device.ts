// What an app sees of a device. Types only.
import type {
  CohortId,
  DeviceId,
  Digest,
  DriftReport,
  FleetId,
  LineId,
  ModelVersion,
  Outcome,
  ReportCounts,
} from "@attune/protocol";
import type { FeatureDifference } from "../core/distance/compareProfiles.ts";
import type { GuardVerdict } from "../core/learn/localGuard.ts";
import type { TrainingNote } from "../core/learning/userState.ts";
import type { LinkState } from "../core/link/linkState.ts";
import type { MonitorReport } from "../core/monitor/userMonitors.ts";
import type { DeviceEvents } from "../core/notices.ts";
import type { SettledMessage } from "../core/outbox/outboxState.ts";
import type { Comparison } from "../core/slots/comparisonState.ts";
import type { Preparation, SlotVersion } from "../core/slots/slotState.ts";
import type { RefusalNote } from "../core/state.ts";
import type { DataFinding } from "../core/validation/dataValidator.ts";
import type { WatchedName } from "../package/watchedLayout.ts";
import type { UserChecksReport } from "./userChecks.ts";
import type { FeedbackPlace } from "./userSession.ts";

/** One answer. */
export interface Answer {
  readonly label: string;
  /** `(K,)`, in the order of the package's labels; sums to 1. */
  readonly probabilities: Float32Array;
  readonly ood: {
    /** How unusual the window is by the package's score; higher is more unusual. */
    readonly score: number;
    /** Share of this person's normal windows that score as high, as far as is known; null where the data was not sound. */
    readonly pValue: number | null;
    /** The window is unusual for this person: do not trust the label. */
    readonly isOutlier: boolean;
    /**
     * Labels that this answer cannot be told from: if one of them were unknown to the model, its windows would be answered like this and no score
     * would show it.
     */
    readonly inseparableFrom: readonly string[];
  };
  /**
   * The answer is better withheld: an outlier, unsound data, or less confidence than the package asks for. On normal windows of new people that
   * leaves the share answered that the package states (`calibration.abstention.coverage`).
   */
  readonly isAbstained: boolean;
  /** What is wrong with the window's data, or null. Nothing of such a window is stored or trained. */
  readonly quarantine: DataFinding | null;
  /** For {@link DeviceUser.feedback}, minutes or days later. */
  readonly predictionId: string;
  /** The shared version underneath. */
  readonly modelVersion: ModelVersion;
  /** Whether the user's own parameters answered. */
  readonly isPersonal: boolean;
}

/** What became of a feedback. */
export interface FeedbackReport {
  /** The answer that was given was right. */
  readonly wasCorrect: boolean;
  /** Whether the window is trained on, held out, in the gap between the two, waits for a training to end, or was not kept. */
  readonly kept: FeedbackPlace;
}

/** How one feature of a person's windows differs from the reference. */
export type NamedDifference = WatchedName & Omit<FeatureDifference, "feature">;

/** How a person's windows differ from the reference. */
export interface UserDifference {
  /** The person's windows that were counted. */
  readonly windows: number;
  /** Windows of other people that they are compared with. */
  readonly referenceWindows: number;
  /** Every watched feature, most different first, as `compareProfiles` says. Windows overlap, so intervals and null lines are too narrow: go by the order and the size. */
  readonly features: readonly NamedDifference[];
  /** Shares of answers, `[0, 1]`, most different first. What people do differs: this is no error. */
  readonly labels: readonly {
    readonly label: string;
    readonly share: number;
    readonly referenceShare: number;
  }[];
}

/** One user of a device. */
export interface DeviceUser {
  /**
   * Answers one window with the active version, or with the user's own parameters on top of it. Waits for nothing else.
   *
   * @param window `(windowLength,)` in raw units and the package's layout; must not change until the answer is there
   * @throws InputRefused `input.shape_mismatch`, `input.not_finite`, `model.output_not_finite`
   */
  predict(window: Float32Array): Promise<Answer>;
  /**
   * Takes in raw samples, and answers every window that they complete.
   *
   * Where the package names the longest gap, a longer one is reported and windows begin anew behind it.
   *
   * @param samples `(k, channels)` row by row, in time order
   * @param atMs when the last of them was taken; now when left out
   */
  pushSamples(samples: Float32Array, atMs?: number): Promise<readonly Answer[]>;
  /**
   * Tells the truth about an answer. Durable when it resolves.
   *
   * @returns `feedback.prediction_unknown` when the answer is too old or has had its feedback, `feedback.label_unknown`,
   *   `feedback.window_quarantined`
   * @throws Fault when it could not be written; it counts in memory, and is written as soon as that works again
   */
  feedback(predictionId: string, label: string): Promise<Outcome<FeedbackReport>>;
  /**
   * How this person's windows differ from those of the people that the package was measured on, the feature that differs most first.
   *
   * A look back over all sound windows since this package's reference answers here; what changes is told by `on("drifted")`, against the person's own past. Loads
   * its code when it is first called.
   *
   * @returns null before the person's first window, and where the package ships no profile: it was made by an older runtime, or has too many features to watch
   * @throws Fault `runtime.code_unavailable`, `device.closed`
   * @example
   * const difference = await device.user("anna").difference();
   * const first = difference?.features[0];
   * console.log(first?.series, first?.statistic, first?.effect.size);
   */
  difference(): Promise<UserDifference | null>;
}

/** A model that keeps itself good. */
export interface Device {
  /**
   * A user of this device.
   *
   * @param name anything; never leaves the device, and is stored under a keyed hash only
   */
  user(name: string): DeviceUser;
  /** Listens; call the result to stop. Listeners are called after what they are told of is on disk. */
  on<K extends keyof DeviceEvents>(name: K, listener: (event: DeviceEvents[K]) => void): () => void;
  /** Everything about the device as plain data, without secrets. */
  inspect(): DeviceInspection;
  /** Takes back everything about a user: files are overwritten and removed, messages that were not sent are withdrawn. */
  eraseUser(name: string): Promise<void>;
  /** Consent to contribute what was learned; apart from being connected. Withdrawing it also withdraws what waits. */
  setContribute(contribute: boolean): Promise<void>;
  /** Resolves when everything that can be done now is done. Deadlines and answers of the hub are not waited for. */
  whenIdle(): Promise<void>;
  /** Stops as one should: everything is on disk, nothing runs any more. */
  close(): Promise<void>;
}

/** A slot as a person reads it. */
export type InspectedSlot = Pick<
  SlotVersion,
  "version" | "generation" | "securityEpoch" | "source"
>;

/** What {@link Device.inspect} tells. */
export interface DeviceInspection {
  readonly device: DeviceId | null;
  readonly fleet: FleetId | null;
  readonly line: LineId;
  readonly cohort: CohortId | null;
  readonly enrolment: {
    readonly state: "none" | "enrolling" | "refused" | "enrolled";
    readonly waiting: string | null;
    readonly code: string | null;
  };
  /** Whom the device believes. An expired root is still believed: a device has no clock that could be trusted. */
  readonly trustRoot: {
    readonly version: number;
    readonly isDemo: boolean;
    readonly isExpired: boolean;
  } | null;
  readonly link: {
    readonly state: LinkState["phase"] | "stuck";
    readonly reason: string;
    readonly sinceMs: number;
    readonly nextTryMs: number | null;
  };
  readonly contribute: boolean;
  readonly slots: {
    readonly active: InspectedSlot & {
      readonly isBaking: boolean;
      readonly bakeUntilMs: number | null;
    };
    readonly previousGood: InspectedSlot | null;
    readonly standby: {
      readonly version: ModelVersion;
      readonly phase: Preparation["phase"];
      readonly attempts: number;
      readonly waiting: string;
    } | null;
    readonly floor: { readonly decisionSequence: number; readonly securityEpoch: number };
    readonly decision: {
      readonly decisionSequence: number;
      readonly action: string;
      readonly reason: string;
      readonly isSettled: boolean;
    } | null;
  };
  readonly comparisons: readonly {
    readonly champion: ModelVersion;
    readonly challenger: ModelVersion;
    readonly n: number;
    readonly wins: number;
    readonly losses: number;
    readonly state: Comparison["phase"] | "over" | "preparing";
  }[];
  readonly users: readonly InspectedUser[];
  readonly outbox: {
    readonly entries: readonly {
      readonly kind: "contribution" | "receipt";
      readonly digest: Digest;
      readonly bytes: number;
      readonly createdAtMs: number;
      readonly attempts: number;
      readonly nextTryMs: number | null;
      readonly waiting: string;
    }[];
    readonly bytes: number;
    readonly dropped: number;
    /** What the hub answered last, oldest first. */
    readonly settled: readonly SettledMessage[];
  };
  readonly refusals: readonly RefusalNote[];
  /** For each label what its answers cannot be told from, if that were unknown; labels without any are left out. */
  readonly inseparableFrom: Readonly<Record<string, readonly string[]>>;
  readonly counts: ReportCounts;
  /** What has drifted, as the hub is told; null when there is no user. */
  readonly drift: DriftReport | null;
  readonly storage: { readonly files: number; readonly fault: string | null };
  /** What the device does or waits for. */
  readonly state: string;
}

/** One user in {@link DeviceInspection}. */
export interface InspectedUser {
  /** The keyed hash that the user is stored under. */
  readonly user: string;
  /** When it was given in this run. */
  readonly name: string | null;
  readonly serving: "shared" | "personal";
  /** As reported. `outliers` go by everybody's threshold; `checks.calibration.flaggedCount` goes by this person's own scores. */
  readonly counts: ReportCounts;
  /** Answers that may still get their truth. */
  readonly pending: number;
  readonly replay: {
    readonly count: number;
    readonly capacity: number;
    readonly bytes: number;
    readonly labelCounts: readonly number[];
  };
  readonly holdout: { readonly count: number };
  readonly monitor: MonitorReport;
  /** Calibration to this person, data that was quarantined, business rules that were broken, what has drifted. */
  readonly checks: UserChecksReport;
  readonly trigger: {
    readonly action: string;
    readonly because: string;
    readonly waiting: readonly string[];
    readonly stepsLeft: number;
  };
  readonly job: {
    readonly jobIndex: number;
    readonly because: string;
    readonly stepsKept: number;
    readonly stepCount: number;
    readonly waiting: string;
  } | null;
  readonly challenger: { readonly jobIndex: number; readonly digest: Digest } | null;
  readonly layer: {
    readonly jobIndex: number;
    readonly digest: Digest;
    readonly base: ModelVersion;
  } | null;
  /** Where the guard's trials stand. */
  readonly guard: readonly GuardVerdict[];
  /** What it has decided, oldest first. */
  readonly verdicts: readonly (GuardVerdict & { readonly atMs: number })[];
  readonly lastTraining: TrainingNote | null;
  readonly parked: readonly { readonly base: ModelVersion; readonly jobIndex: number }[];
  /** Why the newest training was contributed, or not. */
  readonly contribution: string;
}
