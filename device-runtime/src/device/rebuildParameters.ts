// Parameters that a delta makes of a base. It loads with the first delta: devices that only answer do without what reads one.
import {
  accept,
  applyDelta,
  Defect,
  decodeDelta,
  encodeParameters,
  type Outcome,
  type ParameterSet,
  refuse,
} from "@attune/protocol";

/**
 * Applies an encoded delta from someone who is not trusted.
 *
 * @returns the bytes of `encodeParameters`, or `delta.*`
 */
export function rebuildParameters(base: ParameterSet, delta: Uint8Array): Outcome<Uint8Array> {
  const decoded = decodeDelta(delta, base);
  if (!decoded.ok) return decoded;
  try {
    return accept(encodeParameters(applyDelta(base, decoded.value)));
  } catch (error) {
    if (!(error instanceof Defect)) throw error;
    return refuse("delta.not_finite", `the delta does not fit its base: ${error.message}`);
  }
}
