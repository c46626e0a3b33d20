// Which parameters answer for a user. It must not decide that: the state says it.
import type { ModelVersion, ParameterSet } from "@attune/protocol";
import type { DeviceState } from "../core/state.ts";
import type { OpenUsers } from "./openUsers.ts";

/** A user's own parameters on a shared version, while they are what answers; else null. */
export function layerOf(
  state: DeviceState,
  users: OpenUsers,
  user: string,
  version: ModelVersion,
): ParameterSet | null {
  const one = state.users[user];
  if (one?.guard.serving !== "personal" || one.layer?.base !== version) return null;
  return users.all.get(user)?.layers.get(one.layer.digest) ?? null;
}
