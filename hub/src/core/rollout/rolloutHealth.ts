// How a rollout fares on the devices that it has reached: receipts, faults, and evidence of harm. Pure; it decides nothing.
import {
  type DifferenceInterval,
  differenceInterval,
  harmEvidence,
  meanEvidence,
  pooledEvidence,
} from "@attune/device-runtime/monitor";
import type {
  CohortId,
  DecisionOutcome,
  DeviceId,
  ModelVersion,
  RefusalCode,
} from "@attune/protocol";
import type { RolloutPolicy } from "../../policy.ts";
import type { DevicePairs } from "../gate/shadowGate.ts";
import type { RolloutProgress } from "./lineState.ts";

/** A device that the line's decisions reach. */
export interface FleetDevice {
  readonly device: DeviceId;
  readonly cohort: CohortId;
  /** False only when it is known to be away. */
  readonly isReachable: boolean;
}

/** What a device said of a decision. */
export interface ReceiptFact {
  readonly device: DeviceId;
  readonly decisionSequence: number;
  readonly outcome: DecisionOutcome;
  readonly active: ModelVersion;
  readonly code: string;
  readonly message: string;
}

/** Evidence of harm on one device. */
export interface DeviceHealth extends DevicePairs {
  readonly harmEvidence: number;
}

/** A rollout as its devices see it. */
export interface RolloutHealth {
  /** Devices that it selects. */
  readonly selected: readonly FleetDevice[];
  readonly activatedCount: number;
  readonly bakedCount: number;
  /** Selected devices that can be reached now. */
  readonly reachableCount: number;
  /** Of those, the ones that serve it. */
  readonly reachableActivatedCount: number;
  readonly reachableBakedCount: number;
  /** What cannot be chance: it broke on a device. */
  readonly faults: readonly ReceiptFact[];
  readonly devices: readonly DeviceHealth[];
  /** Mean of the selected devices' evidence (e-values) of harm; a device without pairs counts as 1. */
  readonly harmEvidence: number;
  /** Anytime-valid interval of the difference in accuracy, pooled; null when nothing was compared. */
  readonly interval: DifferenceInterval | null;
}

/** Codes of a refused decision that mean a broken artifact, not a device that is busy or behind. */
const faultCodes: ReadonlySet<string> = new Set<RefusalCode>([
  "signature.key_unknown",
  "signature.role_forbidden",
  "signature.invalid",
  "signature.threshold_unmet",
  "record.mismatch",
  "blob.too_large",
  "blob.digest_mismatch",
  "version.mismatch",
  "model.too_large",
  "model.malformed",
  "model.opset_unsupported",
  "model.graph_invalid",
  "model.shape_unknown",
  "model.shape_invalid",
  "model.operator_unsupported",
  "model.parameter_unknown",
  "model.parameter_mismatch",
  "model.plan_invalid",
  "model.not_loadable",
  "model.output_not_finite",
  "delta.not_decodable",
  "delta.shape_mismatch",
  "delta.not_finite",
]);

/** What the devices say, as far as one rollout is concerned. */
export interface RolloutObservations {
  readonly devices: readonly FleetDevice[];
  readonly canaryHash: (salt: string, device: DeviceId) => number;
  readonly receipts: readonly ReceiptFact[];
  readonly pairs: readonly DevicePairs[];
}

/** Looks at a rollout through its devices' receipts and paired counts. */
export function rolloutHealth(
  rollout: RolloutProgress,
  challenger: ModelVersion,
  { devices, canaryHash, receipts, pairs }: RolloutObservations,
  policy: RolloutPolicy,
): RolloutHealth {
  const selected = devices.filter(
    ({ device }) => canaryHash(rollout.salt, device) <= rollout.threshold,
  );
  const selectedIds = new Set(selected.map(({ device }) => device));
  const activated = new Set<DeviceId>();
  const baked = new Set<DeviceId>();
  const faults: ReceiptFact[] = [];
  for (const receipt of receipts) {
    if (receipt.decisionSequence < rollout.firstSequence || !selectedIds.has(receipt.device)) {
      continue;
    }
    const { outcome, device, active, code } = receipt;
    if (outcome === "reverted" || (outcome === "refused" && faultCodes.has(code))) {
      faults.push(receipt);
    } else if (active === challenger && outcome !== "refused") {
      activated.add(device);
      if (outcome === "baked") baked.add(device);
    }
  }
  const reachable = selected.filter(({ isReachable }) => isReachable);
  const byDevice = new Map(pairs.map((pair) => [pair.device, pair]));
  const health = selected.flatMap(({ device }): DeviceHealth[] => {
    const pair = byDevice.get(device);
    if (pair === undefined || pair.n === 0) return [];
    const { n, wins, losses } = pair;
    return [{ device, n, wins, losses, harmEvidence: harmEvidence({ n, wins, losses }) }];
  });
  const { discordantPerDeviceMax, alpha } = policy;
  const pooled = pooledEvidence(
    health.map(({ n, wins, losses }) => ({ n, wins, losses })),
    { discordantPerDeviceMax, direction: "harm" },
  );
  return {
    selected,
    activatedCount: activated.size,
    bakedCount: baked.size,
    reachableCount: reachable.length,
    reachableActivatedCount: reachable.filter(({ device }) => activated.has(device)).length,
    reachableBakedCount: reachable.filter(({ device }) => baked.has(device)).length,
    faults,
    devices: health,
    harmEvidence: meanEvidence([
      ...health.map((device) => device.harmEvidence),
      ...Array.from({ length: selected.length - health.length }, () => 1),
    ]),
    interval: health.length === 0 ? null : differenceInterval(pooled.counts, alpha),
  };
}
