// What the app is told. It must not be told anything that could not be shown to its user.
import type {
  CohortId,
  DecisionAction,
  DeviceId,
  Digest,
  ModelVersion,
  PairedCounts,
  PersonalFate,
} from "@attune/protocol";
import type { GuardVerdict } from "./learn/localGuard.ts";
import type { FeatureAlarm } from "./monitor/features/featureMonitor.ts";
import type { MonitorAlarm } from "./monitor/userMonitors.ts";
import type { RefusalSubject } from "./state.ts";
import type { Violation } from "./validation/businessRules.ts";
import type { DataFinding } from "./validation/dataValidator.ts";

/** Events of a device by name. `user` is the name given to `device.user()` in this run, else the hash it is stored under. */
export interface DeviceEvents {
  /** The hub has given this device a place. */
  enrolled: { readonly device: DeviceId; readonly cohort: CohortId };
  /** The device belongs to another cohort now. */
  assigned: { readonly cohort: CohortId };
  link: {
    readonly state: "offline" | "connecting" | "online" | "stuck";
    readonly reason: string;
  };
  /** A monitor says that something has changed. */
  alarm: MonitorAlarm & { readonly user: string };
  /** The features of a user's windows are not what they were. */
  drifted: FeatureAlarm & { readonly user: string };
  /** Answers broke a business rule of the package. */
  ruleBroken: Violation & { readonly user: string };
  /** Data that breaks the package's data rules: nothing of it is stored or trained. */
  quarantined: DataFinding & { readonly user: string };
  /** Something has changed, but only labels could tell whether the model is wrong: ask the user for some. */
  feedbackWanted: { readonly user: string; readonly because: string };
  /** A training begins. */
  training: {
    readonly user: string;
    readonly jobIndex: number;
    readonly because: string;
    readonly steps: number;
  };
  /** A training has given a challenger. */
  trained: {
    readonly user: string;
    readonly jobIndex: number;
    readonly steps: number;
    readonly examples: number;
    readonly lossBefore: number;
    readonly lossAfter: number;
  };
  /** A training has ended without a challenger. */
  abandoned: { readonly user: string; readonly jobIndex: number; readonly reason: string };
  /** The guard has let a challenger answer. */
  adopted: GuardNotice;
  /** The guard has thrown a challenger away. */
  dropped: GuardNotice;
  /** Something that answered does so no more: a user's own parameters, or a shared version that failed. */
  reverted:
    | (GuardNotice & { readonly scope: "personal" })
    | {
        readonly scope: "shared";
        readonly from: ModelVersion;
        readonly to: ModelVersion;
        readonly code: string;
        readonly message: string;
      };
  /** A delta is in the outbox, on disk. */
  contributed: {
    readonly user: string;
    readonly jobIndex: number;
    readonly base: ModelVersion;
    readonly result: Digest;
    readonly digest: Digest;
    readonly examples: number;
    readonly steps: number;
    /** Of the whole frame. */
    readonly bytes: number;
    /** Euclidean, before it was clipped. */
    readonly norm: number;
    readonly evidence: PairedCounts;
  };
  /** Nothing was contributed, and why. */
  withheld: { readonly user: string; readonly jobIndex: number; readonly reason: string };
  /** The hub's word on a message. */
  receipted: {
    readonly kind: "contribution" | "receipt";
    readonly digest: Digest;
    readonly outcome: "committed" | "refused";
    readonly code: string;
    readonly message: string;
  };
  /** A decision was verified; it is followed from now on. */
  decided: {
    readonly decisionSequence: number;
    readonly action: DecisionAction;
    readonly target: ModelVersion;
    readonly reason: string;
  };
  activated: { readonly modelVersion: ModelVersion; readonly decisionSequence: number };
  baked: { readonly modelVersion: ModelVersion };
  /** A user's own parameters after the shared version under them has changed. */
  personal: {
    readonly user: string;
    readonly fate: PersonalFate | "restore";
    readonly modelVersion: ModelVersion;
    readonly reason: string;
  };
  refused: { readonly about: RefusalSubject; readonly code: string; readonly message: string };
}

/** A guard's verdict on a challenger, or on parameters that answer. */
export interface GuardNotice {
  readonly user: string;
  /** The shared version underneath. */
  readonly modelVersion: ModelVersion;
  readonly jobIndex: number;
  readonly evidence: GuardVerdict;
}

/** One event on its way to the app. */
export type Notice = {
  readonly [K in keyof DeviceEvents]: { readonly name: K; readonly event: DeviceEvents[K] };
}[keyof DeviceEvents];
