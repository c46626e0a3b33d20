// Everything that a hub keeps in memory, read once at its start.
import type { ReceiptEntryRow, StoredHub } from "../../ports/store.ts";
import type { AuditTable } from "./auditTable.ts";
import { type Row, type Sql, toBytes } from "./database.ts";
import { toSigningRequest } from "./lists.ts";

/** Reads what was committed. */
export function loadHub(sql: Sql, audit: AuditTable): StoredHub {
  const all = <T>(text: string): T[] => sql(text).all() as T[];
  return {
    meta: Object.fromEntries(
      all<{ key: string; value: string }>("SELECT * FROM meta").map(({ key, value }) => [
        key,
        value,
      ]),
    ),
    accessTokens: all(
      "SELECT id, role, hash, note, created_at_ms AS createdAtMs FROM access_token ORDER BY created_at_ms",
    ),
    trustRoots: all<Row>(
      "SELECT version, frame, fingerprint, accepted_at_ms AS acceptedAtMs FROM trust_root ORDER BY version",
    ).map(withBytes("frame")) as unknown as StoredHub["trustRoots"],
    enrolmentTokens: all(
      `SELECT id, secret_hash AS secretHash, cohort, uses_max AS usesMax, uses_count AS usesCount,
         expires_at_ms AS expiresAtMs, note, created_at_ms AS createdAtMs, root_version AS rootVersion FROM enrolment_token ORDER BY created_at_ms`,
    ),
    devices: all<Row>(
      `SELECT device, key_id AS keyId, public_key AS publicKey, line, cohort, status, token,
         credential_hash AS credentialHash, assignment_sequence AS assignmentSequence, assignment,
         enrolled_at_ms AS enrolledAtMs, nonces FROM device ORDER BY device`,
    )
      .map(withBytes("publicKey", "assignment"))
      .map((row) => ({
        ...row,
        nonces: JSON.parse(row["nonces"] as string),
      })) as unknown as StoredHub["devices"],
    lines: all<{ line: string; state: string; policy: string; validationSet: string | null }>(
      "SELECT line, state, policy, validation_set AS validationSet FROM line ORDER BY line",
    ).map(({ line, state, policy, validationSet }) => ({
      line,
      state: JSON.parse(state),
      policy: JSON.parse(policy),
      validationSet: validationSet === null ? null : JSON.parse(validationSet),
    })) as unknown as StoredHub["lines"],
    versions: all<{ body: string }>("SELECT body FROM version ORDER BY rowid").map(({ body }) =>
      JSON.parse(body),
    ),
    decisions: all<Row>(
      `SELECT line, cohort, max(decision_sequence) AS decisionSequence, action, frame, at_ms AS atMs FROM decision
         GROUP BY line, cohort`,
    ).map(withBytes("frame")) as unknown as StoredHub["decisions"],
    signingRequests: all<Row>(
      "SELECT payload, body FROM signing_request WHERE state = 'open' ORDER BY rowid",
    ).map(toSigningRequest),
    pending: all(
      `SELECT digest, device, contribution_sequence AS contributionSequence, line, base FROM contribution
         WHERE status = 'pending' ORDER BY id`,
    ),
    contributionSequences: Object.fromEntries(
      all<{ device: string; highest: number }>(
        `SELECT device, max(contribution_sequence) AS highest FROM (
           SELECT device, contribution_sequence FROM contribution UNION ALL
           SELECT device, contribution_sequence FROM refused) GROUP BY device`,
      ).map(({ device, highest }) => [device, highest]),
    ),
    contributionCounts: Object.fromEntries(
      all<{ device: string; count: number }>(
        "SELECT device, count(*) AS count FROM contribution GROUP BY device",
      ).map(({ device, count }) => [device, count]),
    ),
    reports: all<{ body: string; receivedAtMs: number }>(
      "SELECT body, received_at_ms AS receivedAtMs FROM report",
    ).map(({ body, receivedAtMs }) => ({ report: JSON.parse(body), receivedAtMs })),
    newestReceipts: all(
      `SELECT device, active, stored_at_ms AS storedAtMs FROM device_receipt
         WHERE id IN (SELECT max(id) FROM device_receipt GROUP BY device)`,
    ),
    refusalCounts: all(
      `SELECT device, code, count, first_at_ms AS firstAtMs, last_at_ms AS lastAtMs, last_message AS lastMessage
         FROM refusal_count ORDER BY device, code`,
    ),
    outbox: all<ReceiptEntryRow>("SELECT * FROM receipt_outbox ORDER BY device, digest"),
    auditHead: audit.latest(1)[0] ?? null,
  };
}

/** Copies the bytes of some columns. */
const withBytes =
  (...columns: readonly string[]) =>
  (row: Row): Row => {
    const copy = { ...row };
    for (const column of columns) copy[column] = toBytes(copy[column]);
    return copy;
  };
