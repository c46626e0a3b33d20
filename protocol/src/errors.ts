// The three kinds of error and the one list of refusal codes. It must not know any message or transport.
import { REASON_LENGTH_MAX } from "./limits.ts";
import { plainText } from "./plainText.ts";

/**
 * Every reason for which untrusted input is turned away, in **precedence order**: when several apply, the first one in this
 * list is reported, because cheap and safe checks come first. A code is never reused for another meaning.
 */
export const refusalCodes = [
  // The bytes, before anything is decoded. Where a digest names them beforehand, it is compared first.
  "blob.too_large",
  "blob.digest_mismatch",
  "frame.too_large",
  "frame.magic_invalid",
  "frame.protocol_unsupported",
  "frame.kind_unexpected",
  "frame.truncated",
  "frame.signatures_too_many",
  "frame.not_decodable",
  "message.schema_invalid",
  // Who says it.
  "topic.forbidden",
  "trust.root_mismatch",
  "enrolment.token_invalid",
  "enrolment.token_exhausted",
  "enrolment.name_taken",
  "enrolment.replayed",
  "device.unknown",
  "device.retired",
  "device.quarantined",
  "signature.key_unknown",
  "signature.role_forbidden",
  "signature.invalid",
  "signature.threshold_unmet",
  // The trust that a device holds.
  "trust.root_version_replayed",
  "trust.root_expired",
  "trust.demo_key_forbidden",
  // A contribution, once its sender is known.
  "contribution.replayed",
  "base.unknown",
  "delta.not_decodable",
  "delta.shape_mismatch",
  "delta.not_finite",
  "delta.norm_too_large",
  "delta.result_mismatch",
  "contribution.too_stale",
  "window.full",
  // An assignment to a cohort.
  "assignment.mismatch",
  "assignment.sequence_replayed",
  // A decision, and the record that it names.
  "decision.line_mismatch",
  "decision.cohort_mismatch",
  "decision.sequence_replayed",
  "record.mismatch",
  "record.security_epoch_too_low",
  "version.mismatch",
  // A model file, and what is asked of it.
  "model.too_large",
  "model.malformed",
  "model.opset_unsupported",
  "model.graph_invalid",
  "model.shape_unknown",
  "model.shape_invalid",
  "model.operator_unsupported",
  "model.parameter_unknown",
  "model.parameter_mismatch",
  "model.plan_invalid",
  "model.not_loadable",
  "model.output_not_finite",
  // What a signer will not sign.
  "delegation.missing",
  "delegation.expired",
  "delegation.graph_mismatch",
  "delegation.base_mismatch",
  "delegation.norm_exceeded",
  "delegation.evidence_missing",
  // What a caller of a device hands in.
  "input.shape_mismatch",
  "input.not_finite",
  // What a device finds wrong with the data of a window: it is quarantined.
  "input.value_missing",
  "input.value_outside",
  "input.channel_saturated",
  "input.channel_stuck",
  "input.window_duplicated",
  "input.sampling_gap",
  "feedback.window_quarantined",
  "feedback.prediction_unknown",
  "feedback.label_unknown",
  // What an operator asks for.
  "operator.unauthorized",
  "operator.version_unknown",
  "operator.cohort_unknown",
  "operator.state_conflict",
  "operator.request_invalid",
] as const;

/** One of {@link refusalCodes}. */
export type RefusalCode = (typeof refusalCodes)[number];

/** Untrusted input was not acceptable; expected every day, returned and never thrown. */
export interface Refusal {
  readonly code: RefusalCode;
  /** Names the thing, the limit and the way out, for a person. */
  readonly message: string;
}

/** Either a value, or the reason why there is none. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: Refusal };

/**
 * Wraps a value as a successful {@link Outcome}.
 *
 * @example
 * accept(3); // => { ok: true, value: 3 }
 */
export function accept<T>(value: T): Outcome<T> {
  return { ok: true, value };
}

/**
 * Makes a refused {@link Outcome}.
 *
 * @param code what is wrong, from {@link refusalCodes}
 * @param message the thing, the limit and the way out. It may quote what a stranger sent: it is made one plain line of at most
 *   `REASON_LENGTH_MAX` characters here, so that it fits wherever a refusal is shown or sent on
 * @example
 * refuse("frame.truncated", "frame has 3 bytes, its header needs 8; send it again"); // => { ok: false, refusal: { code: "frame.truncated", message: "frame has 3 bytes, its header needs 8; send it again" } }
 */
export function refuse(
  code: RefusalCode,
  message: string,
): { readonly ok: false; readonly refusal: Refusal } {
  return { ok: false, refusal: { code, message: plainText(message, REASON_LENGTH_MAX) } };
}

/** Details of a {@link Fault}. */
export interface FaultDetails {
  /** Stable, `area.noun_problem`. */
  readonly code: string;
  /** What a person can do about it. */
  readonly hint: string;
  readonly cause?: unknown;
  /** True when the same call may succeed later without anyone doing anything. */
  readonly isRetryable?: boolean;
}

/** The environment failed: disk, network, a missing optional package. Thrown. */
export class Fault extends Error {
  readonly code: string;
  readonly hint: string;
  readonly isRetryable: boolean;

  constructor(message: string, details: FaultDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "Fault";
    this.code = details.code;
    this.hint = details.hint;
    this.isRetryable = details.isRetryable ?? false;
  }
}

/** Our own promise is broken. Thrown by {@link assertDefect}; a device falls back to its last proven slot. */
export class Defect extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(`${code}: ${message}`);
    this.name = "Defect";
    this.code = code;
  }
}

/**
 * Throws a {@link Defect} unless `claim` holds.
 *
 * @throws {@link Defect} with `code` when `claim` is false.
 * @example
 * assertDefect(1 + 1 === 2, "arithmetic.broken", "one and one must make two"); // => undefined
 */
export function assertDefect(claim: boolean, code: string, message: string): asserts claim {
  if (!claim) throw new Defect(code, message);
}

/**
 * Takes the value out of an {@link Outcome} whose refusal would be our own mistake, as in tests or for bytes that we just made.
 *
 * @throws {@link Defect} with the refusal's code.
 * @example
 * unwrap(accept("x")); // => "x"
 */
export function unwrap<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value;
  throw new Defect(outcome.refusal.code, outcome.refusal.message);
}
