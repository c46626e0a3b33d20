// What operators say to a challenger or a rollout: yes, no, halt, go on, go back.
import {
  accept,
  type CohortId,
  type LineId,
  type ModelVersion,
  type Outcome,
  type PersonalFate,
  refuse,
  shortVersion,
} from "@attune/protocol";
import { planRollback, type RollbackVersion } from "../core/rollout/planRollback.ts";
import type { LineRow, VersionRow } from "../ports/store.ts";
import type { RollbackPreview } from "../state.ts";
import type { ActParts } from "./actParts.ts";
import { devicesOf } from "./documents.ts";

/** A person's word on a challenger that waits for it. */
export async function decideChallenger(
  { context, lines }: ActParts,
  version: ModelVersion,
  verdict: "promote" | "reject",
  reason: string,
  actor: string,
): Promise<Outcome<VersionRow>> {
  const row = context.memory.versions.get(version) as VersionRow;
  const challenger = context.memory.lines.get(row.line)?.row.state.challenger;
  const wasTaken =
    challenger?.version === version &&
    (await lines.act(row.line, { type: "approvalGiven", verdict, reason, actor }));
  if (!wasTaken) {
    return refuse(
      "operator.state_conflict",
      `${shortVersion(row.line, version)} does not wait for a person; only what is held or approving does`,
    );
  }
  return accept(context.memory.versions.get(version) as VersionRow);
}

/** Halts a rollout, or lets one that is held go on. */
export async function steerRollout(
  { context, lines }: ActParts,
  line: LineId,
  order: "halt" | "proceed",
  reason: string,
  actor: string,
): Promise<Outcome<LineRow>> {
  const type = order === "halt" ? "haltOrdered" : "proceedOrdered";
  if (!(await lines.act(line, { type, reason, actor }))) {
    const what = order === "halt" ? "spreading" : "held in its canary";
    return refuse("operator.state_conflict", `${line} has no rollout that is ${what}`);
  }
  return accept(context.memory.lines.get(line)?.row as LineRow);
}

/** Lets a cohort follow its line again. */
export async function removePin(
  { context, lines }: ActParts,
  line: LineId,
  cohort: CohortId,
  reason: string,
  actor: string,
): Promise<Outcome<LineRow>> {
  const row = context.memory.lines.get(line)?.row;
  if (row?.state.cohorts[cohort] === undefined) {
    return refuse("operator.cohort_unknown", `${line} has no cohort ${cohort}`);
  }
  if (!(await lines.act(line, { type: "pinRemoved", cohort, reason, actor }))) {
    return refuse("operator.state_conflict", `${cohort} is not pinned`);
  }
  return accept(context.memory.lines.get(line)?.row as LineRow);
}

/** Previews a rollback, and does it unless it is a dry run: the preview is exactly what is then done. */
export async function rollBack(
  { context, lines, documents }: ActParts,
  request: {
    readonly line: LineId;
    readonly cohort: CohortId;
    readonly to: ModelVersion;
    readonly reason: string;
    readonly isDryRun: boolean;
    readonly personal: PersonalFate | null;
  },
  actor: string,
): Promise<Outcome<RollbackPreview>> {
  const { memory } = context;
  const { line: name, cohort, to, reason, isDryRun } = request;
  const line = memory.lines.get(name);
  const toRow = memory.versions.get(to);
  const { state, policy } = line?.row ?? { state: null, policy: null };
  if (state === null || toRow === undefined || toRow.line !== name) {
    return refuse("operator.version_unknown", `line ${name} has no version ${to.slice(0, 8)}`);
  }
  if (state.cohorts[cohort] === undefined) {
    const known = Object.keys(state.cohorts).sort().join(", ");
    return refuse("operator.cohort_unknown", `${name} has no cohort ${cohort}; it has: ${known}`);
  }
  const fromVersion = state.cohorts[cohort]?.pin?.version ?? state.champion;
  const fromRow = fromVersion === null ? undefined : memory.versions.get(fromVersion);
  if (fromRow === undefined) {
    return refuse("operator.state_conflict", `${name} serves nothing yet`);
  }
  const personal = request.personal ?? policy.personal.onRollback;
  const facts = (row: VersionRow): RollbackVersion => ({
    version: row.version,
    generation: row.generation,
    securityEpoch: row.securityEpoch,
    isReleased: row.record !== null,
    isBaked: row.isBaked,
  });
  const devices = devicesOf(context, name)
    .filter(({ row }) => row.cohort === cohort)
    .map(({ row, isConnected, report, active }) => ({
      device: row.device,
      isConnected,
      active,
      personalUsers: report?.report.personalUsers ?? 0,
    }));
  const plan = planRollback(
    state,
    { cohort, to: facts(toRow), from: facts(fromRow), personal, reason },
    devices,
  );
  if (!plan.ok) return plan;
  const preview: RollbackPreview = {
    line: name,
    cohort,
    from: documents.version(fromRow),
    to: documents.version(toRow),
    reason,
    personal,
    ...plan.value,
    done: false,
    decisionSequence: null,
  };
  if (isDryRun) return accept(preview);
  await lines.act(name, { type: "rollbackOrdered", cohort, to, personal, reason, actor });
  const after = memory.lines.get(name)?.row.state.cohorts[cohort];
  return accept({ ...preview, done: true, decisionSequence: after?.decisionSequence ?? null });
}
