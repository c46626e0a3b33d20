// Contributions that no window has taken yet: which of them the next window would take. It must not see a delta.
import {
  type Cryptography,
  type DeviceId,
  type Digest,
  digestOf,
  type ModelVersion,
} from "@attune/protocol";
import { type ParentOf, stalenessOf } from "./staleness.ts";

/** A committed contribution that waits for a window. */
export interface PendingContribution {
  readonly digest: Digest;
  readonly device: DeviceId;
  readonly contributionSequence: number;
  readonly base: ModelVersion;
}

/**
 * The waiting contributions of one line, the latest of each device for each base.
 *
 * Which of them count is asked anew every time, because a promotion makes a canary's contributions count and a rollback makes
 * those of the version that is gone not count.
 */
export interface ContributionPool {
  add(contribution: PendingContribution): void;
  /** Takes out what a window has taken, and what it superseded. */
  removeUpTo(device: DeviceId, contributionSequence: number): void;
  removeDevice(device: DeviceId): void;
  /** Keeps only contributions from these bases. */
  keepBases(bases: ReadonlySet<ModelVersion>): void;
  has(device: DeviceId): boolean;
  /** Devices with anything waiting. */
  readonly deviceCount: number;
  /**
   * At most one contribution a device, its latest, from bases within `stalenessMax` steps of the champion; sorted by digest.
   */
  eligible(
    champion: ModelVersion,
    parentOf: ParentOf,
    stalenessMax: number,
  ): readonly PendingContribution[];
}

/** Creates an empty pool. Memory: a few hundred bytes for each device and base. */
export function createContributionPool(): ContributionPool {
  const byDevice = new Map<DeviceId, Map<ModelVersion, PendingContribution>>();

  const removeWhere = (
    device: DeviceId,
    isGone: (contribution: PendingContribution) => boolean,
  ): void => {
    const bases = byDevice.get(device);
    if (bases === undefined) return;
    for (const [base, contribution] of bases) if (isGone(contribution)) bases.delete(base);
    if (bases.size === 0) byDevice.delete(device);
  };

  return {
    add(contribution) {
      let bases = byDevice.get(contribution.device);
      if (bases === undefined) {
        bases = new Map();
        byDevice.set(contribution.device, bases);
      }
      const before = bases.get(contribution.base);
      if (before !== undefined && before.contributionSequence > contribution.contributionSequence) {
        return;
      }
      bases.set(contribution.base, contribution);
    },
    removeUpTo: (device, sequence) =>
      removeWhere(device, (contribution) => contribution.contributionSequence <= sequence),
    removeDevice: (device) => void byDevice.delete(device),
    keepBases(kept) {
      for (const device of byDevice.keys()) removeWhere(device, ({ base }) => !kept.has(base));
    },
    has: (device) => byDevice.has(device),
    get deviceCount() {
      return byDevice.size;
    },
    eligible(champion, parentOf, stalenessMax) {
      const fits = new Map<ModelVersion, boolean>();
      const isFit = (base: ModelVersion): boolean => {
        let known = fits.get(base);
        if (known === undefined) {
          known = stalenessOf(base, champion, parentOf, stalenessMax) !== null;
          fits.set(base, known);
        }
        return known;
      };
      const chosen: PendingContribution[] = [];
      for (const bases of byDevice.values()) {
        let latest: PendingContribution | undefined;
        for (const contribution of bases.values()) {
          if (!isFit(contribution.base)) continue;
          if (
            latest === undefined ||
            contribution.contributionSequence > latest.contributionSequence
          ) {
            latest = contribution;
          }
        }
        if (latest !== undefined) chosen.push(latest);
      }
      return chosen.sort((a, b) => (a.digest < b.digest ? -1 : 1));
    },
  };
}

/** What a lineage says of its contributions: the digest of their sorted digests, one a line. */
export function contributionsDigest(
  digests: readonly Digest[],
  cryptography: Cryptography,
): Digest {
  return digestOf(cryptography, new TextEncoder().encode([...digests].sort().join("\n")));
}
