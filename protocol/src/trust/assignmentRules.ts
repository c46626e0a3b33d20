// When an assignment takes effect on a device. Pure.
import { decodeMessage } from "../codec/message.ts";
import type { Cryptography } from "../crypto/cryptography.ts";
import { accept, type Outcome, refuse } from "../errors.ts";
import type { DeviceId, LineId } from "../ids.ts";
import { type Assignment, assignmentMessage } from "../messages/assignment.ts";
import type { TrustRoot } from "../messages/trustRoot.ts";
import { verifyRole } from "./trustRules.ts";

/** What a device knows when an assignment arrives. */
export interface AssignmentFloor {
  readonly device: DeviceId;
  readonly line: LineId;
  /** Highest assignment that was accepted before; 0 for none, and after a trust root that `replacesHubKeys`. */
  readonly assignmentSequence: number;
}

/**
 * Checks an assignment frame: the hub role signed it, it is this device's, and it is newer than everything before.
 *
 * An accepted one moves the device to another cohort and nothing else: its highest `decisionSequence` stays, because it counts
 * for the whole line, so no old decision of the new cohort can be replayed to it.
 *
 * @returns the assignment, or the first refusal in precedence order; a repeated current one is `assignment.sequence_replayed`
 */
export function checkAssignment(
  bytes: Uint8Array,
  floor: AssignmentFloor,
  root: TrustRoot,
  cryptography: Cryptography,
): Outcome<Assignment> {
  const message = decodeMessage(assignmentMessage, bytes);
  if (!message.ok) return message;
  const { value: assignment, frame } = message.value;
  const signed = verifyRole(frame, root, "hub", cryptography);
  if (!signed.ok) return signed;
  if (assignment.device !== floor.device || assignment.line !== floor.line) {
    return refuse(
      "assignment.mismatch",
      `assignment is for ${assignment.device} in line ${assignment.line}, this is ${floor.device} in ${floor.line}`,
    );
  }
  if (assignment.assignmentSequence <= floor.assignmentSequence) {
    return refuse(
      "assignment.sequence_replayed",
      `assignment ${assignment.assignmentSequence} is not newer than ${floor.assignmentSequence}`,
    );
  }
  return accept(assignment);
}
