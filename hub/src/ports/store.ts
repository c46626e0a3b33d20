// The port for everything that a hub must not forget. Implementation: `adapters/sqlite`. Rows are plain data.
import type {
  BlobRef,
  CohortId,
  DecisionAction,
  DecisionOutcome,
  DecisionSequence,
  DeviceId,
  Digest,
  DriftReport,
  KeyId,
  Lineage,
  LineId,
  ModelVersion,
  PairedCounts,
  ReleaseParts,
  Report,
} from "@attune/protocol";
import type { AuditEntry, AuditRow, AuditVerdict } from "../core/audit/auditChain.ts";
import type { GateReport } from "../core/gate/gateCheck.ts";
import type { VersionStatus } from "../core/rollout/lineEvents.ts";
import type { LineState } from "../core/rollout/lineState.ts";
import type { LinePolicy } from "../policy.ts";

/** Who may use the HTTP API. */
export interface AccessTokenRow {
  readonly id: string;
  readonly role: "admin" | "signer" | "viewer";
  /** SHA-256 of the token, which itself is never kept. */
  readonly hash: Digest;
  readonly note: string;
  readonly createdAtMs: number;
}

export interface TrustRootRow {
  readonly version: number;
  readonly frame: Uint8Array;
  readonly fingerprint: Digest;
  readonly acceptedAtMs: number;
}

export interface DelegationRow {
  readonly digest: Digest;
  readonly line: LineId;
  readonly frame: Uint8Array;
  readonly storedAtMs: number;
}

export interface EnrolmentTokenRow {
  readonly id: string;
  readonly secretHash: Digest;
  readonly cohort: CohortId;
  readonly usesMax: number;
  readonly usesCount: number;
  readonly expiresAtMs: number;
  readonly note: string;
  readonly createdAtMs: number;
  /** Version of the trust root that it names. */
  readonly rootVersion: number;
}

export interface DeviceRow {
  readonly device: DeviceId;
  readonly keyId: KeyId;
  readonly publicKey: Uint8Array;
  readonly line: LineId;
  readonly cohort: CohortId;
  readonly status: "active" | "quarantined" | "retired";
  /** Id of the token that it enrolled with. */
  readonly token: string;
  readonly credentialHash: Digest;
  readonly assignmentSequence: number;
  readonly assignment: Uint8Array;
  readonly enrolledAtMs: number;
  /** Nonces of its enrolments, the latest last: an earlier one does not come again. */
  readonly nonces: readonly string[];
}

/** What an operator judges versions by. */
export interface ValidationSetRef {
  readonly digest: Digest;
  readonly samples: number;
  readonly persons: number;
  readonly classes: number;
}

export interface LineRow {
  readonly line: LineId;
  readonly state: LineState;
  readonly policy: LinePolicy;
  readonly validationSet: ValidationSetRef | null;
}

/** Everything about a version but its bytes, which are blobs. */
export interface VersionRow {
  readonly version: ModelVersion;
  readonly line: LineId;
  readonly generation: number;
  readonly securityEpoch: number;
  /** The champion that it follows in the lineage; null for the first of a line. */
  readonly parent: ModelVersion | null;
  readonly parts: ReleaseParts;
  readonly delta: { readonly base: ModelVersion; readonly blob: BlobRef } | null;
  readonly lineage: Lineage;
  /** The window whose contributions it is made of; null when imported. */
  readonly window: number | null;
  readonly note: string;
  readonly createdAtMs: number;
  readonly status: VersionStatus;
  readonly isBaked: boolean;
  readonly gate: GateReport | null;
  /** The signed release record's frame; null until release keys have signed. */
  readonly record: BlobRef | null;
}

export interface DecisionRow {
  readonly line: LineId;
  readonly cohort: CohortId;
  readonly decisionSequence: DecisionSequence;
  readonly action: DecisionAction;
  readonly frame: Uint8Array;
  readonly atMs: number;
}

export interface SigningRequestRow {
  readonly id: string;
  readonly line: LineId;
  readonly version: ModelVersion;
  readonly state: "open" | "signed" | "refused" | "expired";
  /** CBOR of the release record: exactly what is signed. */
  readonly payload: Uint8Array;
  readonly gate: GateReport;
  readonly normToChampion: number | null;
  readonly signatures: readonly { readonly keyId: KeyId; readonly signature: string }[];
  readonly refusal: { readonly code: string; readonly message: string } | null;
  /** What a signer said that it waits for; absent in rows of an older hub. */
  readonly waiting?: { readonly code: string; readonly message: string } | null;
  readonly createdAtMs: number;
  readonly deadlineAtMs: number;
}

