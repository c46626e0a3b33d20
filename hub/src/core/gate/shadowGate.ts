// Whether devices found a challenger better than the champion, by the paired counts that they report. Pure.
import { pooledEvidence } from "@attune/device-runtime/monitor";
import type { DeviceId } from "@attune/protocol";
import type { ShadowPolicy } from "../../policy.ts";
import type { GateCheck } from "./gateCheck.ts";

/** What one device counted: champion and challenger on the same windows. */
export interface DevicePairs {
  readonly device: DeviceId;
  readonly n: number;
  /** Challenger right, champion wrong. */
  readonly wins: number;
  readonly losses: number;
}

const round = (value: number): string => {
  if (value > 1e6) return "over 1,000,000";
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
};

/**
 * Judges the devices' comparison: `pass` when enough devices compared and the pooled evidence for better reaches its limit,
 * `fail` when the evidence for worse does, `wait` otherwise.
 *
 * Each device counts up to a cap of discordant pairs, so no single one decides. It may be looked at after every report: the
 * evidence is anytime-valid.
 */
export function judgeShadow(pairs: readonly DevicePairs[], policy: ShadowPolicy): GateCheck {
  const counted = pairs.filter(({ n }) => n > 0);
  const perDevice = counted.map(({ n, wins, losses }) => ({ n, wins, losses }));
  const { discordantPerDeviceMax } = policy;
  const better = pooledEvidence(perDevice, { discordantPerDeviceMax, direction: "better" });
  const harm = pooledEvidence(perDevice, { discordantPerDeviceMax, direction: "harm" });
  const evidence = {
    devices: counted,
    counts: better.counts,
    betterEvidence: better.evidence,
    betterLimit: policy.betterLimit,
    harmEvidence: harm.evidence,
    harmLimit: policy.harmLimit,
    devicesMin: policy.devicesMin,
  };
  const sum = `${better.counts.wins} wins, ${better.counts.losses} losses of ${better.counts.n} on ${counted.length} devices`;
  if (counted.length >= policy.devicesMin && harm.evidence >= policy.harmLimit) {
    const text = `${sum}: evidence of harm ${round(harm.evidence)}, limit ${policy.harmLimit}`;
    return { name: "shadow", outcome: "fail", text, evidence };
  }
  if (counted.length < policy.devicesMin) {
    const text = `${counted.length} of ${policy.devicesMin} devices have compared`;
    return { name: "shadow", outcome: "wait", text, evidence };
  }
  const text = `${sum}: evidence ${round(better.evidence)} of ${policy.betterLimit}`;
  const outcome = better.evidence >= policy.betterLimit ? "pass" : "wait";
  return { name: "shadow", outcome, text, evidence };
}
