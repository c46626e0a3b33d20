// A made-up fleet in the shape of the hub's own documents; only tests of the page see it.

import type { DeviceId, DriftFinding } from "@attune/protocol";
import type { AuditRow } from "../../src/core/audit/auditChain.ts";
import { type DeviceDrift, fleetDrift } from "../../src/core/drift/fleetDrift.ts";
import type { GateReport } from "../../src/core/gate/gateCheck.ts";
import type {
  ChallengerState,
  DeviceSummary,
  HubState,
  LineSummary,
  VersionSummary,
} from "../../src/state.ts";

const nowMs = Date.UTC(2026, 4, 4, 14, 3, 20);
const SECOND = 1000;

const digest = (seed: number): string =>
  Array.from({ length: 64 }, (_, at) =>
    ((Math.imul(seed * 31 + at * 7 + 3, 2654435761) >>> 20) & 15).toString(16),
  ).join("");

const version = (
  seed: number,
  generation: number,
  status: VersionSummary["status"],
  fields: Partial<VersionSummary> = {},
): VersionSummary => ({
  version: digest(seed),
  short: `activity@${digest(seed).slice(0, 8)}`,
  line: "activity",
  generation,
  securityEpoch: 0,
  source: "aggregate",
  base: generation === 0 ? null : digest(1),
  contributionCount: 9,
  note: "",
  createdAtMs: nowMs - (20 - seed) * 61 * SECOND,
  status,
  isBaked: status === "retired" || status === "champion",
  servingDevices: 0,
  ...fields,
});

const v1 = version(1, 0, "retired", { source: "imported", contributionCount: 0, note: "bundled" });
const v2 = version(2, 1, "retired", { servingDevices: 2 });
const v3 = version(3, 1, "rejected");
const v4 = version(4, 2, "champion", { base: v2.version, servingDevices: 24 });
const v5 = version(5, 3, "rolled-back", {
  base: v4.version,
  source: "imported",
  note: "trained without left wrists",
  contributionCount: 0,
});
const v6 = version(6, 3, "candidate", {
  base: v4.version,
  contributionCount: 12,
  servingDevices: 4,
});

/** Versions, newest first. */
export const versions: readonly VersionSummary[] = [v6, v5, v4, v3, v2, v1];

const states = [
  "serving",
  "serving",
  "serving; testing 1 challengers",
  "training for 1 of 1 users",
  "serving",
  "testing 1 challengers",
  "serving",
];

const pick = (index: number, of: number): number => (Math.imul(index + 11, 2654435761) >>> 8) % of;

const device = (index: number, canaries: number): DeviceSummary => {
  const isCanary = index > 0 && index <= canaries;
  const isAway = pick(index, 11) === 3;
  const feedback = 40 + pick(index, 90);
  return {
    device: `wrist-${String(index + 1).padStart(2, "0")}`,
    line: "activity",
    cohort: pick(index, 5) === 0 ? "ward-3" : "default",
    status: index === 17 ? "quarantined" : "active",
    isConnected: !isAway,
    lastSeenMs: nowMs - pick(index, 9000),
    active: isCanary ? v6.version : pick(index, 13) === 5 ? v2.version : v4.version,
    target: isCanary ? v6.version : v4.version,
    isCanary,
    decisionSequence: 14,
    users: 1,
    personalUsers: pick(index, 3) === 0 ? 1 : 0,
    counts: {
      predictions: 900 + pick(index, 400),
      feedback,
      correct: Math.round(feedback * (0.82 + pick(index, 15) / 100)),
      outliers: pick(index, 60),
      alarms: pick(index, 3),
      trainings: pick(index, 4),
      trainingSteps: 120 * pick(index, 4),
      adopted: pick(index, 2),
      dropped: pick(index, 3),
      reverted: 0,
      contributions: pick(index, 3),
    },
    doing: isAway
      ? "offline, last seen 1 min 12 s ago"
      : isCanary
        ? `comparing ${v6.version.slice(0, 8)}`
        : (states[pick(index, states.length)] ?? "serving"),
    contributions: pick(index, 3),
    refusals: index === 17 ? 3 : 0,
    enrolledAtMs: nowMs - 3_600_000,
  };
};