/** A committed contribution, without its bytes. */
export interface ContributionRow {
  readonly digest: Digest;
  readonly device: DeviceId;
  readonly contributionSequence: number;
  readonly line: LineId;
  readonly base: ModelVersion;
  readonly weight: number;
  readonly norm: number;
  readonly examples: number;
  readonly steps: number;
  readonly evidence: PairedCounts;
  readonly bytes: number;
  readonly atMs: number;
  /** `pending`: waits for a window; `used`: in one; `superseded`: by a later one of its device; `expired`: its base is gone. */
  readonly status: "pending" | "used" | "superseded" | "expired";
  readonly window: number | null;
}

export interface DeviceReceiptRow {
  readonly digest: Digest;
  readonly device: DeviceId;
  readonly line: LineId;
  readonly decisionSequence: number;
  readonly outcome: DecisionOutcome;
  readonly active: ModelVersion;
  readonly code: string;
  readonly message: string;
  readonly atMs: number;
  readonly storedAtMs: number;
}

export interface ReportRow {
  readonly report: Report;
  readonly receivedAtMs: number;
}

/** What a device said of drift when it was something else than before. */
export interface DriftHistoryRow {
  readonly reportSequence: number;
  readonly receivedAtMs: number;
  readonly drift: DriftReport;
}

export interface RefusalCountRow {
  readonly device: string;
  readonly code: string;
  readonly count: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
  readonly lastMessage: string;
}

/** A receipt that was committed and not yet handed to the broker. */
export interface ReceiptEntryRow {
  readonly digest: Digest;
  readonly device: DeviceId;
  readonly outcome: "committed" | "refused";
  readonly code: string;
  readonly message: string;
}

/** One row of an intake commit. */
export type IntakeRow =
  | {
      readonly kind: "contribution";
      readonly digest: Digest;
      readonly device: DeviceId;
      readonly contributionSequence: number;
      readonly line: LineId;
      readonly base: ModelVersion;
      readonly weight: number;
      readonly norm: number;
      readonly examples: number;
      readonly steps: number;
      readonly evidence: PairedCounts;
      readonly frame: Uint8Array;
      readonly atMs: number;
    }
  | ({ readonly kind: "receipt" } & DeviceReceiptRow)
  | { readonly kind: "report"; readonly report: Report; readonly receivedAtMs: number }
  | {
      readonly kind: "refusal";
      /** Whom it is counted for: a device, or a name for a stranger. */
      readonly device: string;
      readonly line: LineId | null;
      readonly code: string;
      readonly message: string;
      readonly atMs: number;
      /** Whom the refusal is told; null for a stranger. */
      readonly receipt: { readonly device: DeviceId; readonly digest: Digest } | null;
      /** Set for a contribution that its device signed: the same bytes get the same answer again. */
      readonly contributionSequence: number | null;
    };

/** What became of an intake row. */
export interface IntakeAnswer {
  readonly outcome: "committed" | "refused";
  readonly code: string;
  readonly message: string;
  /** False when the row was there already. */
  readonly isNew: boolean;
}

/** What the store knows of a contribution that may have been seen before. */
export type KnownContribution =
  | { readonly kind: "unknown" }
  | { readonly kind: "committed" }
  | { readonly kind: "refused"; readonly code: string; readonly message: string }
  /** The sequence number belongs to other bytes. */
  | { readonly kind: "sequenceTaken" };

/** One change of an administrative transaction. */
export type StoreChange =
  | { readonly kind: "meta"; readonly key: string; readonly value: string }
  | { readonly kind: "accessToken"; readonly row: AccessTokenRow }
  | { readonly kind: "accessTokenRevoked"; readonly id: string }
  | { readonly kind: "trustRoot"; readonly row: TrustRootRow }
  | { readonly kind: "delegation"; readonly row: DelegationRow }
  | { readonly kind: "enrolmentToken"; readonly row: EnrolmentTokenRow }
  | { readonly kind: "device"; readonly row: DeviceRow }
  | { readonly kind: "line"; readonly row: LineRow }
  | { readonly kind: "version"; readonly row: VersionRow }
  | { readonly kind: "decision"; readonly row: DecisionRow }
  | { readonly kind: "signingRequest"; readonly row: SigningRequestRow }
  /** The contributions of a window; earlier ones of their devices are superseded. */
  | {
      readonly kind: "windowClosed";
      readonly line: LineId;
      readonly window: number;
      readonly contributions: readonly Digest[];
    }
  /** Waiting contributions from any other base can never be used. */
  | {
      readonly kind: "basesKept";
      readonly line: LineId;
      readonly bases: readonly ModelVersion[];
    };

