// Versions whose parameters are here for a difference to be put on. It must not read them.
import type { SlotVersion } from "../core/slots/slotState.ts";
import type { DeviceState } from "../core/state.ts";

/** The versions that the slots keep, and what came with the app. */
export function knownVersions(state: DeviceState, bundled: SlotVersion): readonly SlotVersion[] {
  const { active, previousGood } = state.kept.slots;
  return [active, ...(previousGood === null ? [] : [previousGood]), bundled];
}