const gate: GateReport = {
  verdict: "promote",
  because: "every check passed",
  checks: [
    {
      name: "sanity",
      outcome: "pass",
      text: "norm 0.8123 of 10, all answers finite",
      evidence: { norm: 0.8123, normMax: 10, notFiniteCount: 0 },
    },
    {
      name: "validation",
      outcome: "pass",
      text: "mean over 6 persons +1.3 points, at least +0.2 (95.0 % bootstrap), margin -1.0",
      evidence: {
        difference: 0.013,
        lowerBound: 0.002,
        margin: 0.01,
        persons: [0.03, -0.006, 0.012, 0.021, 0.004, 0.017].map((difference, index) => ({
          person: `p${index}`,
          count: 120,
          difference,
        })),
      },
    },
    {
      name: "slices",
      outcome: "pass",
      text: "worst slice is class sitting: -1.4 points on 140 samples, margin -5.0",
      evidence: {},
    },
    {
      name: "shadow",
      outcome: "pass",
      text: "64 wins, 21 losses of 1,204 on 9 devices: evidence 31.2 of 20",
      evidence: { betterEvidence: 31.2, betterLimit: 20, harmEvidence: 0.04, harmLimit: 20 },
    },
    { name: "approval", outcome: "skipped", text: "the policy asks nobody", evidence: {} },
  ],
};

const canary = (count: number): ChallengerState => ({
  version: v6,
  source: "aggregate",
  stage: "canary",
  sinceMs: nowMs - 48 * SECOND,
  deadlineAtMs: nowMs + 3520 * SECOND,
  why: "canary: 4 of 4 devices serve it; hold: 4 devices can show 3.1 points, margin 2.0; evidence of harm 1.4 of 20, deadline in 58 min 40 s",
  gate,
  signingRequest: "r-6",
  signerWaits: null,
  rollout: {
    challenger: v6.version,
    champion: v4.version,
    salt: "s",
    stageIndex: 0,
    stageCount: 1,
    threshold: 700_000_000,
    selectedDevices: Array.from({ length: count }, (_, index) => device(index + 1, count).device),
    activated: count,
    baked: 1,
    faults: [],
    health: {
      devices: [
        { device: "wrist-02", n: 61, wins: 4, losses: 2, harmEvidence: 0.42 },
        { device: "wrist-03", n: 48, wins: 1, losses: 3, harmEvidence: 1.9 },
        { device: "wrist-04", n: 55, wins: 5, losses: 1, harmEvidence: 0.2 },
        { device: "wrist-05", n: 40, wins: 2, losses: 2, harmEvidence: 0.9 },
      ],
      harmEvidence: 1.4,
      harmLimit: 20,
      interval: { low: -0.031, high: 0.062 },
      margin: 0.02,
    },
  },
});

const row = (sequence: number, agoMs: number, fields: Partial<AuditRow>): AuditRow => ({
  sequence,
  atMs: nowMs - agoMs,
  actor: "hub",
  action: "hub.started",
  line: "activity",
  subject: "",
  reason: "",
  detail: {},
  previous: digest(sequence) as AuditRow["previous"],
  hash: digest(sequence + 1) as AuditRow["hash"],
  ...fields,
});

