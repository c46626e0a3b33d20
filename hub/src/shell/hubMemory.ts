// What a hub keeps in memory: the store's content as of the last commit, and what only the running hub knows (presence).
// It must not decide anything, and changes only after a commit.
import type { CohortId, DeviceId, Digest, KeyId, LineId, ModelVersion } from "@attune/protocol";
import {
  type ContributionPool,
  createContributionPool,
} from "../core/aggregate/contributionPool.ts";
import type { AuditRow } from "../core/audit/auditChain.ts";
import type { DevicePairs } from "../core/gate/shadowGate.ts";
import type { ReceiptFact } from "../core/rollout/rolloutHealth.ts";
import { STATE_LATEST_MAX } from "../limits.ts";
import { defaultPolicy, mergePolicy } from "../policy.ts";
import type {
  AccessTokenRow,
  DecisionRow,
  DeviceRow,
  EnrolmentTokenRow,
  LineRow,
  RefusalCountRow,
  ReportRow,
  SigningRequestRow,
  StoreChange,
  StoredHub,
  TrustRootRow,
  VersionRow,
} from "../ports/store.ts";

/** A device, as the hub knows it. */
export interface DeviceMemory {
  row: DeviceRow;
  report: ReportRow | null;
  /** What it said last that it serves, in a report or in a receipt: receipts come at once, reports when it is time for one. */
  active: ModelVersion | null;
  /** Null when the broker cannot tell and the device has said nothing since the hub started. */
  isConnected: boolean | null;
  lastSeenMs: number | null;
  /** Highest contribution sequence that was answered or is being answered. */
  contributionSequence: number;
  contributionCount: number;
}

/** A line, as the hub knows it. */
export interface LineMemory {
  row: LineRow;
  readonly pool: ContributionPool;
  /** Paired counts of the comparisons that the line looks at now, by `champion/challenger`. */
  readonly pairs: Map<string, Map<DeviceId, DevicePairs>>;
  /** Receipts of the rollout that is on its way, by device, sequence and outcome. */
  readonly receipts: Map<string, ReceiptFact>;
  /** What stands between an enrolled device's word and a look at the line. */
  isLookQueued: boolean;
}

/** A refusal that the state document shows. */
export interface RefusalNote {
  readonly device: string;
  readonly code: string;
  readonly message: string;
  readonly atMs: number;
}

/** Everything in memory. */
export interface HubMemory {
  readonly meta: Map<string, string>;
  readonly accessTokens: Map<string, AccessTokenRow>;
  readonly trustRoots: Map<number, TrustRootRow>;
  readonly enrolmentTokens: Map<string, EnrolmentTokenRow>;
  readonly enrolmentTokensByHash: Map<Digest, string>;
  readonly devices: Map<DeviceId, DeviceMemory>;
  readonly devicesByKey: Map<KeyId, DeviceId>;
  readonly lines: Map<LineId, LineMemory>;
  readonly versions: Map<ModelVersion, VersionRow>;
  /** The latest decision, by `line/cohort`. */
  readonly decisions: Map<string, DecisionRow>;
  /** Open ones, by id. */
  readonly signingRequests: Map<string, SigningRequestRow>;
  /** By `device/code`. */
  readonly refusalCounts: Map<string, RefusalCountRow>;
  latestRefusals: readonly RefusalNote[];
  latestAudit: readonly AuditRow[];
  auditLength: number;
  /** Rises whenever a device, or what it reported last, changes. */
  devicesRevision: number;
}

/** Key of a cohort's latest decision. */
function cohortKey(line: LineId, cohort: CohortId): string {
  return `${line}/${cohort}`;
}

/** Key of a comparison. */
export function pairKey(champion: ModelVersion, challenger: ModelVersion): string {
  return `${champion}/${challenger}`;
}

