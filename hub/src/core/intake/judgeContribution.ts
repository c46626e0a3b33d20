// Whether a signed contribution may enter a window: base, delta, shape, finiteness, norm, result, staleness. Pure.
// It must not know whether it was seen before: the store's unique keys say that.
import {
  accept,
  applyDelta,
  type Contribution,
  type Cryptography,
  decodeDelta,
  deltaNorm,
  digestOf,
  encodeParameters,
  type LineId,
  type ModelVersion,
  type Outcome,
  type ParameterSet,
  refuse,
  shortVersion,
} from "@attune/protocol";
import type { IntakePolicy } from "../../policy.ts";
import { overflows } from "../aggregate/makeCandidate.ts";

/** What is known of the line when a contribution arrives. */
export interface ContributionFacts {
  /** The line of the device. */
  readonly line: LineId;
  /** Parameters of the base; null when no such version was released in this line. */
  readonly base: ParameterSet | null;
  /**
   * Steps from the champion back to the base, or 0 for the version that is on its way to become champion; null when it is
   * neither.
   */
  readonly staleness: number | null;
  readonly champion: ModelVersion | null;
  readonly policy: IntakePolicy;
  /** The window has its largest number of devices, and this one is not among them. */
  readonly isWindowFull: boolean;
}

/** What was worked out on the way. */
export interface JudgedContribution {
  /** Euclidean norm of the decoded delta. */
  readonly norm: number;
  /** Its weight in an aggregate: the examples that it claims, capped. */
  readonly weight: number;
}

/**
 * Judges a contribution that its device has signed.
 *
 * @returns norm and weight, or the first of `base.unknown`, `delta.not_decodable`, `delta.shape_mismatch`, `delta.not_finite`,
 * `delta.norm_too_large`, `delta.result_mismatch`, `contribution.too_stale`, `window.full`
 */
export function judgeContribution(
  contribution: Contribution,
  facts: ContributionFacts,
  cryptography: Cryptography,
): Outcome<JudgedContribution> {
  const { base, policy, staleness, champion } = facts;
  const name = shortVersion(contribution.line, contribution.base);
  if (contribution.line !== facts.line || base === null) {
    return refuse(
      "base.unknown",
      `${name} was never released in line ${facts.line}; train from the version that the decision names`,
    );
  }
  const delta = decodeDelta(contribution.delta, base);
  if (!delta.ok) return delta;
  if (delta.value.length === 0) {
    return refuse("delta.shape_mismatch", "delta changes no tensor; send one that does");
  }
  if (overflows(base, delta.value)) {
    return refuse("delta.not_finite", `delta takes ${name} out of float32's range; drop it`);
  }
  const norm = deltaNorm(delta.value);
  // Written so that NaN does not pass.
  if (!(norm <= policy.refuseNorm)) {
    return refuse(
      "delta.norm_too_large",
      `delta has norm ${norm.toPrecision(4)}, limit ${policy.refuseNorm}; clip to ${policy.clipNorm} before sending`,
    );
  }
  const result = digestOf(cryptography, encodeParameters(applyDelta(base, delta.value)));
  if (result !== contribution.result) {
    return refuse(
      "delta.result_mismatch",
      `delta on ${name} makes ${result.slice(0, 8)}, the device checked ${contribution.result.slice(0, 8)}; build it again from the decoded delta`,
    );
  }
  if (staleness === null || staleness > policy.stalenessMax) {
    const distance =
      staleness === null
        ? `not within ${policy.stalenessMax} versions of the champion's lineage`
        : `${staleness} versions behind, limit ${policy.stalenessMax}`;
    return refuse(
      "contribution.too_stale",
      `base ${name} is ${distance}; train again from ${champion === null ? "the champion" : shortVersion(facts.line, champion)}`,
    );
  }
  if (facts.isWindowFull) {
    return refuse(
      "window.full",
      "the window has its largest number of devices; send it again later",
    );
  }
  return accept({ norm, weight: Math.min(contribution.examples, policy.examplesMax) });
}