/** Everything that a hub keeps in memory, as it was at the last commit. */
export interface StoredHub {
  readonly meta: Readonly<Record<string, string>>;
  readonly accessTokens: readonly AccessTokenRow[];
  readonly trustRoots: readonly TrustRootRow[];
  readonly enrolmentTokens: readonly EnrolmentTokenRow[];
  readonly devices: readonly DeviceRow[];
  readonly lines: readonly LineRow[];
  readonly versions: readonly VersionRow[];
  /** The latest of each line and cohort. */
  readonly decisions: readonly DecisionRow[];
  /** Those that are open. */
  readonly signingRequests: readonly SigningRequestRow[];
  readonly pending: readonly Pick<
    ContributionRow,
    "digest" | "device" | "contributionSequence" | "base" | "line"
  >[];
  /** Highest contribution sequence that was answered, by device. */
  readonly contributionSequences: Readonly<Record<DeviceId, number>>;
  readonly contributionCounts: Readonly<Record<DeviceId, number>>;
  readonly reports: readonly ReportRow[];
  /** The newest receipt of each device. */
  readonly newestReceipts: readonly {
    readonly device: DeviceId;
    readonly active: ModelVersion;
    readonly storedAtMs: number;
  }[];
  readonly refusalCounts: readonly RefusalCountRow[];
  readonly outbox: readonly ReceiptEntryRow[];
  readonly auditHead: AuditRow | null;
}

/** One page of a list. */
export interface Page<Row> {
  readonly items: readonly Row[];
  readonly nextCursor: string | null;
}

/** Which page. */
export interface PageRequest {
  readonly limit: number;
  readonly cursor: string | null;
}

/**
 * The store of one hub.
 *
 * - What a method promised is durable when its promise resolves: committed and synced.
 * - Calls are carried out in the order in which they were made.
 * - A call that throws has changed nothing. Throws Fault `store.io_failed`.
 */
export interface Store {
  load(): Promise<StoredHub>;
  /** One transaction: rows, their audit rows, their receipts. Answers in the order of the rows. */
  commitIntake(
    rows: readonly IntakeRow[],
  ): Promise<{ readonly answers: readonly IntakeAnswer[]; readonly audit: readonly AuditRow[] }>;
  /** One transaction of any changes, with what the audit says of them. */
  commit(
    changes: readonly StoreChange[],
    audit: readonly AuditEntry[],
  ): Promise<readonly AuditRow[]>;
  knownContribution(
    digest: Digest,
    device: DeviceId,
    contributionSequence: number,
  ): Promise<KnownContribution>;
  /** These receipts were handed to the broker. */
  receiptsSent(
    entries: readonly { readonly digest: Digest; readonly device: DeviceId }[],
  ): Promise<void>;
  /** Contributions of a closed window with their frames, by rising digest after `after`. */
  windowContributions(
    line: LineId,
    window: number,
    after: Digest | null,
    limit: number,
  ): Promise<readonly (ContributionRow & { readonly frame: Uint8Array })[]>;
  /** What a device has said of drift, newest first; a bounded number. */
  driftHistory(device: DeviceId): Promise<readonly DriftHistoryRow[]>;
  pairs(
    champion: ModelVersion,
    challenger: ModelVersion,
  ): Promise<readonly (PairedCounts & { readonly device: DeviceId })[]>;
  receiptsSince(line: LineId, decisionSequence: number): Promise<readonly DeviceReceiptRow[]>;
  contributions(
    filter: { readonly device: string | null; readonly line: string | null },
    page: PageRequest,
  ): Promise<Page<ContributionRow>>;
  receipts(
    filter: { readonly device: string | null; readonly version: string | null },
    page: PageRequest,
  ): Promise<Page<DeviceReceiptRow>>;
  decisions(
    filter: { readonly line: string | null; readonly cohort: string | null },
    page: PageRequest,
  ): Promise<Page<DecisionRow>>;
  signingRequests(
    filter: { readonly state: string | null },
    page: PageRequest,
  ): Promise<Page<SigningRequestRow>>;
  signingRequest(id: string): Promise<SigningRequestRow | null>;
  delegations(filter: { readonly line: string | null }): Promise<readonly DelegationRow[]>;
  /** Oldest first, after a sequence. */
  audit(after: number, limit: number): Promise<readonly AuditRow[]>;
  auditLatest(limit: number): Promise<readonly AuditRow[]>;
  verifyAudit(): Promise<AuditVerdict>;
  close(): Promise<void>;
}
