// From a user's parameters to a signed contribution: difference, clip, quantise, decode again, check, sign. It must not send it.
import {
  applyDelta,
  type Contribution,
  type Cryptography,
  clipDelta,
  contributionMessage,
  DELTA_BYTES_MAX,
  type DeviceId,
  type Digest,
  decodeDelta,
  deltaBetween,
  deltaNorm,
  digestOf,
  type EpochMs,
  encodeDelta,
  encodeMessage,
  encodeParameters,
  type KeyPair,
  type LineId,
  type PairedCounts,
  type ParameterSet,
  unwrap,
} from "@attune/protocol";
import type { PersonalLayer } from "../core/learning/userState.ts";
import { addPairs } from "../core/slots/comparison.ts";
import type { LoadedVersion } from "../ports/inference.ts";
import { comparePairs } from "./comparePairs.ts";
import type { LabelledWindow } from "./userSession.ts";

/** What a contribution is made of. */
export interface ContributionParts {
  readonly device: DeviceId;
  readonly line: LineId;
  readonly sequence: number;
  readonly layer: PersonalLayer;
  /** The user's parameters of the scope. */
  readonly parameters: ParameterSet;
  /** The version that they were trained from. */
  readonly base: LoadedVersion;
  /** Labelled windows that the training has not seen. */
  readonly unseen: readonly LabelledWindow[];
  readonly keyPair: KeyPair;
  readonly cryptography: Cryptography;
  readonly nowMs: number;
}

/** A contribution that may be sent, or why there is none. */
export type BuiltContribution =
  | {
      readonly kind: "built";
      readonly frame: Uint8Array;
      readonly digest: Digest;
      readonly result: Digest;
      readonly norm: number;
      readonly evidence: PairedCounts;
    }
  | { readonly kind: "withheld"; readonly reason: string };

/** Builds a contribution, and checks what the hub will rebuild from it, not what was trained. */
export async function buildContribution(parts: ContributionParts): Promise<BuiltContribution> {
  const { base, layer, cryptography, unseen } = parts;
  const { validation, limits } = base.modelPackage.learning;
  const shared = base.modelPackage.parameters;
  const delta = deltaBetween(shared, parts.parameters);
  const norm = deltaNorm(delta);
  if (!(norm > 0)) return { kind: "withheld", reason: "nothing has changed" };
  const bytes = encodeDelta(clipDelta(delta, limits.clipNorm));
  if (bytes.length > DELTA_BYTES_MAX) {
    return {
      kind: "withheld",
      reason: `the delta has ${bytes.length} bytes, limit ${DELTA_BYTES_MAX}; a smaller scope would fit`,
    };
  }
  const rebuilt = applyDelta(shared, unwrap(decodeDelta(bytes, shared)));
  const pairs = await comparePairs(
    { loaded: base, parameters: rebuilt },
    { loaded: base, parameters: null },
    unseen,
  );
  const evidence = addPairs({ n: 0, wins: 0, losses: 0 }, pairs, Number.POSITIVE_INFINITY);
  if (evidence.n < validation.countMin) {
    return {
      kind: "withheld",
      reason: `${evidence.n} of ${validation.countMin} labelled windows that the training has not seen`,
    };
  }
  if (evidence.losses - evidence.wins > validation.lossesOverWinsMax) {
    return {
      kind: "withheld",
      reason: `decoded again it is worse than its base: ${evidence.wins} wins, ${evidence.losses} losses of ${evidence.n}`,
    };
  }
  const result = digestOf(cryptography, encodeParameters(rebuilt));
  const value: Contribution = {
    device: parts.device,
    line: parts.line,
    contributionSequence: parts.sequence,
    base: layer.base,
    delta: bytes,
    result,
    examples: layer.examples,
    steps: layer.steps,
    evidence,
    createdAtMs: Math.trunc(parts.nowMs) as EpochMs,
  };
  const frame = encodeMessage(contributionMessage, value, [parts.keyPair], cryptography);
  return { kind: "built", frame, digest: digestOf(cryptography, frame), result, norm, evidence };
}
