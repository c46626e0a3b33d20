// The answers of the hub's API, as the command line and the page read them. Types only.
import type { ReportCounts } from "@attune/protocol";

export interface HubState {
  readonly fleet: string;
  readonly nowMs: number;
  readonly startedAtMs: number;
  readonly broker: {
    readonly kind: "embedded" | "external";
    readonly isConnected: boolean;
    readonly mqttUrl: string | null;
    readonly webSocketUrl: string | null;
  };
  readonly trust: TrustState;
  readonly lines: readonly LineState[];
  readonly devices: {
    readonly total: number;
    readonly connected: number;
    readonly quarantined: number;
    readonly retired: number;
    readonly shown: readonly DeviceSummary[];
  };
  readonly refusals: {
    readonly total: number;
    readonly byCode: Readonly<Record<string, number>>;
    readonly latest: readonly {
      readonly device: string;
      readonly code: string;
      readonly message: string;
      readonly atMs: number;
    }[];
  };
  readonly audit: {
    readonly length: number;
    readonly head: string;
    readonly latest: readonly AuditRow[];
  };
  readonly faults: readonly {
    readonly code: string;
    readonly message: string;
    readonly hint: string;
    readonly atMs: number;
  }[];
}

export interface TrustState {
  readonly version: number | null;
  readonly isDemo: boolean;
  readonly fingerprint: string | null;
  readonly releaseThreshold: number | null;
  readonly releaseKeyIds: readonly string[];
  readonly hubKeyId: string;
  readonly why: string;
}

export interface LineState {
  readonly line: string;
  readonly champion: VersionSummary | null;
  readonly securityEpoch: number;
  readonly decisionSequence: number;
  readonly guards: "on" | "off";
  readonly cohorts: readonly CohortState[];
  readonly window: {
    readonly number: number;
    readonly contributionCount: number;
    readonly quorum: number;
    readonly openedAtMs: number;
    readonly deadlineAtMs: number;
    readonly why: string;
  };
  readonly challenger: ChallengerState | null;
  readonly queue: readonly VersionSummary[];
  readonly versions: readonly VersionSummary[];
  readonly validationSet: {
    readonly digest: string;
    readonly samples: number;
    readonly persons: number;
    readonly classes: number;
  } | null;
}

export interface CohortState {
  readonly cohort: string;
  readonly deviceCount: number;
  readonly connectedCount: number;
  readonly serves: string | null;
  readonly pin: { readonly version: string; readonly reason: string } | null;
  readonly decisionSequence: number;
  readonly action: string;
  readonly reason: string;
}

export type VersionStatus =
  | "candidate"
  | "rejected"
  | "released"
  | "champion"
  | "retired"
  | "rolled-back";

export interface VersionSummary {
  readonly version: string;
  readonly short: string;
  readonly line: string;
  readonly generation: number;
  readonly securityEpoch: number;
  readonly source: "imported" | "aggregate";
  readonly base: string | null;
  readonly contributionCount: number;
  readonly note: string;
  readonly createdAtMs: number;
  readonly status: VersionStatus;
  readonly isBaked: boolean;
  readonly servingDevices: number;
}

export type ChallengerStage =
  | "validating"
  | "shadowing"
  | "held"
  | "approving"
  | "signing"
  | "canary"
  | "spreading"
  | "halted";

export interface ChallengerState {
  readonly version: VersionSummary;
  readonly stage: ChallengerStage;
  readonly sinceMs: number;
  readonly deadlineAtMs: number;
  readonly why: string;
  readonly gate: GateReport | null;
  readonly signingRequest: string | null;
  readonly rollout: RolloutState | null;
}

export interface GateReport {
  readonly verdict: "promote" | "hold" | "reject" | null;
  readonly because: string;
  readonly checks: readonly GateCheck[];
}

export interface GateCheck {
  readonly name: string;
  readonly outcome: "pass" | "fail" | "wait" | "skipped";
  readonly text: string;
  readonly evidence: Readonly<Record<string, unknown>>;
}

export interface RolloutState {
  readonly challenger: string;
  readonly champion: string;
  readonly salt: string;
  readonly stageIndex: number;
  readonly stageCount: number;
  readonly threshold: number;
  readonly selectedDevices: readonly string[];
  readonly activated: number;
  readonly baked: number;
  readonly faults: readonly {
    readonly device: string;
    readonly outcome: string;
    readonly code: string;
    readonly message: string;
  }[];
  readonly health: {
    readonly devices: readonly {
      readonly device: string;
      readonly n: number;
      readonly wins: number;
      readonly losses: number;
      readonly harmEvidence: number;
    }[];
    readonly harmEvidence: number;
    readonly harmLimit: number;
    readonly interval: { readonly low: number; readonly high: number } | null;
    readonly margin: number;
  };
}

export interface DeviceSummary {
  readonly device: string;
  readonly line: string;
  readonly cohort: string;
  readonly status: "active" | "quarantined" | "retired";
  readonly isConnected: boolean | null;
  readonly lastSeenMs: number | null;
  readonly active: string | null;
  readonly target: string | null;
  readonly isCanary: boolean;
  readonly decisionSequence: number;
  readonly users: number;
  readonly personalUsers: number;
  readonly counts: ReportCounts | null;
  readonly doing: string;
  readonly contributions: number;
  readonly refusals: number;
  readonly enrolledAtMs: number;
}

export interface AuditRow {
  readonly sequence: number;
  readonly atMs: number;
  readonly actor: string;
  readonly action: string;
  readonly line: string | null;
  readonly subject: string;
  readonly reason: string;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly previous: string;
  readonly hash: string;
}

export interface SigningRequestSummary {
  readonly id: string;
  readonly line: string;
  readonly version: string;
  readonly state: "open" | "signed" | "refused" | "expired";
  readonly gate: GateReport;
  readonly signatures: readonly { readonly keyId: string }[];
  readonly threshold: number;
  readonly refusal: { readonly code: string; readonly message: string } | null;
  readonly createdAtMs: number;
  readonly deadlineAtMs: number;
}

export type PersonalFate = "keep" | "refit" | "park" | "discard";

export interface RollbackPreview {
  readonly line: string;
  readonly cohort: string;
  readonly from: VersionSummary;
  readonly to: VersionSummary;
  readonly reason: string;
  readonly personal: PersonalFate;
  readonly generationChange: number;
  readonly securityEpochFloor: number;
  readonly pins: boolean;
  readonly stopsRollout: string | null;
  readonly devices: readonly {
    readonly device: string;
    readonly isConnected: boolean | null;
    readonly active: string | null;
    readonly personalUsers: number;
    readonly changes: boolean;
  }[];
  readonly effects: readonly string[];
  readonly done: boolean;
  readonly decisionSequence: number | null;
}