/** The memory of a hub that has just opened its store. */
export function createHubMemory(stored: StoredHub): HubMemory {
  const memory: HubMemory = {
    meta: new Map(Object.entries(stored.meta)),
    accessTokens: new Map(),
    trustRoots: new Map(),
    enrolmentTokens: new Map(),
    enrolmentTokensByHash: new Map(),
    devices: new Map(),
    devicesByKey: new Map(),
    lines: new Map(),
    versions: new Map(),
    decisions: new Map(),
    signingRequests: new Map(),
    refusalCounts: new Map(stored.refusalCounts.map((row) => [`${row.device}/${row.code}`, row])),
    latestRefusals: [],
    latestAudit: stored.auditHead === null ? [] : [stored.auditHead],
    auditLength: stored.auditHead?.sequence ?? 0,
    devicesRevision: 0,
  };
  const changes: StoreChange[] = [
    ...stored.accessTokens.map((row): StoreChange => ({ kind: "accessToken", row })),
    ...stored.trustRoots.map((row): StoreChange => ({ kind: "trustRoot", row })),
    ...stored.enrolmentTokens.map((row): StoreChange => ({ kind: "enrolmentToken", row })),
    ...stored.devices.map((row): StoreChange => ({ kind: "device", row })),
    ...stored.lines.map(
      (row): StoreChange => ({
        kind: "line",
        // A rule that is newer than the line has its default.
        row: { ...row, policy: mergePolicy(defaultPolicy, row.policy) },
      }),
    ),
    ...stored.versions.map((row): StoreChange => ({ kind: "version", row })),
    ...stored.decisions.map((row): StoreChange => ({ kind: "decision", row })),
    ...stored.signingRequests.map((row): StoreChange => ({ kind: "signingRequest", row })),
  ];
  for (const change of changes) applyToMemory(memory, change);
  for (const row of stored.reports) {
    const device = memory.devices.get(row.report.device);
    if (device === undefined) continue;
    device.report = row;
    device.active = row.report.active;
    device.lastSeenMs = row.receivedAtMs;
  }
  for (const { device, active, storedAtMs } of stored.newestReceipts) {
    const known = memory.devices.get(device);
    if (known === undefined || storedAtMs < (known.lastSeenMs ?? 0)) continue;
    known.active = active;
    known.lastSeenMs = storedAtMs;
  }
  for (const contribution of stored.pending) {
    memory.lines.get(contribution.line)?.pool.add(contribution);
  }
  for (const [device, known] of memory.devices) {
    known.contributionSequence = stored.contributionSequences[device] ?? 0;
    known.contributionCount = stored.contributionCounts[device] ?? 0;
  }
  return memory;
}

/** Brings the memory to where the store is after a commit. */
export function applyToMemory(memory: HubMemory, change: StoreChange): void {
  switch (change.kind) {
    case "meta":
      memory.meta.set(change.key, change.value);
      return;
    case "accessToken":
      memory.accessTokens.set(change.row.id, change.row);
      return;
    case "accessTokenRevoked":
      memory.accessTokens.delete(change.id);
      return;
    case "trustRoot":
      memory.trustRoots.set(change.row.version, change.row);
      return;
    case "enrolmentToken":
      memory.enrolmentTokens.set(change.row.id, change.row);
      memory.enrolmentTokensByHash.set(change.row.secretHash, change.row.id);
      return;
    case "device": {
      const known = memory.devices.get(change.row.device);
      memory.devicesRevision += 1;
      memory.devicesByKey.set(change.row.keyId, change.row.device);
      if (known !== undefined) {
        known.row = change.row;
        return;
      }
      memory.devices.set(change.row.device, {
        row: change.row,
        report: null,
        active: null,
        isConnected: null,
        lastSeenMs: null,
        contributionSequence: 0,
        contributionCount: 0,
      });
      return;
    }
    case "line": {
      const known = memory.lines.get(change.row.line);
      if (known !== undefined) {
        known.row = change.row;
        return;
      }
      memory.lines.set(change.row.line, {
        row: change.row,
        pool: createContributionPool(),
        pairs: new Map(),
        receipts: new Map(),
        isLookQueued: false,
      });
      return;
    }
    case "version":
      memory.versions.set(change.row.version, change.row);
      return;
    case "decision":
      memory.decisions.set(cohortKey(change.row.line, change.row.cohort), change.row);
      return;
    case "signingRequest":
      if (change.row.state === "open") memory.signingRequests.set(change.row.id, change.row);
      else memory.signingRequests.delete(change.row.id);
      return;
    case "windowClosed":
    case "basesKept":
    case "delegation":
      return;
  }
}

/** Remembers what a device has reported. */
export function noteReport(memory: HubMemory, device: DeviceMemory, row: ReportRow): void {
  device.report = row;
  device.active = row.report.active;
  memory.devicesRevision += 1;
}

/** Remembers the newest audit rows for the state document. */
export function noteAudit(memory: HubMemory, rows: readonly AuditRow[]): void {
  const last = rows.at(-1);
  if (last === undefined) return;
  memory.auditLength = last.sequence;
  memory.latestAudit = [...[...rows].reverse(), ...memory.latestAudit].slice(0, STATE_LATEST_MAX);
}

/** Counts a refusal where the store has counted it. */
export function noteRefusal(memory: HubMemory, note: RefusalNote): void {
  const key = `${note.device}/${note.code}`;
  const known = memory.refusalCounts.get(key);
  memory.refusalCounts.set(key, {
    device: note.device,
    code: note.code,
    count: (known?.count ?? 0) + 1,
    firstAtMs: known?.firstAtMs ?? note.atMs,
    lastAtMs: note.atMs,
    lastMessage: note.message,
  });
  memory.latestRefusals = [note, ...memory.latestRefusals].slice(0, STATE_LATEST_MAX);
}
