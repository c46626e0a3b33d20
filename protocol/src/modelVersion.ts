// What a ModelVersion is the digest of. It must not know where the parts are kept.
import { digestLater, digestOf, type Hashing, type LaterHashing } from "./crypto/cryptography.ts";
import type { Digest, ModelVersion } from "./ids.ts";

/** Digests of the parts that decide what a model answers. */
export interface ModelParts {
  /** ONNX graph without the shared parameters. */
  readonly graph: Digest;
  /** Canonical bytes of the shared parameters. */
  readonly parameters: Digest;
  /** From raw samples to model input; labels. */
  readonly preprocessing: Digest;
  /** Temperature, out-of-distribution profile, reference rates. */
  readonly calibration: Digest;
}

/**
 * The ModelVersion of four parts. A release that changes only parameters differs in one of them, and ships only that one.
 *
 * @example
 * const digest = "0".repeat(64) as Digest;
 * const parts = { graph: digest, parameters: digest, preprocessing: digest, calibration: digest };
 * modelVersionOf(parts, portableHashing).length; // => 64
 */
export function modelVersionOf(parts: ModelParts, hashing: Hashing): ModelVersion {
  return digestOf(hashing, versionText(parts)) as string as ModelVersion;
}

/** {@link modelVersionOf} by hashes that may take their time. */
export async function modelVersionLater(
  parts: ModelParts,
  hashing: LaterHashing,
): Promise<ModelVersion> {
  return (await digestLater(hashing, versionText(parts))) as string as ModelVersion;
}

function versionText(parts: ModelParts): Uint8Array {
  return new TextEncoder().encode(
    `attune/v1/model-version\0${parts.graph}\0${parts.parameters}\0${parts.preprocessing}\0${parts.calibration}`,
  );
}
