// The shell around the line machine: gives it its view, commits state and effects in one transaction, signs decisions, starts
// what it waits for, sets its timer. It must not decide.
import {
  assertDefect,
  canaryHash,
  type Decision,
  type DecisionSequence,
  type DeviceId,
  decisionMessage,
  type EpochMs,
  encodeCbor,
  encodeMessage,
  type Generation,
  type LineId,
  type ModelVersion,
  type ReleaseRecord,
  type ReleaseTarget,
  releaseRecordMessage,
  type SecurityEpoch,
} from "@attune/protocol";
import type { PendingContribution } from "../core/aggregate/contributionPool.ts";
import type { AuditEntry } from "../core/audit/auditChain.ts";
import type { LineEffect, LineEvent, LineView, PendingWork } from "../core/rollout/lineEvents.ts";
import { createLineState, type DecisionPlan } from "../core/rollout/lineState.ts";
import { nextLookAtMs, pendingWork, stepLine } from "../core/rollout/stepLine.ts";
import { LINES_MAX } from "../limits.ts";
import type { LinePolicy } from "../policy.ts";
import type { Timer } from "../ports/clock.ts";
import type {
  DeviceReceiptRow,
  LineRow,
  SigningRequestRow,
  StoreChange,
  VersionRow,
} from "../ports/store.ts";
import type { HubContext } from "./hubContext.ts";
import { type LineMemory, pairKey } from "./hubMemory.ts";

/** What else belongs into the transaction of a step. */
export interface StepExtras {
  readonly changes?: readonly StoreChange[];
  readonly audit?: readonly AuditEntry[];
}

/** What a finished piece of work says, with the rows that it made. */
export interface WorkResult extends StepExtras {
  readonly event: LineEvent;
}

/** All lines of one hub. */
export interface LineRunner {
  /** Looks at a line soon: something in its view has changed. */
  look(line: LineId): void;
  /**
   * Takes an event; part of an act, so call it within `context.acts`.
   *
   * @returns false when the event no longer fits and nothing was committed, the extras neither
   */
  act(line: LineId, event: LineEvent, extras?: StepExtras): Promise<boolean>;
  /** Makes a line; part of an act. */
  create(line: LineId, policy: LinePolicy): Promise<void>;
  receiptStored(receipt: DeviceReceiptRow): void;
  presenceChanged(device: DeviceId, isConnected: boolean): void;
  /** What a line sees now. */
  view(line: LineMemory): LineView;
  /** A device's place in the order of a rollout. */
  readonly hashOf: (salt: string, device: DeviceId) => number;
  /** The version that a version's deltas build on; null where the lineage begins anew. */
  readonly parentOf: (version: ModelVersion) => ModelVersion | null;
  /** Goes on where the hub stopped: work, timers. */
  resume(): Promise<void>;
  /** Resolves when no work runs and no look waits. */
  idle(): Promise<void>;
  close(): void;
}

/** What the runner cannot do itself. */
export interface LineRunnerParts {
  /** Does what a line waits for; the result becomes an event. */
  readonly work: (line: LineMemory, work: PendingWork) => Promise<WorkResult>;
  /** After a commit that may have changed decisions, assignments or blobs. */
  readonly retainedChanged: () => void;
  readonly blobUrl: () => string;
}

