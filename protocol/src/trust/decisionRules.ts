// When a decision takes effect on a device: the three counters, the two roles, the canary's selection. Pure.
import { decodeMessage } from "../codec/message.ts";
import { type Cryptography, digestOf } from "../crypto/cryptography.ts";
import { accept, type Outcome, refuse } from "../errors.ts";
import type { CohortId, DeviceId, LineId } from "../ids.ts";
import {
  type CanarySelection,
  type Decision,
  decisionMessage,
  type ReleaseTarget,
} from "../messages/decision.ts";
import { type ReleaseRecord, releaseRecordMessage } from "../messages/releaseRecord.ts";
import type { TrustRoot } from "../messages/trustRoot.ts";
import { modelVersionOf } from "../modelVersion.ts";
import { shortVersion } from "../shortVersion.ts";
import type { DecisionSequence, SecurityEpoch } from "../units.ts";
import { verifyRole } from "./trustRules.ts";

/** What a device knows when a decision arrives. */
export interface DecisionFloor {
  readonly device: DeviceId;
  readonly line: LineId;
  readonly cohort: CohortId;
  /** Highest decision that was accepted before; 0 for none, and after a trust root that `replacesHubKeys`. */
  readonly decisionSequence: DecisionSequence;
  /** No version below this is activated; rises with every version that has baked. */
  readonly securityEpoch: SecurityEpoch;
}

/**
 * Checks a decision frame: the hub role signed it, it is for this line and cohort, it is newer than everything before, and
 * what it asks this device to serve is not below the security epoch.
 *
 * @returns the decision, or the first refusal in precedence order; a repeated current decision is `decision.sequence_replayed`
 */
export function checkDecision(
  bytes: Uint8Array,
  floor: DecisionFloor,
  root: TrustRoot,
  cryptography: Cryptography,
): Outcome<Decision> {
  const message = decodeMessage(decisionMessage, bytes);
  if (!message.ok) return message;
  const { value: decision, frame } = message.value;
  const signed = verifyRole(frame, root, "hub", cryptography);
  if (!signed.ok) return signed;
  if (decision.line !== floor.line) {
    return refuse(
      "decision.line_mismatch",
      `decision is for line ${decision.line}, this device's is ${floor.line}`,
    );
  }
  if (decision.cohort !== floor.cohort) {
    return refuse(
      "decision.cohort_mismatch",
      `decision is for cohort ${decision.cohort}, this device is in ${floor.cohort}`,
    );
  }
  if (decision.decisionSequence <= floor.decisionSequence) {
    return refuse(
      "decision.sequence_replayed",
      `decision ${decision.decisionSequence} is not newer than ${floor.decisionSequence}`,
    );
  }
  const target = targetFor(decision, floor.device, cryptography);
  if (target.securityEpoch < floor.securityEpoch) {
    return refuse(
      "record.security_epoch_too_low",
      `${shortVersion(decision.line, target.version)} has security epoch ${target.securityEpoch}, this device's floor is ${floor.securityEpoch}; release it again under the current epoch`,
    );
  }
  return accept(decision);
}

/**
 * Checks the release record that a decision's target points to: its bytes, the release role's threshold, and that it says
 * what the decision says.
 *
 * @returns the record, or `blob.digest_mismatch`, a `signature.*` refusal, `record.mismatch`, `version.mismatch`
 */
export function checkReleaseRecord(
  bytes: Uint8Array,
  line: LineId,
  target: ReleaseTarget,
  root: TrustRoot,
  cryptography: Cryptography,
): Outcome<ReleaseRecord> {
  if (digestOf(cryptography, bytes) !== target.record.digest) {
    return refuse(
      "blob.digest_mismatch",
      "release record's bytes do not have the digest in the decision",
    );
  }
  const message = decodeMessage(releaseRecordMessage, bytes);
  if (!message.ok) return message;
  const { value: record, frame } = message.value;
  const signed = verifyRole(frame, root, "release", cryptography);
  if (!signed.ok) return signed;
  if (
    record.line !== line ||
    record.version !== target.version ||
    record.generation !== target.generation ||
    record.securityEpoch !== target.securityEpoch
  ) {
    return refuse(
      "record.mismatch",
      `release record is of ${shortVersion(record.line, record.version)}, generation ${record.generation}, epoch ${record.securityEpoch}; the decision says otherwise`,
    );
  }
  const { graph, parameters, preprocessing, calibration } = record.parts;
  const version = modelVersionOf(
    {
      graph: graph.digest,
      parameters: parameters.digest,
      preprocessing: preprocessing.digest,
      calibration: calibration.digest,
    },
    cryptography,
  );
  if (version !== record.version) {
    return refuse(
      "version.mismatch",
      "release record's parts do not make the version that it names",
    );
  }
  return accept(record);
}

/**
 * A device's place in the order of one rollout: uniform in 0 to 2^32 - 1, fixed by salt and device.
 *
 * @example
 * canaryHash("s", "dev-1" as DeviceId, portableCryptography) === canaryHash("s", "dev-1" as DeviceId, portableCryptography); // => true
 */
export function canaryHash(salt: string, device: DeviceId, cryptography: Cryptography): number {
  const bytes = cryptography.sha256(
    new TextEncoder().encode(`attune/v1/canary\0${salt}\0${device}`),
  );
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
}

/** Whether a device is among those that a selection names. */
export function isSelected(
  selection: CanarySelection,
  device: DeviceId,
  cryptography: Cryptography,
): boolean {
  return canaryHash(selection.salt, device, cryptography) <= selection.threshold;
}

/**
 * The threshold that selects exactly `count` of the devices (all, when there are fewer): the count-th smallest hash. A
 * percentage would leave small fleets without a canary: 5 % of 30 devices select nobody in one fleet of five.
 *
 * @param count `>= 1`
 */
export function canaryThreshold(
  salt: string,
  devices: readonly DeviceId[],
  count: number,
  cryptography: Cryptography,
): number {
  const hashes = devices
    .map((device) => canaryHash(salt, device, cryptography))
    .sort((a, b) => a - b);
  return hashes[Math.min(count, hashes.length) - 1] ?? 0;
}

/** What this device should serve under a decision. */
export function targetFor(
  decision: Decision,
  device: DeviceId,
  cryptography: Cryptography,
): ReleaseTarget {
  const { rollout } = decision;
  return rollout !== undefined && isSelected(rollout.selection, device, cryptography)
    ? rollout.target
    : decision.champion;
}
