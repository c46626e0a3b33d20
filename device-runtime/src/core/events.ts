// Everything that can happen to a device. Names are in the past tense; results of effects carry what names the effect.
import type { Digest, DriftReport, RefusalCode, ReportCounts } from "@attune/protocol";
import type { ScoredFeedback } from "./learning/learning.ts";
import type { PersonalLayer } from "./learning/userState.ts";
import type { FeatureAlarm } from "./monitor/features/featureMonitor.ts";
import type { MonitorAlarm } from "./monitor/userMonitors.ts";
import type { DeviceEvents } from "./notices.ts";
import type { OutboxEntry } from "./outbox/outboxState.ts";
import type { VersionParts } from "./slots/slotState.ts";
import type { Violation } from "./validation/businessRules.ts";
import type { DataFinding } from "./validation/dataValidator.ts";

/** What a topic of the device's carries. */
export type MessageChannel = "receipt" | "assignment" | "decision" | "trustRoot";

interface Refused {
  readonly code: RefusalCode;
  readonly message: string;
}

/** One event. */
export type CoreEvent =
  /** The runtime has loaded its state. */
  | { readonly type: "started" }
  /** The runtime is about to stop as it should. */
  | { readonly type: "stopped" }
  /** A deadline may have passed. */
  | { readonly type: "ticked" }
  | { readonly type: "consentSet"; readonly contribute: boolean }
  /** Files of a user are damaged beyond use, and the user begins anew. */
  | { readonly type: "userLost"; readonly user: string; readonly reason: string }
  /** A part of the runtime could not be had; it is tried again. */
  | { readonly type: "partMissing"; readonly code: string; readonly reason: string }
  // Connection.
  | { readonly type: "linkOpened"; readonly serial: number }
  | {
      readonly type: "linkClosed";
      readonly serial: number;
      readonly reason: string;
      /** The broker would not have this name or password. */
      readonly isRefused: boolean;
    }
  | { readonly type: "enrolmentReplied"; readonly bytes: Uint8Array }
  | {
      readonly type: "messageArrived";
      readonly channel: MessageChannel;
      readonly bytes: Uint8Array;
    }
  // Outbox.
  | { readonly type: "published"; readonly digest: Digest; readonly attempt: number }
  | { readonly type: "publishFailed"; readonly digest: Digest; readonly attempt: number }
  /** A message's file is damaged or gone: it cannot be sent any more. */
  | { readonly type: "messageLost"; readonly digest: Digest }
  | { readonly type: "reportPublished"; readonly sequence: number }
  | { readonly type: "reportFailed"; readonly sequence: number }
  // Versions on their way.
  | { readonly type: "recordFetched"; readonly serial: number; readonly bytes: Uint8Array }
  | { readonly type: "partsFetched"; readonly serial: number; readonly parts: VersionParts }
  | { readonly type: "versionLoaded"; readonly serial: number }
  | { readonly type: "preparationFailed"; readonly serial: number; readonly reason: string }
  | { readonly type: "preparationRefused"; readonly serial: number; readonly refusal: Refused }
  | {
      readonly type: "versionFailed";
      readonly version: string;
      readonly code: RefusalCode;
      readonly message: string;
      /** False when it could not even be loaded. */
      readonly isLoadable: boolean;
    }
  | {
      readonly type: "pairsScored";
      readonly champion: string;
      readonly challenger: string;
      readonly from: "holdout" | "feedback";
      readonly pairs: readonly {
        readonly challengerCorrect: boolean;
        readonly championCorrect: boolean;
      }[];
    }
  // Users.
  | { readonly type: "userOpened"; readonly user: string }
  | {
      readonly type: "answersCounted";
      readonly user: string;
      readonly counts: Pick<ReportCounts, "predictions" | "outliers">;
    }
  | {
      readonly type: "alarmRaised";
      readonly user: string;
      readonly alarms: readonly MonitorAlarm[];
    }
  | { readonly type: "featuresDrifted"; readonly user: string; readonly alarm: FeatureAlarm }
  | { readonly type: "driftSeen"; readonly drift: DriftReport }
  | { readonly type: "dataQuarantined"; readonly user: string; readonly finding: DataFinding }
  | {
      readonly type: "rulesBroken";
      readonly user: string;
      readonly violations: readonly Violation[];
    }
  | { readonly type: "feedbackScored"; readonly user: string; readonly scored: ScoredFeedback }
  | {
      readonly type: "sliceTrained";
      readonly user: string;
      readonly jobIndex: number;
      readonly stepsKept: number;
    }
  | {
      readonly type: "jobFinished";
      readonly user: string;
      readonly jobIndex: number;
      readonly digest: Digest;
      readonly lossBefore: number;
      readonly lossAfter: number;
    }
  | {
      readonly type: "jobFailed";
      readonly user: string;
      readonly jobIndex: number;
      readonly reason: string;
      readonly isFinal: boolean;
    }
  | {
      readonly type: "layerRebased";
      readonly user: string;
      readonly epoch: number;
      readonly layer: PersonalLayer | null;
      readonly reason: string;
    }
  /** A user's parameters gave NaN, or their file is damaged: they must not answer. */
  | {
      readonly type: "layerFailed";
      readonly user: string;
      readonly digest: Digest;
      readonly reason: string;
    }
  | {
      readonly type: "contributionBuilt";
      readonly user: string;
      readonly layer: Digest;
      readonly sequence: number;
      readonly entry: OutboxEntry;
      readonly facts: Pick<
        DeviceEvents["contributed"],
        "base" | "result" | "examples" | "steps" | "norm" | "evidence"
      >;
    }
  | {
      readonly type: "contributionWithheld";
      readonly user: string;
      readonly layer: Digest;
      readonly reason: string;
    }
  | {
      readonly type: "contributionFailed";
      readonly user: string;
      readonly layer: Digest;
      readonly reason: string;
    }
  | { readonly type: "eraseRequested"; readonly user: string }
  | { readonly type: "userWiped"; readonly user: string };
