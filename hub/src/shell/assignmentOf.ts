// The next signed assignment of a device. It must not decide which cohort that is.
import {
  type Assignment,
  assignmentMessage,
  type CohortId,
  type DeviceId,
  type EpochMs,
  encodeMessage,
  type LineId,
} from "@attune/protocol";
import type { DeviceRow } from "../ports/store.ts";
import type { HubContext } from "./hubContext.ts";

/** The next signed assignment of a device. */
export function assignmentOf(
  { clock, cryptography, onlineKey }: Pick<HubContext, "clock" | "cryptography" | "onlineKey">,
  device: DeviceId,
  line: LineId,
  cohort: CohortId,
  before: DeviceRow | undefined,
): Pick<DeviceRow, "assignmentSequence" | "assignment"> {
  const assignmentSequence = (before?.assignmentSequence ?? 0) + 1;
  const assignment: Assignment = {
    device,
    line,
    cohort,
    assignmentSequence,
    issuedAtMs: Math.floor(clock.nowMs()) as EpochMs,
  };
  return {
    assignmentSequence,
    assignment: encodeMessage(assignmentMessage, assignment, [onlineKey], cryptography),
  };
}
