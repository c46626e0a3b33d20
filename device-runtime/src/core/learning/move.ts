// What becomes of a user's own parameters when the shared version under them changes. It must not compute parameters.
import type { ModelVersion, PersonalFate } from "@attune/protocol";
import { PARKED_MAX } from "../limits.ts";
import type { PersonalLayer, UserState } from "./userState.ts";

/** What to do for one user. */
export interface Move {
  readonly fate: PersonalFate | "restore" | "none";
  /** What answers for the user next, where that is known without computing. */
  readonly layer: PersonalLayer | null;
  readonly parked: UserState["parked"];
}

/**
 * Plans how a user follows a change of the shared version.
 *
 * Whatever the fate, the old parameters are parked first, so that a version which is left again gives back exactly what was there;
 * those to be discarded go when the new version has baked. Parameters that were parked for the new version come back, unless the
 * ones that answer now are kept.
 *
 * @param active the version that answers now
 * @param fate what the decision says
 * @param isGood whether that version has baked already
 */
export function planMove(
  user: UserState,
  active: ModelVersion,
  fate: PersonalFate,
  isGood: boolean,
): Move {
  const current = user.guard.serving === "personal" ? user.layer : null;
  if (current?.base === active) return { fate: "none", layer: current, parked: user.parked };
  const returning = user.parked.find(({ layer }) => layer.base === active) ?? null;
  const others = user.parked.filter((one) => one !== returning);
  const parked =
    current === null || (fate === "discard" && isGood)
      ? others
      : [
          ...others.filter(({ layer }) => layer.base !== current.base),
          { layer: current, isDoomed: fate === "discard" },
        ].slice(-PARKED_MAX);
  if (current !== null && fate === "keep") return { fate: "keep", layer: null, parked };
  if (returning !== null) return { fate: "restore", layer: returning.layer, parked };
  if (current === null) return { fate: "none", layer: null, parked };
  return { fate, layer: null, parked };
}
