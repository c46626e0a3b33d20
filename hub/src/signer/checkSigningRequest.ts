// The signer's policy: what may be signed without a person. Pure; it must not fetch, sign, or believe anything that the hub says
// and that it can work out again.
import {
  accept,
  applyDelta,
  type Cryptography,
  type Delegation,
  decodeDelta,
  decodeParameters,
  deltaBetween,
  deltaNorm,
  digestOf,
  type EpochMs,
  encodeParameters,
  modelVersionOf,
  type Outcome,
  type ParameterDelta,
  type ParameterSet,
  type ReleaseRecord,
  refuse,
  shortVersion,
} from "@attune/protocol";

/** One check of a gate. */
export interface SigningCheck {
  readonly name: string;
  readonly outcome: string;
  /** The numbers behind it. */
  readonly evidence: Readonly<Record<string, unknown>>;
}

/** What a gate said of a candidate, as far as a signer asks. */
export interface SigningEvidence {
  /** The version that was examined. */
  readonly version: string;
  /** `promote`, or anything else. */
  readonly verdict: string;
  readonly checks: readonly SigningCheck[];
}

/** A released version with the bytes of its parameters, as they came from the hub. */
export interface ReleasedParameters {
  /** From a release record whose signatures the caller has verified. */
  readonly record: ReleaseRecord;
  readonly parameters: Uint8Array;
}

/** Everything that one co-signature rests on. All bytes are as they came from the hub: unchecked. */
export interface SigningRequest {
  /** Decoded from the exact bytes that would be signed. */
  readonly record: ReleaseRecord;
  readonly parameters: Uint8Array;
  /** The blob that `record.delta` names; absent when the record names none. */
  readonly delta?: Uint8Array | undefined;
  /** The released version that `record.delta` applies to. */
  readonly deltaBase?: ReleasedParameters | undefined;
  /** The released version that the delegation names. */
  readonly delegationBase?: ReleasedParameters | undefined;
  readonly evidence?: SigningEvidence | undefined;
}

/** What the signer worked out on the way, for its log and the audit. */
export interface SigningFindings {
  /** Euclidean norm of (candidate - delegation base) over all parameters. */
  readonly norm: number;
  readonly normMax: number;
  readonly changedTensorCount: number;
}

const checkBlob = (
  what: string,
  expected: string,
  bytes: Uint8Array,
  cryptography: Cryptography,
): Outcome<Uint8Array> => {
  const digest = digestOf(cryptography, bytes);
  return digest === expected
    ? accept(bytes)
    : refuse(
        "blob.digest_mismatch",
        `${what} has digest ${digest.slice(0, 8)}, the record names ${expected.slice(0, 8)}; fetch it again`,
      );
};

const loadParameters = (
  what: string,
  { record, parameters }: ReleasedParameters,
  cryptography: Cryptography,
): Outcome<ParameterSet> => {
  const blob = checkBlob(
    `parameters of the ${what}`,
    record.parts.parameters.digest,
    parameters,
    cryptography,
  );
  return blob.ok ? decodeParameters(blob.value) : blob;
};

const hasSameShape = (a: ParameterSet, b: ParameterSet): boolean =>
  a.length === b.length &&
  a.every((tensor, index) => {
    const other = b[index];
    return (
      other !== undefined &&
      tensor.name === other.name &&
      tensor.dims.length === other.dims.length &&
      tensor.dims.every((dim, axis) => dim === other.dims[axis])
    );
  });

/** What a promoting gate would have shown and this one does not; `null` when nothing is missing. */
const missingEvidence = (
  record: ReleaseRecord,
  evidence: SigningEvidence | undefined,
): string | null => {
  if (evidence === undefined) return "no gate verdict is attached";
  const { version, verdict, checks } = evidence;
  if (version !== record.version) return `the evidence is of ${version.slice(0, 8)}`;
  if (verdict !== "promote") return `its gate says ${verdict}`;
  const unmet = checks.find(({ outcome }) => outcome !== "pass" && outcome !== "skipped");
  if (unmet !== undefined) return `its check "${unmet.name}" says ${unmet.outcome}`;
  const isShown = checks.some(
    (check) => check.outcome === "pass" && Object.keys(check.evidence).length > 0,
  );
  return isShown ? null : "its verdict shows no number";
};

/** Finite values can still sum to infinity; `applyDelta` takes that for our own mistake, here it is the hub's. */
const overflows = (base: ParameterSet, delta: ParameterDelta): boolean =>
  delta.some(({ index, values }) =>
    values.some((value, at) => !Number.isFinite(Math.fround((base[index]?.data[at] ?? 0) + value))),
  );

/**
 * Whether an aggregate may be co-signed under a delegation. Cheap checks come first; parameters are decoded only when every
 * claim fits.
 *
 * - Imported releases are never for this function: they need a person's word.
 * - The norm is taken of the whole difference to the delegation's base, so many small aggregates in one direction still end at
 *   the same sphere.
 *
 * @param request from the hub, unchecked but for the signatures of the two released records in it
 * @param delegation verified by its signatures, for the record's line; absent when there is none
 * @param nowMs by the signer's own clock
 * @returns what was found, or `record.*`, `version.mismatch`, `delegation.*`, `blob.*`, `delta.*`
 */