/** Rows, oldest first. */
export const auditRows: readonly AuditRow[] = [
  row(1, 1_200_000, { line: null }),
  row(2, 1_199_000, {
    action: "trust.rootAccepted",
    actor: "signer:s1",
    line: null,
    subject: digest(8),
    detail: { version: 1 },
  }),
  row(3, 1_190_000, {
    action: "model.imported",
    actor: "admin:a1",
    subject: v1.version,
    reason: "bundled",
  }),
  row(4, 1_189_000, {
    action: "release.created",
    subject: v1.version,
    reason: "first version of the line",
  }),
  row(5, 1_100_000, { action: "device.enrolled", actor: "device:wrist-01", subject: "wrist-01" }),
  row(6, 1_090_000, { action: "device.enrolled", actor: "device:wrist-02", subject: "wrist-02" }),
  row(7, 900_000, {
    action: "contribution.committed",
    actor: "device:wrist-01",
    subject: digest(77),
  }),
  row(8, 700_000, { action: "window.closed", subject: "1", reason: "8 of 8 contributions" }),
  row(9, 690_000, { action: "candidate.made", subject: v2.version, detail: { norm: 0.61 } }),
  row(10, 600_000, {
    action: "gate.verdict",
    subject: v3.version,
    reason: "worst slice is person p4: -7.1 points on 61 samples, margin -5.0",
    detail: { verdict: "reject" },
  }),
  row(11, 500_000, {
    action: "rollout.promoted",
    subject: v4.version,
    reason: "baked on 27 of 28 reachable devices",
  }),
  row(12, 400_000, {
    action: "model.imported",
    actor: "admin:a1",
    subject: v5.version,
    reason: "trained without left wrists",
  }),
  row(13, 320_000, {
    action: "rollout.started",
    subject: v5.version,
    reason: "canary of 4 devices",
  }),
  row(14, 260_000, {
    action: "rollout.rolledBack",
    subject: v5.version,
    reason: "evidence of harm 23.4, limit 20",
    detail: { harmEvidence: 23.4, wins: 1, losses: 14 },
  }),
  row(15, 200_000, {
    action: "refusal.counted",
    actor: "device:wrist-18",
    subject: "wrist-18",
    reason: "delta.norm_too_large: norm 512 is above 20",
    detail: { count: 1 },
  }),
  row(16, 190_000, {
    action: "device.quarantined",
    actor: "admin:a1",
    subject: "wrist-18",
    reason: "sends nonsense",
  }),
  row(17, 120_000, { action: "window.closed", subject: "5", reason: "12 of 8 contributions" }),
  row(18, 118_000, { action: "candidate.made", subject: v6.version, detail: { norm: 0.8123 } }),
  row(19, 60_000, {
    action: "gate.verdict",
    subject: v6.version,
    reason: "every check passed",
    detail: { verdict: "promote" },
  }),
  row(20, 55_000, { action: "signing.signed", actor: "signer:s1", subject: v6.version }),
  row(21, 48_000, {
    action: "rollout.started",
    subject: v6.version,
    reason: "canary of 4 devices",
    detail: { devices: ["wrist-02"] },
  }),
];

/** What a state is made of. */
export interface FleetStateOptions {
  readonly deviceCount: number;
  readonly scene: "empty" | "collecting" | "shadowing" | "canary";
}

/** Ward 3's accelerometers have another gain since yesterday, and one person elsewhere has changed. */
const driftOf = (index: number): DeviceDrift => {
  const { device: name, cohort } = device(index, 0);
  const found = (
    series: string,
    direction: DriftFinding["direction"],
    mean: number,
  ): DriftFinding => ({
    kind: "feature",
    name: series,
    direction,
    users: 1,
    count: 31,
    evidence: 96_000 + 1000 * index,
    limit: 90_000,
    severity: { mean, low: mean - 0.6, high: mean + 0.6 },
    onsetMs: nowMs - (25 - pick(index, 4)) * 3600 * SECOND,
  });
  const findings =
    cohort === "ward-3"
      ? [found("acc-x", "up", 4.6), found("acc-y", "up", 3.9), found("joint", "mixed", 5.2)]
      : index === 6
        ? [found("gyro-z", "down", 2.8)]
        : [];
  return {
    device: name as DeviceId,
    cohort,
    atMs: nowMs,
    receivedAtMs: nowMs,
    drift: {
      version: 1,
      verdict: findings.length > 0 ? "fail" : index % 9 === 8 ? "learning" : "pass",
      users: 1,
      learningUsers: findings.length === 0 && index % 9 === 8 ? 1 : 0,
      driftedUsers: findings.length > 0 ? 1 : 0,
      windows: 4000,
      series: 12,
      findings,
      unnamedFindings: 0,
      outliers: { windows: 40, recentShare: 0.08, referenceShare: 0.1 },
      quarantined: {
        windows: index === 4 ? 12 : 0,
        problems: {
          valueMissing: 0,
          valueOutside: 0,
          channelSaturated: 0,
          channelStuck: index === 4 ? 12 : 0,
          windowDuplicated: 0,
          samplingGap: 0,
        },
      },
      rules: { violations: 0, broken: 0 },
      performance: {
        errorRate: findings.length > 0 ? 0.27 : 0.1,
        low: findings.length > 0 ? 0.21 : 0.08,
        high: findings.length > 0 ? 0.33 : 0.12,
        referenceErrorRate: 0.1,
        count: 300,
        verdict: findings.length > 0 ? "worse" : "fine",
      },
    },
  };
};

