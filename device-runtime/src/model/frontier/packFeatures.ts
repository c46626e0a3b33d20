// Features of one sample as int8, for a replay buffer: a quarter of the memory.
import { assertDefect } from "@attune/protocol";

/** Features of one sample: `values[i] * scale`. */
export interface PackedFeatures {
  /** Largest magnitude / 127. */
  readonly scale: number;
  readonly values: Int8Array;
}

/** From -127 to 127, so that 0 stays 0 and a feature and its negative lose alike. */
const LEVELS = 127;

/**
 * Packs the features of one sample.
 *
 * - Loses at most half a `scale` per value. Pure, O(features).
 *
 * @param features finite
 * @throws Defect `features.not_finite`
 * @example
 * packFeatures(Float32Array.of(0, 1.27, -0.5)).values; // => Int8Array.of(0, 127, -50)
 * @see Pellegrini et al. 2020, "Latent replay for real-time continual learning"; Ravaglia et al. 2021, section 4, for eight bits.
 */
export function packFeatures(features: Float32Array): PackedFeatures {
  let largest = 0;
  // NaN stays NaN.
  for (const value of features) largest = Math.max(largest, Math.abs(value));
  assertDefect(
    Number.isFinite(largest),
    "features.not_finite",
    "a feature is NaN or infinite; do not keep this sample",
  );
  const scale = largest / LEVELS;
  const values = new Int8Array(features.length);
  if (scale > 0) {
    features.forEach((value, index) => {
      values[index] = Math.max(-LEVELS, Math.min(LEVELS, Math.round(value / scale)));
    });
  }
  return { scale, values };
}

/**
 * Writes packed features back as numbers.
 *
 * @param into at least as long; written from the start
 * @throws Defect `features.too_short`
 * @example
 * const back = new Float32Array(2);
 * unpackFeatures({ scale: 0.5, values: Int8Array.of(3, -127) }, back);
 * back; // => Float32Array.of(1.5, -63.5)
 */
export function unpackFeatures({ scale, values }: PackedFeatures, into: Float32Array): void {
  assertDefect(
    into.length >= values.length,
    "features.too_short",
    `the array holds ${into.length} values, ${values.length} are needed`,
  );
  values.forEach((value, index) => {
    into[index] = value * scale;
  });
}
