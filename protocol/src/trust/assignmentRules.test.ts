import { describe, expect, it } from "vitest";
import {
  assignment,
  device,
  hubKey,
  line,
  releaseKeys,
  strangerKey,
  trustRoot,
} from "../../test/sampleMessages.ts";
import { encodeMessage } from "../codec/message.ts";
import type { KeyPair } from "../crypto/cryptography.ts";
import { nodeCryptography as cryptography } from "../crypto/nodeCryptography.ts";
import type { CohortId, DeviceId, LineId } from "../ids.ts";
import { type Assignment, assignmentMessage } from "../messages/assignment.ts";
import { checkAssignment } from "./assignmentRules.ts";

const check = (changes: Partial<Assignment>, keys: readonly KeyPair[] = [hubKey]): string => {
  const bytes = encodeMessage(assignmentMessage, { ...assignment, ...changes }, keys, cryptography);
  const outcome = checkAssignment(
    bytes,
    { device, line, assignmentSequence: 1 },
    trustRoot,
    cryptography,
  );
  return outcome.ok ? outcome.value.cohort : outcome.refusal.code;
};

describe("an assignment", () => {
  it("[PR45] moves this device to a cohort", () => {
    expect(check({ cohort: "ward-3" as CohortId })).toBe("ward-3");
  });

  it("[PR45] signature.*: only when the hub says so", () => {
    expect(check({}, [strangerKey])).toBe("signature.key_unknown");
    expect(check({}, [releaseKeys[0]])).toBe("signature.role_forbidden");
  });

  it("[PR45] assignment.mismatch: for another device or line", () => {
    expect(check({ device: "dev-2" as DeviceId })).toBe("assignment.mismatch");
    expect(check({ line: "gait" as LineId })).toBe("assignment.mismatch");
  });

  it("[PR45] assignment.sequence_replayed: the current one again, or an older one", () => {
    expect(check({ assignmentSequence: 1 })).toBe("assignment.sequence_replayed");
    expect(check({ assignmentSequence: 2 })).toBe("everyone");
  });
});
