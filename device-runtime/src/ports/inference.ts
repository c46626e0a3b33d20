// What answers, as a port: loaded versions that all devices of a process share. It must not know which version is active.
import type { Digest, ModelVersion, Outcome, ParameterSet } from "@attune/protocol";
import type { ModelPackage } from "../package/modelPackage.ts";

/** A version that is ready to answer. */
export interface LoadedVersion {
  readonly version: ModelVersion;
  readonly modelPackage: ModelPackage;
  /** The parameters that may differ from user to user, in canonical order: those of the training scope. */
  readonly scope: ParameterSet;
  /** Digest of everything else: versions that share it share one session. */
  readonly trunk: Digest;
  readonly featureCount: number;
  /** Whether the scope leaves features as they are, as the last layer does: then one run gives a user's scores and the features. */
  readonly areFeaturesShared: boolean;
  /**
   * Answers raw windows.
   *
   * - Shape: `windows` is `(count, windowLength)`, raw units; `logits` `(count, K)`, `features` `(count, featureCount)`.
   * - Calls may overlap; they are carried out one after the other.
   *
   * @param parameters the scope's, or null for the version's own
   */
  answer(
    windows: Float32Array,
    count: number,
    parameters: ParameterSet | null,
    into: { readonly logits: Float32Array; readonly features?: Float32Array },
  ): Promise<void>;
  /** Lets go; the last one to do so frees it. */
  release(): Promise<void>;
}

/** Loads versions. */
export interface Inference {
  /**
   * Loads a version, or shares it when someone has.
   *
   * @param read gives the parts; called only when nobody has the version loaded
   * @returns the version, or the refusal of `read`, or `model.not_loadable`
   * @throws whatever `read` throws
   */
  load(
    version: ModelVersion,
    read: () => Promise<Outcome<ModelPackage>>,
  ): Promise<Outcome<LoadedVersion>>;
}
