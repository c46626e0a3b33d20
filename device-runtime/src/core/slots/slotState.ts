// Which versions are on the device and which of them answers. It must not know how a version is fetched or loaded.
import type {
  Decision,
  Digest,
  Generation,
  ModelVersion,
  PersonalFate,
  RefusalCode,
  ReleaseRecord,
  SecurityEpoch,
} from "@attune/protocol";

/** Digests of the parts of a version, all that is needed to load it. */
export interface VersionParts {
  readonly graph: Digest;
  readonly parameters: Digest;
  readonly preprocessing: Digest;
  readonly calibration: Digest;
  readonly learning: Digest;
}

/** A shared version as a slot holds it. */
export interface SlotVersion {
  readonly version: ModelVersion;
  readonly generation: Generation;
  readonly securityEpoch: SecurityEpoch;
  /** `bundled` came with the app and is not in the store; `release` is in the store whole. */
  readonly source: "bundled" | "release";
  readonly parts: VersionParts;
}

/** The active version has to serve for so long without a fault before it counts as good. */
export interface Bake {
  readonly bakeMs: number;
  readonly untilMs: number;
  /** Starts of the runtime since the activation that did not end with a clean stop. */
  readonly startCount: number;
}

/** Kept on disk, in one record: a cut shows the slots before or after a change, never between. */
export interface SlotState {
  readonly active: SlotVersion;
  /** Null when the active version is good. */
  readonly bake: Bake | null;
  /** Where a version that fails while it bakes is left for. Always one that has baked, or came with the app. */
  readonly previousGood: SlotVersion | null;
  /** Versions that have baked here, newest last. */
  readonly good: readonly ModelVersion[];
  readonly floor: { readonly decisionSequence: number; readonly securityEpoch: number };
  /** The newest accepted decision. */
  readonly decision: {
    readonly digest: Digest;
    readonly value: Decision;
    readonly isSettled: boolean;
  } | null;
  readonly refusedDecisions: readonly Digest[];
  /** Rises with every change of the active version; users follow it one by one. */
  readonly epoch: number;
  /** What the newest change of the active version means for personal parameters. */
  readonly fate: PersonalFate;
}

/**
 * A version on its way to be loaded: for the standby slot, or to run in shadow. Not kept: the decision is, and after a restart
 * what is on disk already is not fetched again.
 */
export interface Preparation {
  /** Names this preparation; results of older ones are dropped. */
  readonly serial: number;
  readonly source: PreparationSource;
  /**
   * - `record`, `parts`, `load`: at work until `untilMs`, or waiting for it after a failure
   * - `ready`: loaded and probed
   * - `refused`: verified false or not loadable; final
   */
  readonly phase: "record" | "parts" | "load" | "ready" | "refused";
  readonly isRunning: boolean;
  readonly untilMs: number;
  readonly attempt: number;
  /** Why it waits, for a person. */
  readonly waiting: string;
  /** Once checked. */
  readonly record: ReleaseRecord | null;
  /** Once known. */
  readonly version: SlotVersion | null;
  readonly refusal: { readonly code: RefusalCode; readonly message: string } | null;
}

/** Where a version comes from. */
export type PreparationSource =
  | { readonly kind: "release"; readonly target: Decision["champion"]; readonly blobUrl: string }
  | {
      readonly kind: "delta";
      readonly shadow: NonNullable<Decision["shadow"]>;
      readonly base: SlotVersion;
      readonly blobUrl: string;
    };
