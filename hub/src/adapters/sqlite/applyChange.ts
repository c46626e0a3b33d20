// Changes of operators, enrolments and lines into their tables. It runs within a transaction that its caller opens.
import type { StoreChange } from "../../ports/store.ts";
import type { Sql } from "./database.ts";

/** Writes one change. */
export function applyChange(sql: Sql, change: StoreChange): void {
  switch (change.kind) {
    case "meta":
      sql("INSERT OR REPLACE INTO meta VALUES (?, ?)").run(change.key, change.value);
      return;
    case "accessToken": {
      const { id, role, hash, note, createdAtMs } = change.row;
      sql("INSERT INTO access_token VALUES (?, ?, ?, ?, ?)").run(id, role, hash, note, createdAtMs);
      return;
    }
    case "accessTokenRevoked":
      sql("DELETE FROM access_token WHERE id = ?").run(change.id);
      return;
    case "trustRoot": {
      const { version, frame, fingerprint, acceptedAtMs } = change.row;
      sql("INSERT INTO trust_root VALUES (?, ?, ?, ?)").run(
        version,
        frame,
        fingerprint,
        acceptedAtMs,
      );
      return;
    }
    case "delegation": {
      const { digest, line, frame, storedAtMs } = change.row;
      sql("INSERT OR IGNORE INTO delegation VALUES (?, ?, ?, ?)").run(
        digest,
        line,
        frame,
        storedAtMs,
      );
      return;
    }
    case "enrolmentToken": {
      const { row } = change;
      sql("INSERT OR REPLACE INTO enrolment_token VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)").run(
        row.id,
        row.secretHash,
        row.cohort,
        row.usesMax,
        row.usesCount,
        row.expiresAtMs,
        row.note,
        row.createdAtMs,
        row.rootVersion,
      );
      return;
    }
    case "device": {
      const { row } = change;
      sql("INSERT OR REPLACE INTO device VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)").run(
        row.device,
        row.keyId,
        row.publicKey,
        row.line,
        row.cohort,
        row.status,
        row.token,
        row.credentialHash,
        row.assignmentSequence,
        row.assignment,
        row.enrolledAtMs,
        JSON.stringify(row.nonces),
      );
      return;
    }
    case "line": {
      const { line, state, policy, validationSet } = change.row;
      sql("INSERT OR REPLACE INTO line VALUES (?, ?, ?, ?)").run(
        line,
        JSON.stringify(state),
        JSON.stringify(policy),
        validationSet === null ? null : JSON.stringify(validationSet),
      );
      return;
    }
    case "version": {
      const { row } = change;
      sql(
        "INSERT INTO version VALUES (?, ?, ?, ?) ON CONFLICT (version) DO UPDATE SET body = excluded.body",
      ).run(row.version, row.line, row.createdAtMs, JSON.stringify(row));
      return;
    }
    case "decision": {
      const { line, decisionSequence, cohort, action, frame, atMs } = change.row;
      sql("INSERT INTO decision VALUES (?, ?, ?, ?, ?, ?)").run(
        line,
        decisionSequence,
        cohort,
        action,
        frame,
        atMs,
      );
      return;
    }
    case "signingRequest": {
      const { payload, ...body } = change.row;
      sql(
        "INSERT INTO signing_request VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET state = excluded.state, body = excluded.body",
      ).run(body.id, body.state, body.createdAtMs, payload, JSON.stringify(body));
      return;
    }
    case "windowClosed":
      for (const digest of change.contributions) {
        sql(
          "UPDATE contribution SET status = 'used', window = ? WHERE digest = ? AND line = ? AND status = 'pending'",
        ).run(change.window, digest, change.line);
        sql(
          `UPDATE contribution SET status = 'superseded' WHERE status = 'pending' AND line = ? AND
           device = (SELECT device FROM contribution WHERE digest = ?) AND
           contribution_sequence < (SELECT contribution_sequence FROM contribution WHERE digest = ?)`,
        ).run(change.line, digest, digest);
      }
      return;
    case "basesKept":
      sql(
        `UPDATE contribution SET status = 'expired' WHERE line = ? AND status = 'pending' AND
         base NOT IN (SELECT value FROM json_each(?))`,
      ).run(change.line, JSON.stringify(change.bases));
      return;
  }
}
