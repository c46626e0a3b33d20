// From a mean delta to a Candidate's parameters. It must not know devices or storage.
import {
  accept,
  applyDelta,
  decodeDelta,
  deltaBetween,
  deltaNorm,
  encodeDelta,
  encodeParameters,
  type Outcome,
  type ParameterDelta,
  type ParameterSet,
  refuse,
} from "@attune/protocol";

/** Parameters that exist only as base plus encoded delta, so that every device rebuilds them bit for bit. */
export interface CandidateParameters {
  readonly parameters: ParameterSet;
  /** `encodeParameters(parameters)`. */
  readonly parameterBytes: Uint8Array;
  readonly delta: Uint8Array;
  /** Euclidean norm of (candidate - base). */
  readonly norm: number;
}

/** Whether a delta would take a parameter out of float32's range; `applyDelta` takes that for our own mistake. */
export function overflows(base: ParameterSet, delta: ParameterDelta): boolean {
  return delta.some(({ index, values }) => {
    const before = base[index]?.data;
    return values.some((value, at) => !Number.isFinite(Math.fround((before?.[at] ?? 0) + value)));
  });
}

/**
 * `candidate = apply(base, decode(encode(mean)))`.
 *
 * @returns the candidate, or `delta.not_decodable` when the encoded delta is too large for the protocol, `delta.not_finite`
 */
export function makeCandidate(
  base: ParameterSet,
  mean: ParameterDelta,
): Outcome<CandidateParameters> {
  const delta = encodeDelta(mean);
  const decoded = decodeDelta(delta, base);
  if (!decoded.ok) return decoded;
  if (overflows(base, decoded.value)) {
    return refuse("delta.not_finite", "the mean delta overflows float32 on its base");
  }
  const parameters = applyDelta(base, decoded.value);
  return accept({
    parameters,
    parameterBytes: encodeParameters(parameters),
    delta,
    norm: deltaNorm(deltaBetween(base, parameters)),
  });
}
