// Two shared versions compared on this device's own labelled windows. It must not know how an answer is computed.
import type { ModelVersion, PairedReport } from "@attune/protocol";

/** One comparison. `phase` is kept, so that the holdout counts once; what it takes to load the other version is not. */
export interface Comparison {
  readonly kind: "rollout" | "shadow";
  readonly champion: ModelVersion;
  readonly challenger: ModelVersion;
  /** The one of the two that does not answer here. */
  readonly other: ModelVersion;
  /**
   * - `holdout`: held-out windows are not counted yet
   * - `counting`: fresh feedback counts
   * - `full`: it has all the discordant pairs that one device may bring
   */
  readonly phase: "holdout" | "counting" | "full";
  readonly n: number;
  readonly wins: number;
  readonly losses: number;
}

/** Kept on disk. */
export interface ComparisonState {
  readonly current: Comparison | null;
  /** What was compared before, oldest first; reports stay cumulative. */
  readonly past: readonly (PairedReport & { readonly phase: Comparison["phase"] })[];
}
