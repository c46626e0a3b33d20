// The audit table: rows at the end of one hash chain, and its check. It must not know what is audited.
import type { Cryptography, Digest } from "@attune/protocol";
import {
  type AuditEntry,
  type AuditRow,
  type AuditVerdict,
  auditHash,
  auditStart,
  type StoredAuditRow,
  verifyAuditChain,
} from "../../core/audit/auditChain.ts";
import type { Row, SqlDatabase } from "./database.ts";

/** The audit of one hub. */
export interface AuditTable {
  /** Adds a row to the chain; within a transaction of {@link AuditTable.transact}. */
  append(entry: AuditEntry): AuditRow;
  /** A transaction that may append: when it fails, the chain's end is where it was. */
  transact<T>(work: () => T): T;
  /** Oldest first, after a sequence. */
  after(sequence: number, limit: number): readonly AuditRow[];
  /** Newest first. */
  latest(limit: number): readonly AuditRow[];
  verify(): AuditVerdict;
}

/** The audit table of an open database. */
export function createAuditTable(
  { sql, transact }: SqlDatabase,
  cryptography: Cryptography,
): AuditTable {
  const last = sql("SELECT * FROM audit ORDER BY sequence DESC LIMIT 1").get();
  let length = last === undefined ? 0 : (last["sequence"] as number);
  let head = last === undefined ? auditStart : (last["hash"] as Digest);

  return {
    append(entry) {
      const detail = JSON.stringify(entry.detail);
      const sequence = length + 1;
      const previous = head;
      const hash = auditHash(sequence, previous, entry, detail, cryptography);
      sql("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)").run(
        sequence,
        entry.atMs,
        entry.actor,
        entry.action,
        entry.line,
        entry.subject,
        entry.reason,
        detail,
        previous,
        hash,
      );
      length = sequence;
      head = hash;
      return { ...entry, sequence, previous, hash };
    },
    transact(work) {
      const before = { length, head };
      try {
        return transact(work);
      } catch (error) {
        ({ length, head } = before);
        throw error;
      }
    },
    after: (sequence, limit) =>
      sql("SELECT * FROM audit WHERE sequence > ? ORDER BY sequence LIMIT ?")
        .all(sequence, limit)
        .map(toAuditRow),
    latest: (limit) =>
      sql("SELECT * FROM audit ORDER BY sequence DESC LIMIT ?").all(limit).map(toAuditRow),
    verify: () =>
      verifyAuditChain(
        storedRows(sql("SELECT * FROM audit ORDER BY sequence").iterate()),
        cryptography,
      ),
  };
}

function toStoredRow({ at_ms: atMs, ...rest }: Row): StoredAuditRow {
  return { ...rest, atMs } as unknown as StoredAuditRow;
}

function toAuditRow(row: Row): AuditRow {
  const stored = toStoredRow(row);
  return { ...stored, detail: JSON.parse(stored.detail) as AuditRow["detail"] };
}

function* storedRows(rows: Iterable<Row>): Generator<StoredAuditRow> {
  for (const row of rows) yield toStoredRow(row);
}