/** Creates the runner. */
export function createLineRunner(context: HubContext, parts: LineRunnerParts): LineRunner {
  const { memory, clock, cryptography, store, onlineKey } = context;
  const timers = new Map<LineId, Timer>();
  const running = new Map<LineId, { readonly key: string; readonly done: Promise<void> }>();
  let isClosed = false;
  /** A rollout asks for every device's hash at every look; they never change. */
  const hashes = new Map<string, Map<DeviceId, number>>();

  const hashOf = (salt: string, device: DeviceId): number => {
    let known = hashes.get(salt);
    if (known === undefined) {
      // Salts of rollouts that have ended are of no use: a few lines have a few at a time.
      if (hashes.size >= LINES_MAX) hashes.clear();
      known = new Map();
      hashes.set(salt, known);
    }
    let hash = known.get(device);
    if (hash === undefined) {
      hash = canaryHash(salt, device, cryptography);
      known.set(device, hash);
    }
    return hash;
  };

  const parentOf = (version: ModelVersion): ModelVersion | null =>
    memory.versions.get(version)?.parent ?? null;

  const eligible = ({ row, pool }: LineMemory): readonly PendingContribution[] => {
    const { champion } = row.state;
    if (champion === null) return [];
    return pool
      .eligible(champion, parentOf, row.policy.intake.stalenessMax)
      .filter(({ device }) => memory.devices.get(device)?.row.status === "active");
  };

  /** The comparison that matters now: in shadow under the shadow's name, in a rollout under the version's own. */
  const comparison = ({ row }: LineMemory): string | null => {
    const { challenger, champion } = row.state;
    if (challenger === null || champion === null) return null;
    const version = challenger.rollout === null ? challenger.shadowVersion : challenger.version;
    return version === null ? null : pairKey(champion, version);
  };

  const view = (line: LineMemory): LineView => {
    const key = comparison(line);
    const devices = [...memory.devices.values()]
      .filter(({ row }) => row.line === line.row.line && row.status === "active")
      .map(({ row, isConnected }) => ({
        device: row.device,
        cohort: row.cohort,
        isReachable: isConnected !== false,
      }));
    const active = new Set(devices.map(({ device }) => device));
    const pairs = key === null ? [] : [...(line.pairs.get(key)?.values() ?? [])];
    return {
      nowMs: clock.nowMs(),
      policy: line.row.policy,
      eligibleCount: eligible(line).length,
      hasValidationSet: line.row.validationSet !== null,
      devices,
      canaryHash: hashOf,
      receipts: [...line.receipts.values()],
      pairs: pairs.filter(({ device }) => active.has(device)),
    };
  };

  /** Rows of comparisons and receipts that a new state looks at, before it looks at them. */
  const loadObservations = async (line: LineMemory): Promise<void> => {
    const key = comparison(line);
    for (const known of line.pairs.keys()) if (known !== key) line.pairs.delete(known);
    const { champion, challenger } = line.row.state;
    if (key !== null && !line.pairs.has(key) && champion !== null) {
      const version = key.slice(champion.length + 1) as ModelVersion;
      const rows = await store.pairs(champion, version);
      line.pairs.set(key, new Map(rows.map((row) => [row.device, row])));
    }
    if (!challenger?.rollout) line.receipts.clear();
  };

  const act = async (name: LineId, event: LineEvent, extras: StepExtras = {}): Promise<boolean> => {
    const line = memory.lines.get(name);
    assertDefect(line !== undefined, "line.missing", `there is no line ${name}`);
    const { changes: extraChanges = [], audit: extraAudit = [] } = extras;
    // What the extras bring is what the step's effects build on.
    const versions = new Map<ModelVersion, VersionRow>();
    for (const change of extraChanges) {
      if (change.kind === "version") versions.set(change.row.version, change.row);
    }
    const before = line.row;
    const step = stepLine(before.state, event, view(line));
    if (step.state === before.state && step.effects.length === 0) {
      afterStep(line);
      return false;
    }
    const taken = eligible(line);
    const effects = carryOut(line, step.effects, versions, taken);
    const audit = [...extraAudit, ...effects.audit];
    const changes: StoreChange[] = [
      ...extraChanges.filter(({ kind }) => kind !== "version"),
      ...[...versions.values()].map((row): StoreChange => ({ kind: "version", row })),
      ...effects.changes,
      { kind: "line", row: { ...before, state: step.state } },
    ];
    const isBaseMoved =
      before.state.champion !== step.state.champion ||
      (before.state.challenger?.rollout && step.state.challenger === null);
    const bases = isBaseMoved ? basesOf(step.state, before.policy, versions) : null;
    if (bases !== null) changes.push({ kind: "basesKept", line: name, bases: [...bases] });
    await context.commit(changes, audit);
    if (effects.isWindowClosed) {
      for (const { device, contributionSequence } of taken) {
        line.pool.removeUpTo(device, contributionSequence);
      }
    }
    if (bases !== null) line.pool.keepBases(bases);
    await loadObservations(line);
    parts.retainedChanged();
    afterStep(line);
    return true;
  };

  /** Versions whose contributions can still count: the champion, its ancestors within the limit, and a version on its way. */
  const basesOf = (
    state: LineRow["state"],
    policy: LinePolicy,
    versions: ReadonlyMap<ModelVersion, VersionRow>,
  ): Set<ModelVersion> => {
    const bases = new Set<ModelVersion>();
    let base = state.champion;
    for (let steps = 0; steps <= policy.intake.stalenessMax && base !== null; steps += 1) {
      bases.add(base);
      base = (versions.get(base) ?? memory.versions.get(base))?.parent ?? null;
    }
    if (state.challenger?.version) bases.add(state.challenger.version);
    return bases;
  };

  const carryOut = (
    line: LineMemory,
    effects: readonly LineEffect[],
    versions: Map<ModelVersion, VersionRow>,
    taken: readonly PendingContribution[],
  ): { changes: StoreChange[]; audit: AuditEntry[]; isWindowClosed: boolean } => {
    const name = line.row.line;
    const changes: StoreChange[] = [];
    const audit: AuditEntry[] = [];
    let isWindowClosed = false;
    const versionRow = (version: ModelVersion): VersionRow => {
      const row = versions.get(version) ?? memory.versions.get(version);
      assertDefect(row !== undefined, "version.missing", `version ${version} has no row`);
      return row;
    };
    const note = (entry: Omit<AuditEntry, "atMs" | "line">): void => {
      audit.push({ ...entry, atMs: clock.nowMs(), line: name });
    };
    for (const effect of effects) {
      switch (effect.type) {
        case "audit": {
          const { action, actor, subject, reason, detail } = effect;
          note({ action, actor, subject, reason, detail });
          break;
        }
        case "closeWindow":
          isWindowClosed = true;
          changes.push({
            kind: "windowClosed",
            line: name,
            window: effect.window,
            contributions: taken.map(({ digest }) => digest),
          });
          break;
        case "requestSignature":
          changes.push({
            kind: "signingRequest",
            row: signingRequest(line, effect, versionRow(effect.version)),
          });
          break;
        case "closeSigning":
          changes.push({
            kind: "signingRequest",
            row: closedRequest(effect),
          });
          break;
        case "setStatus":
          versions.set(effect.version, { ...versionRow(effect.version), status: effect.status });
          break;
        case "storeGate":
          versions.set(effect.version, { ...versionRow(effect.version), gate: effect.gate });
          break;
        case "decide": {
          const { plan } = effect;
          const frame = signDecision(name, plan, versionRow);
          const { cohort, action } = plan;
          const decisionSequence = plan.decisionSequence as DecisionSequence;
          const atMs = clock.nowMs();
          changes.push({
            kind: "decision",
            row: { line: name, cohort, decisionSequence, action, frame, atMs },
          });
          note({
            action: "decision.made",
            actor: "hub",
            subject: cohort,
            reason: plan.reason,
            detail: {
              action,
              decisionSequence,
              champion: plan.champion,
              rollout: plan.rollout,
              shadow: plan.shadow?.version ?? null,
            },
          });
          break;
        }
      }
    }
    return { changes, audit, isWindowClosed };
  };

  const signingRequest = (
    line: LineMemory,
    effect: LineEffect & { type: "requestSignature" },
    row: VersionRow,
  ): SigningRequestRow => {
    const nowMs = Math.floor(clock.nowMs()) as EpochMs;
    const record: ReleaseRecord = {
      line: row.line,
      version: row.version,
      generation: row.generation as Generation,
      securityEpoch: row.securityEpoch as SecurityEpoch,
      parts: row.parts,
      ...(row.delta === null ? {} : { delta: row.delta }),
      lineage: row.lineage,
      createdAtMs: nowMs,
      note: row.note,
    };
    return {
      id: effect.request,
      line: row.line,
      version: row.version,
      state: "open",
      // In the schema's order: a signer signs no other bytes.
      payload: encodeCbor(releaseRecordMessage.schema.parse(record)),
      gate: effect.gate,
      normToChampion: line.row.state.challenger?.norm ?? null,
      signatures: [],
      refusal: null,
      waiting: null,
      createdAtMs: nowMs,
      deadlineAtMs: effect.deadlineAtMs,
    };
  };

  const closedRequest = (effect: LineEffect & { type: "closeSigning" }): SigningRequestRow => {
    const row = memory.signingRequests.get(effect.request);
    assertDefect(row !== undefined, "signing.missing", `request ${effect.request} is not open`);
    const { state, code, message } = effect;
    return { ...row, state, refusal: { code, message } };
  };

  const signDecision = (
    line: LineId,
    plan: DecisionPlan,
    versionRow: (version: ModelVersion) => VersionRow,
  ): Uint8Array => {
    const target = (version: ModelVersion): ReleaseTarget => {
      const { generation, securityEpoch, record } = versionRow(version);
      assertDefect(record !== null, "version.unsigned", `version ${version} has no record`);
      return {
        version,
        generation: generation as Generation,
        securityEpoch: securityEpoch as SecurityEpoch,
        record,
      };
    };
    const { rollout, shadow } = plan;
    const decision: Decision = {
      line,
      cohort: plan.cohort,
      decisionSequence: plan.decisionSequence as DecisionSequence,
      action: plan.action,
      champion: target(plan.champion),
      ...(rollout === null
        ? {}
        : {
            rollout: {
              target: target(rollout.version),
              selection: { salt: rollout.salt, threshold: rollout.threshold },
            },
          }),
      ...(shadow === null
        ? {}
        : {
            shadow: {
              version: shadow.version,
              base: shadow.base,
              delta: shadow.delta,
              selection: { salt: shadow.salt, threshold: shadow.threshold },
            },
          }),
      personal: plan.personal,
      bakeMs: Math.ceil(plan.bakeMs),
      blobUrl: parts.blobUrl(),
      reason: plan.reason,
      issuedAtMs: Math.floor(clock.nowMs()) as EpochMs,
    };
    return encodeMessage(decisionMessage, decision, [onlineKey], cryptography);
  };

  const afterStep = (line: LineMemory): void => {
    if (isClosed) return;
    startWork(line);
    setTimer(line);
  };

  const startWork = (line: LineMemory): void => {
    const name = line.row.line;
    const work = pendingWork(line.row.state, line.row.validationSet !== null);
    if (work === null) return;
    const key = `${work.kind}/${work.challengerId}/${line.row.validationSet?.digest ?? ""}`;
    if (running.get(name)?.key === key) return;
    const done = parts
      .work(line, work)
      .catch((error: unknown): WorkResult => {
        // A hub that closes takes its threads away from under the work; it begins again at the next start.
        if (!isClosed) context.fault(error);
        const reason = error instanceof Error ? error.message : String(error);
        const type = work.kind === "validate" ? "validationFailed" : "prepareFailed";
        return { event: { type, challengerId: work.challengerId, reason } };
      })
      .then(({ event, ...extras }): boolean | Promise<boolean> =>
        isClosed ? false : context.acts.run(() => act(name, event, extras)),
      )
      .then(
        () => undefined,
        (error: unknown) => (isClosed ? undefined : context.fault(error)),
      )
      .finally(() => {
        if (running.get(name)?.done === done) running.delete(name);
      });
    running.set(name, { key, done });
  };

  const setTimer = (line: LineMemory): void => {
    const name = line.row.line;
    timers.get(name)?.cancel();
    timers.delete(name);
    const current = view(line);
    const atMs = nextLookAtMs(line.row.state, current);
    if (atMs === null) return;
    // At least a millisecond: a rounded clock must not spin.
    const delayMs = Math.max(1, atMs - current.nowMs);
    timers.set(
      name,
      clock.setTimer(delayMs, () => look(name)),
    );
  };

  const look = (name: LineId): void => {
    const line = memory.lines.get(name);
    if (line === undefined || line.isLookQueued || isClosed) return;
    line.isLookQueued = true;
    context.acts
      .run(() => {
        line.isLookQueued = false;
        return isClosed ? Promise.resolve(false) : act(name, { type: "looked" });
      })
      .catch((error: unknown) => context.fault(error));
  };

  /** The first device that has served a version for its whole bake makes it one that a rollback may name. */
  const markBaked = async (version: ModelVersion): Promise<void> => {
    const row = memory.versions.get(version);
    if (row === undefined || row.isBaked) return;
    await context.commit([{ kind: "version", row: { ...row, isBaked: true } }], []);
  };

  return {
    look,
    act,
    async create(name, policy) {
      if (memory.lines.has(name)) return;
      const state = createLineState(name, clock.nowMs(), policy.window.deadlineMs);
      await context.commit(
        [{ kind: "line", row: { line: name, state, policy, validationSet: null } }],
        [],
      );
    },
    receiptStored(receipt) {
      const line = memory.lines.get(receipt.line);
      if (line === undefined) return;
      const { device, decisionSequence, outcome, active, code, message } = receipt;
      const rollout = line.row.state.challenger?.rollout;
      if (rollout && decisionSequence >= rollout.firstSequence) {
        line.receipts.set(`${device}/${decisionSequence}/${outcome}`, {
          device,
          decisionSequence,
          outcome,
          active,
          code,
          message,
        });
      }
      if (outcome === "baked" && memory.versions.get(active)?.isBaked === false) {
        context.acts.run(() => markBaked(active)).catch((error: unknown) => context.fault(error));
      }
      look(receipt.line);
    },
    presenceChanged(device, isConnected) {
      const known = memory.devices.get(device);
      if (known === undefined) return;
      known.isConnected = isConnected;
      known.lastSeenMs = clock.nowMs();
      context.changed();
      look(known.row.line);
    },
    view,
    hashOf,
    parentOf,
    async resume() {
      for (const line of memory.lines.values()) {
        const rollout = line.row.state.challenger?.rollout;
        if (rollout) {
          for (const receipt of await store.receiptsSince(line.row.line, rollout.firstSequence)) {
            const { device, decisionSequence, outcome } = receipt;
            line.receipts.set(`${device}/${decisionSequence}/${outcome}`, receipt);
          }
        }
        await loadObservations(line);
        look(line.row.line);
      }
    },
    async idle() {
      do {
        await context.acts.drained();
        await Promise.all([...running.values()].map(({ done }) => done));
      } while (running.size > 0 || context.acts.length > 0);
    },
    close() {
      isClosed = true;
      for (const timer of timers.values()) timer.cancel();
      timers.clear();
    },
  };
}
