// Evidence of many devices taken together. It must not decide anything, nor know what a rollout is.

import type { PairedCounts } from "@attune/protocol";
import { Defect } from "@attune/protocol";
import { assertPairedCounts, noPairs } from "./pairedCounts.ts";
import { betterEvidence, harmEvidence } from "./pairedEvidence.ts";

/**
 * The average of the devices' e-values: itself an e-value, whatever the devices have in common.
 *
 * - Range: `[0, Number.MAX_VALUE]`; 1 for no device.
 *
 * Each device weighs the same however much it reported, so one talkative or lying device adds at most its own e-value divided
 * by the number of devices. It asks whether **any** device fares otherwise than claimed, not whether most do.
 *
 * @throws {@link Defect} `evidence.value_invalid` for a value that is negative or not a number.
 * @example
 * meanEvidence([31.875, 1, 0.125]); // => 11
 * @see Vovk and Wang 2021, "E-values: calibration, combination and applications", section 3: the average is the only symmetric
 *   way to merge e-values that may depend on each other, up to domination.
 */
export function meanEvidence(perDevice: readonly number[]): number {
  if (perDevice.length === 0) return 1;
  let mean = 0;
  for (const evidence of perDevice) {
    if (!(evidence >= 0)) {
      throw new Defect("evidence.value_invalid", `evidence is ${evidence}, it must be 0 or more`);
    }
    // Divided first: the sum of large values would overflow.
    mean += evidence / perDevice.length;
  }
  return Math.min(Number.MAX_VALUE, mean);
}

/** How {@link pooledEvidence} pools. */
export interface PoolingRule {
  /** A device counts for at most this many pairs on which the two models differ, 1 or more. */
  readonly discordantPerDeviceMax: number;
  /** Evidence that the challenger is better, or that it does harm. */
  readonly direction: "better" | "harm";
}

/** What {@link pooledEvidence} found, with the counts that it rests on. */
export interface PooledEvidence {
  readonly evidence: number;
  /** The sum of what each device was counted for. */
  readonly counts: PairedCounts;
  readonly deviceCount: number;
  /** Devices that had more to say than the cap lets them. */
  readonly cappedDeviceCount: number;
}

/**
 * One e-value of the pairs of all devices together, each device up to a cap.
 *
 * - Pure, O(devices + counted pairs).
 *
 * It is far stronger than {@link meanEvidence} when every device shows a little of the same. It needs devices whose pairs do not
 * depend on each other, and rules out that the challenger wins at most half of the pairs **on every device**: that most devices
 * gain does not follow from it. A device over the cap is thinned in proportion, rounded against `direction`, which for its own
 * share never adds evidence at any single look; to keep the promise at every look let the device stop counting at the cap.
 *
 * @throws {@link Defect} `pairs.counts_invalid`, `evidence.cap_invalid`.
 * @example
 * pooledEvidence([{ n: 50, wins: 4, losses: 0 }, { n: 90, wins: 30, losses: 0 }], { discordantPerDeviceMax: 3, direction: "better" }).counts;
 * // => { n: 46, wins: 6, losses: 0 }
 */
export function pooledEvidence(
  perDevice: readonly PairedCounts[],
  rule: PoolingRule,
): PooledEvidence {
  const cap = rule.discordantPerDeviceMax;
  if (!(Number.isSafeInteger(cap) && cap >= 1)) {
    throw new Defect("evidence.cap_invalid", `cap is ${cap} pairs a device, it must be 1 or more`);
  }
  let counts = noPairs;
  let cappedDeviceCount = 0;
  for (const device of perDevice) {
    assertPairedCounts(device);
    const counted = thin(device, rule);
    if (counted !== device) cappedDeviceCount++;
    counts = {
      n: counts.n + counted.n,
      wins: counts.wins + counted.wins,
      losses: counts.losses + counted.losses,
    };
  }
  const evidence = rule.direction === "better" ? betterEvidence(counts) : harmEvidence(counts);
  return { evidence, counts, deviceCount: perDevice.length, cappedDeviceCount };
}

function thin(device: PairedCounts, rule: PoolingRule): PairedCounts {
  const cap = rule.discordantPerDeviceMax;
  const discordant = device.wins + device.losses;
  if (discordant <= cap) return device;
  const n = Math.max(cap, Math.floor((device.n * cap) / discordant));
  if (rule.direction === "better") {
    const wins = Math.floor((device.wins * cap) / discordant);
    return { n, wins, losses: cap - wins };
  }
  const losses = Math.floor((device.losses * cap) / discordant);
  return { n, wins: cap - losses, losses };
}
