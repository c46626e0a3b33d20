// What the guard knows at first. A part of its own: every device has it, also one that has not learned yet.
import type { GuardState } from "./localGuard.ts";

/** A guard of a user for whom the shared model answers and nothing was learned. */
export function createGuardState(): GuardState {
  return { serving: "shared", challenge: null, shadow: null };
}
