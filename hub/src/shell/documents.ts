// Turns the memory of a running hub into the documents of the API. It reads; it must not change or decide anything.
import { keyIdOf, type LineId, type ModelVersion, shortVersion } from "@attune/protocol";
import { type FleetDrift, fleetDrift } from "../core/drift/fleetDrift.ts";
import type { Challenger } from "../core/rollout/lineState.ts";
import { currentHealth } from "../core/rollout/stepLine.ts";
import { formatSpan, whyChallenger, whyWindow } from "../core/rollout/whyLine.ts";
import { DRIFT_SILENT_MS, STATE_DEVICES_MAX, STATE_VERSIONS_MAX } from "../limits.ts";
import type { VersionRow } from "../ports/store.ts";
import type {
  ChallengerState,
  CohortSummary,
  DeviceSummary,
  HubState,
  LineSummary,
  RolloutState,
  TrustState,
  VersionSummary,
} from "../state.ts";
import { createDriftViews, type MadeView } from "./driftViews.ts";
import type { HubContext } from "./hubContext.ts";
import type { DeviceMemory, LineMemory } from "./hubMemory.ts";
import type { IntakePipeline } from "./intakePipeline.ts";
import type { LineRunner } from "./lineRunner.ts";
import { currentTrustRoot, releaseKeyIds } from "./trustKeeper.ts";

/** What only the hub itself knows. */
export interface HubFacts {
  readonly startedAtMs: number;
  readonly isBrokerConnected: boolean;
  readonly mqttUrl: string | null;
  readonly webSocketUrl: string | null;
}

/** Makes documents. */
export interface Documents {
  state(facts: HubFacts): HubState;
  trust(): TrustState;
  line(line: LineMemory): LineSummary;
  device(device: DeviceMemory): DeviceSummary;
  version(row: VersionRow): VersionSummary;
  /** What drifts in a line, or in one cohort of it, now. */
  drift(line: LineId, cohort: string | null): FleetDrift;
}

