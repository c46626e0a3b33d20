// What a rollback that a person orders would do, and whether it may. Pure: the preview is the act without its last step.
import {
  accept,
  type CohortId,
  type DeviceId,
  type ModelVersion,
  type Outcome,
  type PersonalFate,
  refuse,
  shortVersion,
} from "@attune/protocol";
import type { LineState } from "./lineState.ts";
import { followingCohorts, movesLine } from "./stepLine.ts";

/** What is known of a version that somebody wants back. */
export interface RollbackVersion {
  readonly version: ModelVersion;
  readonly generation: number;
  readonly securityEpoch: number;
  readonly isReleased: boolean;
  /** Some device has served it for its whole bake without a fault. */
  readonly isBaked: boolean;
}

/** A device of the cohort. */
export interface RollbackDevice {
  readonly device: DeviceId;
  readonly isConnected: boolean | null;
  readonly active: ModelVersion | null;
  readonly personalUsers: number;
}

/** What a person asks for. */
export interface RollbackOrder {
  readonly cohort: CohortId;
  readonly to: RollbackVersion;
  readonly from: RollbackVersion;
  readonly personal: PersonalFate;
  readonly reason: string;
}

/** What would happen, in the order in which it happens. */
export interface RollbackPlan {
  readonly generationChange: number;
  readonly securityEpochFloor: number;
  /** The cohort leaves its line until somebody lets it follow again. */
  readonly pins: boolean;
  /** The rollout that ends, or null. */
  readonly stopsRollout: ModelVersion | null;
  readonly devices: readonly (RollbackDevice & { readonly changes: boolean })[];
  readonly effects: readonly string[];
}

const fates: Readonly<Record<PersonalFate, string>> = {
  keep: "is kept on top of it",
  refit: "is trained again from the replay buffer",
  park: "is put aside until the version under it returns",
  discard: "is discarded",
};

/**
 * Plans a rollback of one cohort.
 *
 * @returns the plan, or `operator.request_invalid` (no reason), `operator.cohort_unknown`, `operator.state_conflict` (serves it
 * already, never baked, not released), `record.security_epoch_too_low`
 */
export function planRollback(
  state: LineState,
  order: RollbackOrder,
  devices: readonly RollbackDevice[],
): Outcome<RollbackPlan> {
  const { cohort, to, from, personal, reason } = order;
  const name = shortVersion(state.line, to.version);
  if (reason.trim() === "") {
    return refuse(
      "operator.request_invalid",
      "a rollback needs a reason, for whoever reads the audit",
    );
  }
  if (state.cohorts[cohort] === undefined) {
    const known = Object.keys(state.cohorts).sort().join(", ");
    return refuse(
      "operator.cohort_unknown",
      `${state.line} has no cohort ${cohort}; it has ${known}`,
    );
  }
  if (!to.isReleased) {
    return refuse(
      "operator.state_conflict",
      `${name} is not released: no release keys that count now have signed it`,
    );
  }
  if (to.securityEpoch < state.securityEpoch) {
    return refuse(
      "record.security_epoch_too_low",
      `${name} has security epoch ${to.securityEpoch}, the floor is ${state.securityEpoch}; release it again under the current epoch`,
    );
  }
  if (!to.isBaked) {
    return refuse(
      "operator.state_conflict",
      `${name} never served its whole bake on any device; go back to one that has`,
    );
  }
  const { challenger } = state;
  const rolling = challenger?.rollout ? challenger.version : null;
  if (to.version === from.version && rolling === null) {
    return refuse("operator.state_conflict", `${cohort} serves ${name} already`);
  }
  const moves = movesLine(state, cohort);
  const stopsRollout = moves ? rolling : null;
  const affected = devices.map((device) => ({ ...device, changes: device.active !== to.version }));
  const changing = affected.filter(({ changes }) => changes);
  const offline = changing.filter(({ isConnected }) => isConnected === false).length;
  const personalUsers = changing.reduce((sum, device) => sum + device.personalUsers, 0);
  const others = followingCohorts(state).filter((each) => each !== cohort);
  const effects = [
    ...(stopsRollout === null
      ? []
      : [`the rollout of ${shortVersion(state.line, stopsRollout)} ends`]),
    moves
      ? `${state.line} goes back from generation ${from.generation} to ${to.generation}; new contributions are aggregated on ${name}`
      : `${cohort} is pinned to ${name}; ${others.join(", ")} go on with the line`,
    `${changing.length} of ${affected.length} devices change to ${name}${offline > 0 ? `, ${offline} of them when they are back` : ""}`,
    ...(personalUsers > 0
      ? [`what ${personalUsers} users' devices learned ${fates[personal]}`]
      : []),
  ];
  return accept({
    generationChange: to.generation - from.generation,
    securityEpochFloor: state.securityEpoch,
    pins: !moves,
    stopsRollout,
    devices: affected,
    effects,
  });
}
