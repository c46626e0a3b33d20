// What operators do to devices: tokens to enrol them, retirement, quarantine, cohorts.
import {
  accept,
  type CohortId,
  type DeviceId,
  type Digest,
  type Outcome,
  refuse,
} from "@attune/protocol";
import { COHORTS_MAX, ENROLMENT_TOKENS_MAX } from "../limits.ts";
import type { DeviceRow, EnrolmentTokenRow } from "../ports/store.ts";
import { type ActParts, auditEntry, shortId } from "./actParts.ts";
import { assignmentOf } from "./assignmentOf.ts";
import { makeSecret, secretHash } from "./enrolment.ts";
import { currentTrustRoot } from "./trustKeeper.ts";

/** Makes an enrolment token for a cohort. */
export async function createEnrolmentToken(
  { context }: ActParts,
  request: {
    readonly cohort: CohortId;
    readonly uses: number;
    readonly expiresInMs: number;
    readonly note: string;
  },
  actor: string,
): Promise<
  Outcome<{
    readonly row: EnrolmentTokenRow;
    readonly secret: string;
    readonly fingerprint: Digest;
  }>
> {
  const { memory, clock } = context;
  const root = currentTrustRoot(memory);
  if (root === null) {
    return refuse(
      "operator.state_conflict",
      "a token names the trust root, and there is none yet; make one with: attune signer init",
    );
  }
  const nowMs = clock.nowMs();
  const live = [...memory.enrolmentTokens.values()].filter(
    ({ usesCount, usesMax, expiresAtMs }) => usesCount < usesMax && expiresAtMs > nowMs,
  );
  if (live.length >= ENROLMENT_TOKENS_MAX) {
    return refuse("operator.state_conflict", `${live.length} enrolment tokens are unused already`);
  }
  const secret = makeSecret(context);
  const row: EnrolmentTokenRow = {
    id: shortId(context),
    secretHash: secretHash(context, secret),
    cohort: request.cohort,
    usesMax: request.uses,
    usesCount: 0,
    expiresAtMs: nowMs + request.expiresInMs,
    note: request.note,
    createdAtMs: nowMs,
    rootVersion: root.root.version,
  };
  await context.commit(
    [{ kind: "enrolmentToken", row }],
    [
      auditEntry(context, actor, "token.created", null, row.id, request.note, {
        cohort: row.cohort,
        uses: row.usesMax,
        expiresAtMs: row.expiresAtMs,
      }),
    ],
  );
  return accept({ row, secret, fingerprint: root.fingerprint });
}

/** Retires a device for ever, puts it into quarantine, or lets it out again. */
export async function setDeviceStatus(
  { context, lines, retainedChanged }: ActParts,
  device: DeviceId,
  status: DeviceRow["status"],
  reason: string,
  actor: string,
): Promise<Outcome<DeviceId>> {
  const known = context.memory.devices.get(device);
  if (known === undefined) return refuse("device.unknown", `there is no device ${device}`);
  if (known.row.status === "retired") {
    return refuse(
      "operator.state_conflict",
      `${device} was retired; enrol it again under a new key`,
    );
  }
  if (known.row.status === status) {
    return refuse("operator.state_conflict", `${device} is ${status} already`);
  }
  const actions = {
    retired: "device.retired",
    quarantined: "device.quarantined",
    active: "device.released",
  };
  await context.commit(
    [{ kind: "device", row: { ...known.row, status } }],
    [auditEntry(context, actor, actions[status], known.row.line, device, reason, {})],
  );
  if (status === "retired") context.broker.disconnect(device);
  retainedChanged();
  lines.look(known.row.line);
  return accept(device);
}

/** Moves a device to another cohort. */
export async function moveDevice(
  { context, lines }: ActParts,
  device: DeviceId,
  cohort: CohortId,
  reason: string,
  actor: string,
): Promise<Outcome<DeviceId>> {
  const known = context.memory.devices.get(device);
  if (known === undefined || known.row.status === "retired") {
    return refuse("device.unknown", `there is no device ${device}`);
  }
  const { row } = known;
  if (row.cohort === cohort) {
    return refuse("operator.state_conflict", `${device} is in ${cohort} already`);
  }
  const line = context.memory.lines.get(row.line);
  const cohorts = line?.row.state.cohorts ?? {};
  if (cohorts[cohort] === undefined && Object.keys(cohorts).length >= COHORTS_MAX) {
    return refuse("operator.state_conflict", `${row.line} has ${COHORTS_MAX} cohorts already`);
  }
  const moved = { ...row, cohort, ...assignmentOf(context, device, row.line, cohort, row) };
  await context.commit(
    [{ kind: "device", row: moved }],
    [
      auditEntry(context, actor, "device.moved", row.line, device, reason, {
        from: row.cohort,
        to: cohort,
      }),
    ],
  );
  // The device has seen a higher decision than this cohort's: its decision is given out again.
  await lines.act(row.line, {
    type: "cohortJoined",
    cohort,
    reason: `${device} joined: ${reason}`.slice(0, 500),
  });
  return accept(device);
}
