// The hash chain of the audit table: what a row's hash covers, and the check of a whole chain. It must not know storage.
import { type Cryptography, type Digest, digestOf } from "@attune/protocol";

/** What happened, before it has a place in the chain. */
export interface AuditEntry {
  readonly atMs: number;
  /** `hub`, `admin:ID`, `signer:ID` or `device:ID`. */
  readonly actor: string;
  /** `noun.verbPast`, such as `window.closed`. */
  readonly action: string;
  readonly line: string | null;
  /** What it was done to: a device, a version, a digest. */
  readonly subject: string;
  readonly reason: string;
  /** JSON-safe. */
  readonly detail: Readonly<Record<string, unknown>>;
}

/** A row of the audit table. */
export interface AuditRow extends AuditEntry {
  /** From 1, without gaps. */
  readonly sequence: number;
  /** Hash of the row before; 64 zeros for the first. */
  readonly previous: Digest;
  readonly hash: Digest;
}

/** What stands before the first row. */
export const auditStart: Digest = "0".repeat(64) as Digest;

/**
 * The hash of a row: SHA-256 of its place, the hash before it, and every field as JSON in this order.
 *
 * @param detailText the detail's JSON exactly as it is stored
 */
export function auditHash(
  sequence: number,
  previous: Digest,
  entry: Omit<AuditEntry, "detail">,
  detailText: string,
  cryptography: Cryptography,
): Digest {
  const { atMs, actor, action, line, subject, reason } = entry;
  const text = JSON.stringify([
    "attune/v1/audit",
    sequence,
    previous,
    atMs,
    actor,
    action,
    line,
    subject,
    reason,
    detailText,
  ]);
  return digestOf(cryptography, new TextEncoder().encode(text));
}

/** A row as it is stored: `detail` as text, because its exact bytes are hashed. */
export interface StoredAuditRow extends Omit<AuditRow, "detail"> {
  readonly detail: string;
}

/** What a check of the chain found. */
export interface AuditVerdict {
  readonly ok: boolean;
  readonly length: number;
  readonly head: Digest;
  /** Sequence of the first row that does not fit, or null. */
  readonly brokenAt: number | null;
}

/**
 * Checks rows in order: no gap, no change, no exchange. Cutting rows off the end shows only against a head that was kept
 * elsewhere.
 */
export function verifyAuditChain(
  rows: Iterable<StoredAuditRow>,
  cryptography: Cryptography,
): AuditVerdict {
  let length = 0;
  let head = auditStart;
  for (const row of rows) {
    const expected = auditHash(length + 1, head, row, row.detail, cryptography);
    if (row.sequence !== length + 1 || row.previous !== head || row.hash !== expected) {
      return { ok: false, length, head, brokenAt: length + 1 };
    }
    length += 1;
    head = row.hash;
  }
  return { ok: true, length, head, brokenAt: null };
}
