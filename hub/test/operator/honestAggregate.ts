// An honest hub's request for a co-signature, and ways to bend it; for the signer's tests.
import {
  applyDelta,
  type BlobRef,
  portableCryptography as cryptography,
  type Delegation,
  decodeDelta,
  deltaBetween,
  deltaNorm,
  digestOf,
  type EpochMs,
  encodeDelta,
  encodeParameters,
  type Generation,
  type LineId,
  modelVersionOf,
  type ParameterSet,
  parameterSetOf,
  type ReleaseParts,
  type ReleaseRecord,
  type SecurityEpoch,
  unwrap,
} from "@attune/protocol";
import type {
  ReleasedParameters,
  SigningCheck,
  SigningRequest,
} from "../../src/signer/checkSigningRequest.ts";

const line: LineId = "activity" as LineId;
export const now: EpochMs = 1_700_000_000_000 as EpochMs;
export const passed: SigningCheck = {
  name: "validation",
  outcome: "pass",
  evidence: { low: 0.01, margin: -0.01 },
};
export const refOf = (bytes: Uint8Array): BlobRef => ({
  digest: digestOf(cryptography, bytes),
  bytes: bytes.length,
});
export const textRef = (text: string): BlobRef => refOf(new TextEncoder().encode(text));

export const recordOf = (
  parameters: Uint8Array,
  fields: Partial<ReleaseRecord>,
  parts: Partial<ReleaseParts> = {},
): ReleaseRecord => {
  const all: ReleaseParts = {
    graph: textRef("graph"),
    parameters: refOf(parameters),
    preprocessing: textRef("preprocessing"),
    calibration: textRef("calibration"),
    learning: textRef("learning"),
    ...parts,
  };
  return {
    line,
    version: modelVersionOf(
      {
        graph: all.graph.digest,
        parameters: all.parameters.digest,
        preprocessing: all.preprocessing.digest,
        calibration: all.calibration.digest,
      },
      cryptography,
    ),
    generation: 0 as Generation,
    securityEpoch: 1 as SecurityEpoch,
    parts: all,
    lineage: { source: "imported", contributionCount: 0 },
    createdAtMs: now,
    note: "",
    ...fields,
  };
};

export const weights = (values: readonly number[], name = "w"): ParameterSet =>
  parameterSetOf([
    { name, dims: [values.length], data: Float32Array.from(values) },
    { name: `${name}.bias`, dims: [1], data: Float32Array.of(0.25) },
  ]);

/** A request with nothing missing. */
export interface HonestRequest extends SigningRequest {
  readonly delta: Uint8Array;
  readonly deltaBase: ReleasedParameters;
  readonly delegationBase: ReleasedParameters;
}

/** An honest hub's request with the delegation that it needs. */
export interface HonestAggregate {
  readonly request: HonestRequest;
  readonly delegation: Delegation;
  readonly norm: number;
}

/** Two aggregates after an imported base; the second one asks for its signature. */
export function honest(): HonestAggregate {
  const base = weights([1, 2, 3, 4]);
  const first = rebuilt(base, [0.5, 0, 0, 0]);
  const second = rebuilt(first.parameters, [0, 0.25, 0, -0.125]);
  const baseBytes = encodeParameters(base);
  const firstBytes = encodeParameters(first.parameters);
  const secondBytes = encodeParameters(second.parameters);
  const baseRecord = recordOf(baseBytes, {});
  const firstRecord = recordOf(firstBytes, {
    generation: 1 as Generation,
    lineage: { source: "aggregate", base: baseRecord.version, contributionCount: 9 },
  });
  const record = recordOf(secondBytes, {
    generation: 2 as Generation,
    delta: { base: firstRecord.version, blob: refOf(second.bytes) },
    lineage: { source: "aggregate", base: firstRecord.version, contributionCount: 7 },
  });
  const norm = deltaNorm(deltaBetween(base, second.parameters));
  return {
    norm,
    request: {
      record,
      parameters: secondBytes,
      delta: second.bytes,
      deltaBase: { record: firstRecord, parameters: firstBytes },
      delegationBase: { record: baseRecord, parameters: baseBytes },
      evidence: { version: record.version, verdict: "promote", checks: [passed] },
    },
    delegation: {
      line,
      graph: baseRecord.parts.graph.digest,
      base: baseRecord.version,
      normMax: norm,
      securityEpoch: 1 as SecurityEpoch,
      expiresAtMs: (now + 1) as EpochMs,
    },
  };
}

function rebuilt(
  base: ParameterSet,
  change: readonly number[],
): { parameters: ParameterSet; bytes: Uint8Array } {
  const bytes = encodeDelta([{ index: 0, values: Float32Array.from(change) }]);
  return { parameters: applyDelta(base, unwrap(decodeDelta(bytes, base))), bytes };
}

/** A candidate with other weights whose record, delta and version all fit one another. */
export const candidateWith = (
  { request }: HonestAggregate,
  change: readonly number[],
  fields: Partial<ReleaseRecord> = {},
  parts: Partial<ReleaseParts> = {},
): Pick<HonestRequest, "record" | "parameters" | "delta" | "evidence"> => {
  const { deltaBase } = request;
  const made = rebuilt(rebuilt(weights([1, 2, 3, 4]), [0.5, 0, 0, 0]).parameters, change);
  const parameters = encodeParameters(made.parameters);
  const record = recordOf(
    parameters,
    {
      generation: 2 as Generation,
      delta: { base: deltaBase.record.version, blob: refOf(made.bytes) },
      lineage: request.record.lineage,
      ...fields,
    },
    parts,
  );
  return {
    record,
    parameters,
    delta: made.bytes,
    evidence: { version: record.version, verdict: "promote", checks: [passed] },
  };
};