/** Creates it. */
export function createDocuments(
  context: HubContext,
  lines: LineRunner,
  intake: IntakePipeline,
): Documents {
  const { memory, clock, cryptography, fleet, onlineKey, broker } = context;
  const hubKeyId = keyIdOf(cryptography, onlineKey.publicKey);

  const servingCounts = (): Map<ModelVersion, number> => {
    const counts = new Map<ModelVersion, number>();
    for (const { row, active } of memory.devices.values()) {
      if (active === null || row.status === "retired") continue;
      counts.set(active, (counts.get(active) ?? 0) + 1);
    }
    return counts;
  };

  const versionOf = (
    row: VersionRow,
    serving: ReadonlyMap<ModelVersion, number>,
  ): VersionSummary => ({
    version: row.version,
    short: shortVersion(row.line, row.version),
    line: row.line,
    generation: row.generation,
    securityEpoch: row.securityEpoch,
    source: row.lineage.source,
    base: row.lineage.base ?? null,
    contributionCount: row.lineage.contributionCount,
    note: row.note,
    createdAtMs: row.createdAtMs,
    status: row.status,
    isBaked: row.isBaked,
    servingDevices: serving.get(row.version) ?? 0,
  });

  const refusalsByDevice = (): Map<string, number> => {
    const counts = new Map<string, number>();
    for (const { device, count } of memory.refusalCounts.values()) {
      counts.set(device, (counts.get(device) ?? 0) + count);
    }
    return counts;
  };

  const deviceOf = (known: DeviceMemory, refusals: ReadonlyMap<string, number>): DeviceSummary => {
    const { row, report, active, isConnected, lastSeenMs } = known;
    const target = targetOf(known);
    return {
      device: row.device,
      line: row.line,
      cohort: row.cohort,
      status: row.status,
      isConnected,
      lastSeenMs,
      active,
      target: target?.version ?? null,
      isCanary: target?.isCanary ?? false,
      decisionSequence: report?.report.decisionSequence ?? 0,
      users: report?.report.users ?? 0,
      personalUsers: report?.report.personalUsers ?? 0,
      counts: report?.report.counts ?? null,
      doing: doing(known),
      contributions: known.contributionCount,
      refusals: refusals.get(row.device) ?? 0,
      enrolledAtMs: row.enrolledAtMs,
    };
  };

  const doing = ({ row, report, isConnected, lastSeenMs }: DeviceMemory): string => {
    if (row.status === "retired") return "retired";
    if (report === null) return "has not reported yet";
    if (isConnected === false) {
      const ago =
        lastSeenMs === null ? "before this start" : `${formatSpan(clock.nowMs() - lastSeenMs)} ago`;
      return `offline, last seen ${ago}`;
    }
    return report.report.state;
  };

  const targetOf = ({ row }: DeviceMemory): { version: ModelVersion; isCanary: boolean } | null => {
    const state = memory.lines.get(row.line)?.row.state;
    if (state === undefined) return null;
    const pin = state.cohorts[row.cohort]?.pin;
    if (pin) return { version: pin.version, isCanary: false };
    const { challenger, champion } = state;
    const rollout = challenger?.rollout;
    if (challenger?.version && rollout) {
      if (lines.hashOf(rollout.salt, row.device) <= rollout.threshold) {
        return { version: challenger.version, isCanary: rollout.stageIndex === 0 };
      }
    }
    return champion === null ? null : { version: champion, isCanary: false };
  };

  const lineOf = (line: LineMemory, serving: ReadonlyMap<ModelVersion, number>): LineSummary => {
    const { state, policy, validationSet } = line.row;
    const view = lines.view(line);
    const summary = (version: ModelVersion | null): VersionSummary | null => {
      const row = version === null ? undefined : memory.versions.get(version);
      return row === undefined ? null : versionOf(row, serving);
    };
    const versions = [...memory.versions.values()].filter((row) => row.line === state.line);
    return {
      line: state.line,
      champion: summary(state.champion),
      securityEpoch: state.securityEpoch,
      decisionSequence: state.decisionSequence,
      guards: policy.guards,
      cohorts: cohortsOf(state.line, state),
      window: {
        number: state.window.number,
        contributionCount: view.eligibleCount,
        quorum: policy.window.quorum,
        openedAtMs: state.window.openedAtMs,
        deadlineAtMs: state.window.deadlineAtMs,
        why: whyWindow(state, view),
      },
      challenger: state.challenger === null ? null : challengerOf(state.challenger),
      queue: state.queue.flatMap(({ version }) => summary(version) ?? []),
      versions: versions
        .slice(-STATE_VERSIONS_MAX)
        .reverse()
        .map((row) => versionOf(row, serving)),
      validationSet,
      drift: driftOf(state.line, null),
    };

    function challengerOf(challenger: Challenger): ChallengerState {
      const { source, stage, sinceMs, deadlineAtMs, gate, signingRequest } = challenger;
      const request =
        signingRequest === null ? undefined : memory.signingRequests.get(signingRequest);
      const signerWaits = stage === "signing" ? (request?.waiting ?? null) : null;
      const rest = `deadline in ${formatSpan(deadlineAtMs - view.nowMs)}`;
      return {
        version: summary(challenger.version),
        source,
        stage,
        sinceMs,
        deadlineAtMs,
        why:
          signerWaits === null
            ? whyChallenger(challenger, state, view)
            : `the signer waits: ${signerWaits.message}; ${rest}`,
        gate,
        signingRequest,
        signerWaits,
        rollout: rolloutOf(challenger),
      };
    }

    function rolloutOf(challenger: Challenger): RolloutState | null {
      const health = currentHealth(state, view);
      const { rollout, version } = challenger;
      if (health === null || rollout === null || version === null) return null;
      return {
        challenger: version,
        champion: state.champion,
        salt: rollout.salt,
        stageIndex: rollout.stageIndex,
        stageCount: policy.rollout.stages.length,
        threshold: rollout.threshold,
        selectedDevices: health.selected.slice(0, STATE_DEVICES_MAX).map(({ device }) => device),
        activated: health.activatedCount,
        baked: health.bakedCount,
        faults: health.faults.map(({ device, outcome, code, message }) => ({
          device,
          outcome,
          code,
          message,
        })),
        health: {
          devices: health.devices.slice(0, STATE_DEVICES_MAX),
          harmEvidence: health.harmEvidence,
          harmLimit: policy.rollout.harmLimit,
          interval: health.interval,
          margin: policy.rollout.margin,
        },
      };
    }
  };

  const cohortsOf = (name: LineId, state: LineMemory["row"]["state"]): CohortSummary[] => {
    const members = [...memory.devices.values()].filter(
      ({ row }) => row.line === name && row.status !== "retired",
    );
    return Object.entries(state.cohorts)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([cohort, { decisionSequence, action, reason, pin }]) => {
        const own = members.filter(({ row }) => row.cohort === cohort);
        return {
          cohort,
          deviceCount: own.length,
          connectedCount: own.filter(({ isConnected }) => isConnected === true).length,
          serves: pin?.version ?? state.champion,
          pin,
          decisionSequence,
          action,
          reason,
        };
      });
  };

  const trust = (): TrustState => {
    const current = currentTrustRoot(memory);
    if (current === null) {
      return {
        version: null,
        isDemo: false,
        fingerprint: null,
        releaseThreshold: null,
        releaseKeyIds: [],
        hubKeyId,
        why: "waiting: no trust root yet; make one with: attune signer init",
      };
    }
    const { root, fingerprint } = current;
    const rest = root.expiresAtMs - clock.nowMs();
    return {
      version: root.version,
      isDemo: root.isDemo,
      fingerprint,
      releaseThreshold: root.releaseThreshold,
      releaseKeyIds: releaseKeyIds(root, cryptography),
      hubKeyId,
      why: rest > 0 ? `valid for ${formatSpan(rest)} more` : "expired; make the next trust root",
    };
  };

  const driftViews = createDriftViews();

  const makeDrift = (line: LineId, cohort: string | null, nowMs: number): MadeView => {
    const said = devicesOf(context, line).flatMap(({ row, report }) => {
      const drift = report?.report.drift;
      // A device in quarantine is no evidence of anything.
      return drift === undefined || report === null || row.status !== "active"
        ? []
        : [
            {
              device: row.device,
              cohort: row.cohort,
              drift,
              atMs: report.report.atMs,
              receivedAtMs: report.receivedAtMs,
            },
          ];
    });
    const chosen = cohort === null ? said : said.filter((one) => one.cohort === cohort);
    const heardMs = chosen
      .map(({ receivedAtMs }) => receivedAtMs)
      .filter((receivedAtMs) => nowMs - receivedAtMs <= DRIFT_SILENT_MS);
    return {
      view: fleetDrift(chosen, nowMs),
      deviceCount: chosen.length,
      oldestMs: heardMs.length === 0 ? null : heardMs.reduce((a, b) => Math.min(a, b)),
    };
  };

  const driftOf = (line: LineId, cohort: string | null): FleetDrift => {
    const nowMs = clock.nowMs();
    return driftViews.of(
      // No line's name has a slash.
      cohort === null ? line : `${line}/${cohort}`,
      { revision: memory.devicesRevision, nowMs },
      () => makeDrift(line, cohort, nowMs),
    );
  };

  return {
    trust,
    drift: driftOf,
    line: (line) => lineOf(line, servingCounts()),
    device: (device) => deviceOf(device, refusalsByDevice()),
    version: (row) => versionOf(row, servingCounts()),
    state(facts) {
      const serving = servingCounts();
      const refusals = refusalsByDevice();
      const devices = [...memory.devices.values()].sort((a, b) =>
        a.row.device < b.row.device ? -1 : 1,
      );
      const count = (isCounted: (device: DeviceMemory) => boolean): number =>
        devices.filter(isCounted).length;
      const byCode: Record<string, number> = {};
      let total = 0;
      for (const row of memory.refusalCounts.values()) {
        byCode[row.code] = (byCode[row.code] ?? 0) + row.count;
        total += row.count;
      }
      return {
        fleet,
        nowMs: clock.nowMs(),
        startedAtMs: facts.startedAtMs,
        broker: {
          kind: broker.isGuarding ? "embedded" : "external",
          isConnected: facts.isBrokerConnected,
          mqttUrl: facts.mqttUrl,
          webSocketUrl: facts.webSocketUrl,
        },
        trust: trust(),
        lines: [...memory.lines.values()]
          .sort((a, b) => (a.row.line < b.row.line ? -1 : 1))
          .map((line) => lineOf(line, serving)),
        devices: {
          total: devices.length,
          connected: count(({ isConnected }) => isConnected === true),
          quarantined: count(({ row }) => row.status === "quarantined"),
          retired: count(({ row }) => row.status === "retired"),
          shown: devices.slice(0, STATE_DEVICES_MAX).map((device) => deviceOf(device, refusals)),
        },
        refusals: {
          total,
          byCode,
          dropped: intake.droppedCount,
          latest: memory.latestRefusals,
        },
        audit: {
          length: memory.auditLength,
          head: memory.latestAudit[0]?.hash ?? "",
          latest: memory.latestAudit,
        },
        faults: context.faults,
      };
    },
  };
}

/** Devices of a line that are not retired. */
export function devicesOf(
  { memory }: Pick<HubContext, "memory">,
  line: LineId,
): readonly DeviceMemory[] {
  return [...memory.devices.values()].filter(
    ({ row }) => row.line === line && row.status !== "retired",
  );
}
