// The documents that the API gives out and that pages, commands and simulators read. Types only.
import type {
  DecisionAction,
  DecisionOutcome,
  Lineage,
  PersonalFate,
  ReleaseRecord,
  ReportCounts,
} from "@attune/protocol";
import type { AuditRow } from "./core/audit/auditChain.ts";
import type { FleetDrift } from "./core/drift/fleetDrift.ts";
import type { GateReport } from "./core/gate/gateCheck.ts";
import type { VersionStatus } from "./core/rollout/lineEvents.ts";
import type { ChallengerStage } from "./core/rollout/lineState.ts";

export type { DriftAlone, DriftGroup, FleetDrift, SharedFinding } from "./core/drift/fleetDrift.ts";

/** A hub and its fleet, as they are now. */
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
  readonly lines: readonly LineSummary[];
  readonly devices: {
    readonly total: number;
    readonly connected: number;
    readonly quarantined: number;
    readonly retired: number;
    /** The first by id, up to a limit; all are under /api/devices. */
    readonly shown: readonly DeviceSummary[];
  };
  readonly refusals: {
    readonly total: number;
    readonly byCode: Readonly<Record<string, number>>;
    /** Messages that were dropped because too many were on their way; their devices send them again. */
    readonly dropped: number;
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
    /** Newest first. */
    readonly latest: readonly AuditRow[];
  };
  readonly faults: readonly {
    readonly code: string;
    readonly message: string;
    readonly hint: string;
    readonly atMs: number;
  }[];
}

/** Whom the fleet trusts. */
export interface TrustState {
  readonly version: number | null;
  readonly isDemo: boolean;
  readonly fingerprint: string | null;
  readonly releaseThreshold: number | null;
  readonly releaseKeyIds: readonly string[];
  readonly hubKeyId: string;
  /** What is missing, or that nothing is. */
  readonly why: string;
}

/** One model line. */
export interface LineSummary {
  readonly line: string;
  readonly champion: VersionSummary | null;
  readonly securityEpoch: number;
  readonly decisionSequence: number;
  readonly guards: "on" | "off";
  readonly cohorts: readonly CohortSummary[];
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
  /** Newest first, up to a limit. */
  readonly versions: readonly VersionSummary[];
  readonly validationSet: {
    readonly digest: string;
    readonly samples: number;
    readonly persons: number;
    readonly classes: number;
  } | null;
  /** What drifts among its devices. */
  readonly drift: FleetDrift;
}

/** One cohort of a line. */
export interface CohortSummary {
  readonly cohort: string;
  readonly deviceCount: number;
  readonly connectedCount: number;
  readonly serves: string | null;
  readonly pin: { readonly version: string; readonly reason: string } | null;
  readonly decisionSequence: number;
  readonly action: DecisionAction | null;
  readonly reason: string;
}

/** One version. */
export interface VersionSummary {
  readonly version: string;
  /** `activity@7c1f09aa` */
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
  /** Some device has served it for its whole bake: a rollback may name it. */
  readonly isBaked: boolean;
  /** Devices that said last that they serve it. */
  readonly servingDevices: number;
}

/** One version with everything that is known of it. */
export interface VersionDetail extends VersionSummary {
  readonly lineage: Lineage;
  readonly parts: ReleaseRecord["parts"];
  readonly gate: GateReport | null;
  /** The signed release record's frame in base64. */
  readonly record: string | null;
}

/** The version that wants to become champion. */
export interface ChallengerState {
  /** Null while an aggregate is being made. */
  readonly version: VersionSummary | null;
  readonly source: "imported" | "aggregate";
  readonly stage: ChallengerStage;
  readonly sinceMs: number;
  readonly deadlineAtMs: number;
  readonly why: string;
  readonly gate: GateReport;
  readonly signingRequest: string | null;
  /** What a signer says that it waits for: a person's word, or a delegation; null when it has said nothing. */
  readonly signerWaits: { readonly code: string; readonly message: string } | null;
  readonly rollout: RolloutState | null;
}

/** How far it has spread, and how it fares. */
export interface RolloutState {
  readonly challenger: string;
  readonly champion: string | null;
  readonly salt: string;
  readonly stageIndex: number;
  /** Stages after the canary. */
  readonly stageCount: number;
  readonly threshold: number;
  readonly selectedDevices: readonly string[];
  readonly activated: number;
  readonly baked: number;
  readonly faults: readonly {
    readonly device: string;
    readonly outcome: DecisionOutcome;
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

/** One device. */
export interface DeviceSummary {
  readonly device: string;
  readonly line: string;
  readonly cohort: string;
  readonly status: "active" | "quarantined" | "retired";
  /** Null when the broker cannot tell. */
  readonly isConnected: boolean | null;
  readonly lastSeenMs: number | null;
  readonly active: string | null;
  /** What its decision asks it to serve. */
  readonly target: string | null;
  readonly isCanary: boolean;
  readonly decisionSequence: number;
  readonly users: number;
  readonly personalUsers: number;
  readonly counts: ReportCounts | null;
  /** In its own words, or why it is silent. */
  readonly doing: string;
  readonly contributions: number;
  readonly refusals: number;
  readonly enrolledAtMs: number;
}

/** What a signer is asked to sign. */
export interface SigningRequest {
  readonly id: string;
  readonly line: string;
  readonly version: string;
  readonly state: "open" | "signed" | "refused" | "expired";
  /** Base64: CBOR of the release record, exactly what is signed. */
  readonly payload: string;
  readonly record: ReleaseRecord;
  readonly gate: GateReport;
  readonly lineage: Lineage;
  /** Digests of the contributions that it is made of. */
  readonly contributions: readonly string[];
  /** Base64: the champion's signed record. */
  readonly championRecord: string | null;
  readonly normToChampion: number | null;
  readonly signatures: readonly { readonly keyId: string }[];
  readonly threshold: number;
  readonly refusal: { readonly code: string; readonly message: string } | null;
  /** What a signer said last that it waits for. */
  readonly waiting: { readonly code: string; readonly message: string } | null;
  readonly createdAtMs: number;
  readonly deadlineAtMs: number;
}

/** What a rollback does, before and after it is done. */
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