export function checkSigningRequest(
  request: SigningRequest,
  delegation: Delegation | undefined,
  nowMs: EpochMs,
  cryptography: Cryptography,
): Outcome<SigningFindings> {
  const { record, delegationBase, deltaBase } = request;
  const name = shortVersion(record.line, record.version);
  if (record.lineage.source !== "aggregate") {
    return refuse(
      "delegation.missing",
      `${name} was imported, and a delegation covers aggregates only; look at it, then sign it with: attune signer approve ${record.version.slice(0, 8)}`,
    );
  }
  const { graph, parameters, preprocessing, calibration, learning } = record.parts;
  const version = modelVersionOf(
    {
      graph: graph.digest,
      parameters: parameters.digest,
      preprocessing: preprocessing.digest,
      calibration: calibration.digest,
    },
    cryptography,
  );
  if (version !== record.version) {
    return refuse(
      "version.mismatch",
      `the record's parts make ${version.slice(0, 8)}, it names ${record.version.slice(0, 8)}; build the record again`,
    );
  }
  if (delegation === undefined || delegation.line !== record.line) {
    return refuse(
      "delegation.missing",
      `nothing allows co-signing aggregates of ${record.line}; allow it with: attune signer delegate --base ${record.line}@VERSION --norm-max X --days N`,
    );
  }
  const base = shortVersion(delegation.line, delegation.base);
  if (nowMs >= delegation.expiresAtMs) {
    return refuse(
      "delegation.expired",
      `the delegation around ${base} ended ${new Date(delegation.expiresAtMs).toISOString()}; renew it with: attune signer delegate --base ${base} --norm-max ${delegation.normMax} --days N`,
    );
  }
  if (graph.digest !== delegation.graph) {
    return refuse(
      "delegation.graph_mismatch",
      `${name} has graph ${graph.digest.slice(0, 8)}, the delegation covers ${delegation.graph.slice(0, 8)}; look at the version that it builds on, then allow it with: attune signer delegate --base ${shortVersion(record.line, record.delta?.base ?? record.version)} --norm-max X --days N`,
    );
  }
  if (
    delegationBase === undefined ||
    delegationBase.record.version !== delegation.base ||
    delegationBase.record.line !== delegation.line
  ) {
    return refuse(
      "delegation.base_mismatch",
      `the delegation is around ${base}, and the hub has no released record of it`,
    );
  }
  // The labels, the calibration and the training rules decide what a device does as much as the weights do.
  const otherParts = { preprocessing, calibration, learning };
  for (const part of ["preprocessing", "calibration", "learning"] as const) {
    if (otherParts[part].digest !== delegationBase.record.parts[part].digest) {
      return refuse(
        "delegation.base_mismatch",
        `${name} changes its ${part}, an aggregate may change parameters only; bring the rest as an imported release`,
      );
    }
  }
  if (record.securityEpoch !== delegation.securityEpoch) {
    return refuse(
      "delegation.base_mismatch",
      `${name} has security epoch ${record.securityEpoch}, the delegation is for epoch ${delegation.securityEpoch}; delegate again around a release of that epoch`,
    );
  }
  if (
    record.delta === undefined ||
    request.delta === undefined ||
    deltaBase === undefined ||
    deltaBase.record.line !== record.line ||
    deltaBase.record.version !== record.delta.base ||
    record.lineage.base !== record.delta.base
  ) {
    return refuse(
      "delegation.base_mismatch",
      `${name} does not show the delta that made it, or the released version that its delta and its lineage start from`,
    );
  }
  if (record.generation <= deltaBase.record.generation) {
    return refuse(
      "delegation.base_mismatch",
      `${name} has generation ${record.generation}, its base already ${deltaBase.record.generation}; a lineage only goes on`,
    );
  }
  const missing = missingEvidence(record, request.evidence);
  if (missing !== null) {
    return refuse(
      "delegation.evidence_missing",
      `${name}: ${missing}; it needs a gate that says promote, with its numbers`,
    );
  }
  // From here on it reads weights.
  const candidateBytes = checkBlob(
    `parameters of ${name}`,
    record.parts.parameters.digest,
    request.parameters,
    cryptography,
  );
  if (!candidateBytes.ok) return candidateBytes;
  const candidate = decodeParameters(candidateBytes.value);
  if (!candidate.ok) return candidate;
  const around = loadParameters("delegation's base", delegationBase, cryptography);
  if (!around.ok) return around;
  if (!hasSameShape(candidate.value, around.value)) {
    return refuse(
      "delta.shape_mismatch",
      `${name} does not have the tensors of ${shortVersion(delegation.line, delegation.base)}; an aggregate keeps names and shapes`,
    );
  }
  const deltaBytes = checkBlob(
    `delta of ${name}`,
    record.delta.blob.digest,
    request.delta,
    cryptography,
  );
  if (!deltaBytes.ok) return deltaBytes;
  const from = loadParameters("delta's base", deltaBase, cryptography);
  if (!from.ok) return from;
  const delta = decodeDelta(deltaBytes.value, from.value);
  if (!delta.ok) return delta;
  if (overflows(from.value, delta.value)) {
    return refuse("delta.not_finite", `the delta of ${name} overflows float32 on its base`);
  }
  const rebuilt = digestOf(cryptography, encodeParameters(applyDelta(from.value, delta.value)));
  if (rebuilt !== record.parts.parameters.digest) {
    return refuse(
      "delta.result_mismatch",
      `the delta of ${name} makes parameters ${rebuilt.slice(0, 8)}, the record names ${record.parts.parameters.digest.slice(0, 8)}; devices would refuse it as well`,
    );
  }
  const norm = deltaNorm(deltaBetween(around.value, candidate.value));
  // Written so that NaN does not pass.
  if (!(norm <= delegation.normMax)) {
    return refuse(
      "delegation.norm_exceeded",
      `${name} is ${norm.toPrecision(6)} away from ${shortVersion(delegation.line, delegation.base)}, limit ${delegation.normMax}; look at it and then delegate around a newer release`,
    );
  }
  return accept({
    norm,
    normMax: delegation.normMax,
    changedTensorCount: delta.value.filter(({ values }) => values.some((value) => value !== 0))
      .length,
  });
}