const lineOf = ({ deviceCount, scene }: FleetStateOptions): LineSummary => {
  const canaries = Math.min(4, Math.max(0, deviceCount - 1));
  const waiting: GateReport = {
    verdict: null,
    because: "",
    checks: gate.checks.slice(0, 3).concat({
      name: "shadow",
      outcome: "wait",
      text: "31 wins, 14 losses of 702 on 7 devices: evidence 6.1 of 20",
      evidence: { betterEvidence: 6.1, betterLimit: 20, harmEvidence: 0.3, harmLimit: 20 },
    }),
  };
  const full = canary(canaries);
  return {
    line: "activity",
    champion: v4,
    securityEpoch: 0,
    decisionSequence: 14,
    guards: "on",
    cohorts: [
      {
        cohort: "default",
        deviceCount,
        connectedCount: deviceCount - 2,
        serves: v4.version,
        pin: null,
        decisionSequence: 14,
        action: "canary",
        reason: "canary of 4 devices",
      },
      {
        cohort: "ward-3",
        deviceCount: 5,
        connectedCount: 5,
        serves: v2.version,
        pin: { version: v2.version, reason: "missed falls" },
        decisionSequence: 12,
        action: "rollback",
        reason: "missed falls",
      },
    ],
    window: {
      number: 6,
      contributionCount: 3,
      quorum: 8,
      openedAtMs: nowMs - 118 * SECOND,
      deadlineAtMs: nowMs + 480 * SECOND,
      why:
        scene === "collecting"
          ? "waiting: 3 of 8 contributions, deadline in 8 min"
          : "waiting: 3 of 8 contributions; a challenger is on its way",
    },
    challenger:
      scene === "canary"
        ? full
        : scene === "shadowing"
          ? {
              ...full,
              stage: "shadowing",
              why: "waiting: 31 wins, 14 losses of 702 on 7 devices: evidence 6.1 of 20, deadline in 52 min 3 s",
              gate: waiting,
              rollout: null,
              signingRequest: null,
              signerWaits: null,
            }
          : null,
    queue: [],
    versions: scene === "collecting" ? versions.slice(1) : versions,
    validationSet: { digest: digest(9), samples: 720, persons: 6, classes: 6 },
    drift: fleetDrift(
      Array.from({ length: deviceCount }, (_, index) => driftOf(index)),
      nowMs,
    ),
  };
};

/** A whole document. */
export function fleetState(options: FleetStateOptions): HubState {
  const { deviceCount, scene } = options;
  const isEmpty = scene === "empty";
  const canaries = scene === "canary" ? Math.min(4, Math.max(0, deviceCount - 1)) : 0;
  const devices = isEmpty
    ? []
    : Array.from({ length: deviceCount }, (_, index) => device(index, canaries));
  return {
    fleet: "home",
    nowMs,
    startedAtMs: nowMs - 1_200_000,
    broker: {
      kind: "embedded",
      isConnected: true,
      mqttUrl: "mqtt://127.0.0.1:1883",
      webSocketUrl: "ws://127.0.0.1:7701",
    },
    trust: isEmpty
      ? {
          version: null,
          isDemo: false,
          fingerprint: null,
          releaseThreshold: null,
          releaseKeyIds: [],
          hubKeyId: "0123456789abcdef",
          why: "waiting: no trust root yet; make one with: attune signer init",
        }
      : {
          version: 1,
          isDemo: true,
          fingerprint: digest(8),
          releaseThreshold: 1,
          releaseKeyIds: ["89abcdef01234567"],
          hubKeyId: "0123456789abcdef",
          why: "valid for 364 d 23 h more",
        },
    lines: isEmpty ? [] : [lineOf(options)],
    devices: {
      total: devices.length,
      connected: devices.filter(({ isConnected }) => isConnected).length,
      quarantined: devices.filter(({ status }) => status === "quarantined").length,
      retired: 0,
      shown: devices.slice(0, 500),
    },
    refusals: { total: 3, byCode: { "delta.norm_too_large": 3 }, dropped: 0, latest: [] },
    audit: isEmpty
      ? { length: 1, head: digest(2), latest: auditRows.slice(0, 1) }
      : { length: auditRows.length, head: digest(22), latest: [...auditRows].reverse() },
    faults: [],
  };
}

/** Every device of a state, also those that the document leaves out. */
export function fleetDevices({ deviceCount, scene }: FleetStateOptions): readonly DeviceSummary[] {
  const canaries = scene === "canary" ? Math.min(4, Math.max(0, deviceCount - 1)) : 0;
  return Array.from({ length: deviceCount }, (_, index) => device(index, canaries));
}

/** A version's whole document. */
export const versionDetail = (id: string): unknown => {
  const found = versions.find(({ version: known }) => known === id);
  return found === undefined
    ? null
    : {
        ...found,
        lineage: {},
        parts: {},
        gate: found.source === "aggregate" ? gate : null,
        record: found.status === "candidate" ? null : "AA==",
      };
};
