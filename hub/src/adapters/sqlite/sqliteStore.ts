// The hub's database, synchronous: tables, transactions, the audit chain. Sole owner of better-sqlite3. It runs in a worker, away
// from the broker; it must not know MQTT, signatures or what any decision means.
import { type Cryptography, type Digest, Fault } from "@attune/protocol";
import Database from "better-sqlite3";
import {
  type AuditEntry,
  type AuditRow,
  auditHash,
  auditStart,
  type StoredAuditRow,
  verifyAuditChain,
} from "../../core/audit/auditChain.ts";
import { REFUSED_KEPT_MAX } from "../../limits.ts";
import type {
  ContributionRow,
  DecisionRow,
  IntakeAnswer,
  IntakeRow,
  Page,
  PageRequest,
  ReceiptEntryRow,
  SigningRequestRow,
  Store,
  StoreChange,
  StoredHub,
} from "../../ports/store.ts";
import { migrations } from "./schema.ts";

/** A {@link Store} whose methods return at once: what they promise is durable when they return. */
export type SyncStore = {
  readonly [Method in keyof Store]: (
    ...args: Parameters<Store[Method]>
  ) => Awaited<ReturnType<Store[Method]>>;
};

type Row = Record<string, unknown>;

/**
 * Opens the database of a hub, bringing its tables up to date.
 *
 * WAL with `synchronous=FULL`: a commit is on disk before it returns. The lock is exclusive: a second hub on the same folder
 * is refused, or both would give out the same sequence numbers.
 *
 * @throws Fault `store.locked`, `store.newer`, `store.io_failed`
 */
export function openSqliteStore(file: string, cryptography: Cryptography): SyncStore {
  const database = guarded(() => openDatabase(file));
  const statements = new Map<string, Database.Statement<unknown[], Row>>();
  const sql = (text: string): Database.Statement<unknown[], Row> => {
    let statement = statements.get(text);
    if (statement === undefined) {
      statement = database.prepare<unknown[], Row>(text);
      statements.set(text, statement);
    }
    return statement;
  };

  const latest = sql("SELECT * FROM audit ORDER BY sequence DESC LIMIT 1").get();
  let auditLength = latest === undefined ? 0 : (latest["sequence"] as number);
  let auditHead = latest === undefined ? auditStart : (latest["hash"] as Digest);

  const appendAudit = (entry: AuditEntry): AuditRow => {
    const detail = JSON.stringify(entry.detail);
    const sequence = auditLength + 1;
    const previous = auditHead;
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
    auditLength = sequence;
    auditHead = hash;
    return { ...entry, sequence, previous, hash };
  };

  /** The chain's end in memory must not run ahead of a transaction that failed. */
  const transact = <T>(work: () => T): T => {
    const length = auditLength;
    const head = auditHead;
    try {
      return database.transaction(work).immediate();
    } catch (error) {
      auditLength = length;
      auditHead = head;
      throw error;
    }
  };

  const putReceipt = (
    digest: Digest,
    device: string,
    answer: Pick<IntakeAnswer, "outcome" | "code" | "message">,
  ): void => {
    sql("INSERT OR REPLACE INTO receipt_outbox VALUES (?, ?, ?, ?, ?)").run(
      digest,
      device,
      answer.outcome,
      answer.code,
      answer.message,
    );
  };

  const countRefusal = (
    device: string,
    line: string | null,
    code: string,
    message: string,
    atMs: number,
    audit: AuditRow[],
  ): void => {
    const row = sql(
      `INSERT INTO refusal_count VALUES (?, ?, 1, ?, ?, ?) ON CONFLICT (device, code) DO UPDATE SET
       count = count + 1, last_at_ms = excluded.last_at_ms, last_message = excluded.last_message RETURNING count`,
    ).get(device, code, atMs, atMs, message);
    const count = row?.["count"] as number;
    // Powers of two only: junk from one device adds rows to the audit ever more slowly.
    if ((count & (count - 1)) !== 0) return;
    audit.push(
      appendAudit({
        atMs,
        actor: `device:${device}`,
        action: "refusal.counted",
        line,
        subject: device,
        reason: message,
        detail: { code, count },
      }),
    );
  };

  const commitContribution = (
    row: IntakeRow & { kind: "contribution" },
    audit: AuditRow[],
  ): IntakeAnswer => {
    const same = sql("SELECT 1 FROM contribution WHERE digest = ?").get(row.digest);
    if (same !== undefined) {
      const answer = { outcome: "committed", code: "", message: "", isNew: false } as const;
      putReceipt(row.digest, row.device, answer);
      return answer;
    }
    const inserted = sql(
      `INSERT INTO contribution (digest, device, contribution_sequence, line, base, weight, norm, examples, steps, n, wins, losses,
       frame, at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (device, contribution_sequence) DO NOTHING`,
    ).run(
      row.digest,
      row.device,
      row.contributionSequence,
      row.line,
      row.base,
      row.weight,
      row.norm,
      row.examples,
      row.steps,
      row.evidence.n,
      row.evidence.wins,
      row.evidence.losses,
      row.frame,
      row.atMs,
    );
    if (inserted.changes === 0) {
      const message = `contribution ${row.contributionSequence} of ${row.device} was committed with other bytes; use the next number`;
      const answer = {
        outcome: "refused",
        code: "contribution.replayed",
        message,
        isNew: true,
      } as const;
      countRefusal(row.device, row.line, answer.code, message, row.atMs, audit);
      putReceipt(row.digest, row.device, answer);
      return answer;
    }
    const answer = { outcome: "committed", code: "", message: "", isNew: true } as const;
    putReceipt(row.digest, row.device, answer);
    audit.push(
      appendAudit({
        atMs: row.atMs,
        actor: `device:${row.device}`,
        action: "contribution.committed",
        line: row.line,
        subject: row.digest,
        reason: "",
        detail: {
          device: row.device,
          contributionSequence: row.contributionSequence,
          base: row.base,
          weight: row.weight,
          norm: row.norm,
        },
      }),
    );
    return answer;
  };

  const commitReceipt = (row: IntakeRow & { kind: "receipt" }, audit: AuditRow[]): IntakeAnswer => {
    const { changes } = sql(
      `INSERT INTO device_receipt (digest, device, line, decision_sequence, outcome, active, code, message, at_ms, stored_at_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING`,
    ).run(
      row.digest,
      row.device,
      row.line,
      row.decisionSequence,
      row.outcome,
      row.active,
      row.code,
      row.message,
      row.atMs,
      row.storedAtMs,
    );
    const answer = { outcome: "committed", code: "", message: "", isNew: changes > 0 } as const;
    putReceipt(row.digest, row.device, answer);
    if (changes > 0) {
      audit.push(
        appendAudit({
          atMs: row.storedAtMs,
          actor: `device:${row.device}`,
          action: "receipt.stored",
          line: row.line,
          subject: row.active,
          reason: row.message,
          detail: {
            device: row.device,
            decisionSequence: row.decisionSequence,
            outcome: row.outcome,
            code: row.code,
          },
        }),
      );
    }
    return answer;
  };

  const commitReport = (row: IntakeRow & { kind: "report" }): IntakeAnswer => {
    const { report } = row;
    const { changes } = sql(
      `INSERT INTO report VALUES (?, ?, ?, ?) ON CONFLICT (device) DO UPDATE SET report_sequence = excluded.report_sequence,
       body = excluded.body, received_at_ms = excluded.received_at_ms WHERE excluded.report_sequence > report_sequence`,
    ).run(report.device, report.reportSequence, JSON.stringify(report), row.receivedAtMs);
    for (const pair of report.paired) {
      sql(
        `INSERT INTO pair VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (champion, challenger, device) DO UPDATE SET
         report_sequence = excluded.report_sequence, n = excluded.n, wins = excluded.wins, losses = excluded.losses
         WHERE excluded.report_sequence > report_sequence`,
      ).run(
        pair.champion,
        pair.challenger,
        report.device,
        report.reportSequence,
        pair.n,
        pair.wins,
        pair.losses,
      );
    }
    return { outcome: "committed", code: "", message: "", isNew: changes > 0 };
  };

  const commitRefusal = (row: IntakeRow & { kind: "refusal" }, audit: AuditRow[]): IntakeAnswer => {
    const answer = {
      outcome: "refused",
      code: row.code,
      message: row.message,
      isNew: true,
    } as const;
    countRefusal(row.device, row.line, row.code, row.message, row.atMs, audit);
    if (row.receipt === null) return answer;
    putReceipt(row.receipt.digest, row.receipt.device, answer);
    if (row.contributionSequence !== null) {
      sql(
        `INSERT INTO refused (digest, device, contribution_sequence, code, message) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (digest) DO NOTHING`,
      ).run(
        row.receipt.digest,
        row.receipt.device,
        row.contributionSequence,
        row.code,
        row.message,
      );
      sql("DELETE FROM refused WHERE id <= (SELECT max(id) FROM refused) - ?").run(
        REFUSED_KEPT_MAX,
      );
    }
    return answer;
  };

  const commitRow = (row: IntakeRow, audit: AuditRow[]): IntakeAnswer => {
    switch (row.kind) {
      case "contribution":
        return commitContribution(row, audit);
      case "receipt":
        return commitReceipt(row, audit);
      case "report":
        return commitReport(row);
      case "refusal":
        return commitRefusal(row, audit);
    }
  };

  const applyChange = (change: StoreChange): void => {
    switch (change.kind) {
      case "meta":
        sql("INSERT OR REPLACE INTO meta VALUES (?, ?)").run(change.key, change.value);
        return;
      case "accessToken": {
        const { id, role, hash, note, createdAtMs } = change.row;
        sql("INSERT INTO access_token VALUES (?, ?, ?, ?, ?)").run(
          id,
          role,
          hash,
          note,
          createdAtMs,
        );
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
        sql("INSERT OR REPLACE INTO enrolment_token VALUES (?, ?, ?, ?, ?, ?, ?, ?)").run(
          row.id,
          row.secretHash,
          row.cohort,
          row.usesMax,
          row.usesCount,
          row.expiresAtMs,
          row.note,
          row.createdAtMs,
        );
        return;
      }
      case "device": {
        const { row } = change;
        sql("INSERT OR REPLACE INTO device VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)").run(
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
  };

  const page = <T extends { readonly id: number }>(
    rows: T[],
    { limit }: PageRequest,
  ): Page<Omit<T, "id">> => {
    const shown = rows.slice(0, limit);
    return {
      items: shown.map(({ id: _id, ...item }) => item),
      nextCursor: rows.length > limit ? String(shown.at(-1)?.id) : null,
    };
  };
  /** One row more than asked for tells whether there is another page. */
  const span = ({ cursor, limit }: PageRequest): { before: number; limit: number } => ({
    before: cursor === null ? Number.MAX_SAFE_INTEGER : Number(cursor),
    limit: limit + 1,
  });

  const all = <T>(text: string, ...params: unknown[]): T[] => sql(text).all(...params) as T[];

  return byGuard<SyncStore>({
    load(): StoredHub {
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
           expires_at_ms AS expiresAtMs, note, created_at_ms AS createdAtMs FROM enrolment_token ORDER BY created_at_ms`,
        ),
        devices: all<Row>(
          `SELECT device, key_id AS keyId, public_key AS publicKey, line, cohort, status, token,
           credential_hash AS credentialHash, assignment_sequence AS assignmentSequence, assignment,
           enrolled_at_ms AS enrolledAtMs FROM device ORDER BY device`,
        ).map(withBytes("publicKey", "assignment")) as unknown as StoredHub["devices"],
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
        refusalCounts: all(
          `SELECT device, code, count, first_at_ms AS firstAtMs, last_at_ms AS lastAtMs, last_message AS lastMessage
           FROM refusal_count ORDER BY device, code`,
        ),
        outbox: all<ReceiptEntryRow>("SELECT * FROM receipt_outbox ORDER BY device, digest"),
        auditHead: readAudit("SELECT * FROM audit ORDER BY sequence DESC LIMIT 1")[0] ?? null,
      };
    },
    commitIntake: (rows) =>
      transact(() => {
        const audit: AuditRow[] = [];
        return { answers: rows.map((row) => commitRow(row, audit)), audit };
      }),
    commit: (changes, audit) =>
      transact(() => {
        for (const change of changes) applyChange(change);
        return audit.map(appendAudit);
      }),
    knownContribution(digest, device, contributionSequence) {
      if (sql("SELECT 1 FROM contribution WHERE digest = ?").get(digest) !== undefined) {
        return { kind: "committed" };
      }
      const refused = sql("SELECT code, message FROM refused WHERE digest = ?").get(digest);
      if (refused !== undefined) {
        return { kind: "refused", ...(refused as { code: string; message: string }) };
      }
      const taken = sql(
        "SELECT 1 FROM contribution WHERE device = ? AND contribution_sequence = ?",
      ).get(device, contributionSequence);
      return { kind: taken === undefined ? "unknown" : "sequenceTaken" };
    },
    receiptsSent: (entries) =>
      transact(() => {
        for (const { digest, device } of entries) {
          sql("DELETE FROM receipt_outbox WHERE digest = ? AND device = ?").run(digest, device);
        }
      }),
    windowContributions: (line, window, after, limit) =>
      all<Row>(
        `SELECT ${contributionColumns}, frame FROM contribution WHERE line = ? AND window = ? AND digest > ?
         ORDER BY digest LIMIT ?`,
        line,
        window,
        after ?? "",
        limit,
      ).map((row) => ({ ...toContribution(row), frame: toBytes(row["frame"]) })),
    pairs: (champion, challenger) =>
      all(
        "SELECT device, n, wins, losses FROM pair WHERE champion = ? AND challenger = ? ORDER BY device",
        champion,
        challenger,
      ),
    receiptsSince: (line, decisionSequence) =>
      all(
        `SELECT ${receiptColumns} FROM device_receipt WHERE line = ? AND decision_sequence >= ? ORDER BY id`,
        line,
        decisionSequence,
      ),
    contributions({ device, line }, request) {
      const rows = all<Row & { id: number }>(
        `SELECT id, ${contributionColumns} FROM contribution WHERE (@device IS NULL OR device = @device)
         AND (@line IS NULL OR line = @line) AND id < @before ORDER BY id DESC LIMIT @limit`,
        { device, line, ...span(request) },
      );
      return page(
        rows.map((row) => ({ ...toContribution(row), id: row.id })),
        request,
      );
    },
    receipts({ device, version }, request) {
      const rows = all<StoredReceipt>(
        `SELECT id, ${receiptColumns} FROM device_receipt WHERE (@device IS NULL OR device = @device)
         AND (@version IS NULL OR active = @version) AND id < @before ORDER BY id DESC LIMIT @limit`,
        { device, version, ...span(request) },
      );
      return page(rows, request);
    },
    decisions({ line, cohort }, request) {
      const rows = all<Row & { id: number }>(
        `SELECT rowid AS id, line, cohort, decision_sequence AS decisionSequence, action, frame, at_ms AS atMs FROM decision
         WHERE (@line IS NULL OR line = @line) AND (@cohort IS NULL OR cohort = @cohort) AND rowid < @before
         ORDER BY rowid DESC LIMIT @limit`,
        { line, cohort, ...span(request) },
      );
      return page(
        rows.map((row) => ({ ...row, frame: toBytes(row["frame"]) }) as unknown as StoredDecision),
        request,
      );
    },
    signingRequests({ state }, request) {
      const rows = all<Row & { id: number }>(
        `SELECT rowid AS id, payload, body FROM signing_request WHERE (@state IS NULL OR state = @state)
         AND rowid < @before ORDER BY rowid DESC LIMIT @limit`,
        { state, ...span(request) },
      );
      const items = rows.slice(0, request.limit).map(toSigningRequest);
      const nextCursor = rows.length > request.limit ? String(rows[request.limit - 1]?.id) : null;
      return { items, nextCursor };
    },
    signingRequest(id) {
      const row = sql("SELECT payload, body FROM signing_request WHERE id = ?").get(id);
      return row === undefined ? null : toSigningRequest(row);
    },
    delegations: ({ line }) =>
      all<Row>(
        `SELECT digest, line, frame, stored_at_ms AS storedAtMs FROM delegation WHERE @line IS NULL OR line = @line
         ORDER BY rowid DESC`,
        { line },
      ).map(withBytes("frame")) as never,
    audit: (after, limit) =>
      readAudit("SELECT * FROM audit WHERE sequence > ? ORDER BY sequence LIMIT ?", after, limit),
    auditLatest: (limit) => readAudit("SELECT * FROM audit ORDER BY sequence DESC LIMIT ?", limit),
    verifyAudit: () =>
      verifyAuditChain(
        mapped(sql("SELECT * FROM audit ORDER BY sequence").iterate(), toStoredAudit),
        cryptography,
      ),
    close: () => void database.close(),
  });

  function readAudit(text: string, ...params: unknown[]): AuditRow[] {
    return all<Row>(text, ...params).map((row) => {
      const stored = toStoredAudit(row);
      return { ...stored, detail: JSON.parse(stored.detail) as AuditRow["detail"] };
    });
  }
}

const contributionColumns = `digest, device, contribution_sequence AS contributionSequence, line, base, weight, norm, examples,
  steps, n, wins, losses, length(frame) AS bytes, at_ms AS atMs, status, window`;

const receiptColumns = `digest, device, line, decision_sequence AS decisionSequence, outcome, active, code, message,
  at_ms AS atMs, stored_at_ms AS storedAtMs`;

type StoredReceipt = Awaited<ReturnType<Store["receipts"]>>["items"][number] & { id: number };

type StoredDecision = DecisionRow & { id: number };

function openDatabase(file: string): Database.Database {
  // A killed hub leaves no lock: waiting longer would only delay the message.
  const database = new Database(file, { timeout: 250 });
  try {
    database.pragma("locking_mode = EXCLUSIVE");
    database.pragma("journal_mode = WAL");
    database.pragma("synchronous = FULL");
    database.pragma("foreign_keys = ON");
    const version = database.pragma("user_version", { simple: true }) as number;
    if (version > migrations.length) {
      throw new Fault(`${file} was written by a newer hub (schema ${version})`, {
        code: "store.newer",
        hint: `this hub knows schema ${migrations.length}: update it, or point it at another folder`,
      });
    }
    database
      .transaction(() => {
        for (const step of migrations.slice(version)) database.exec(step);
        database.pragma(`user_version = ${migrations.length}`);
      })
      .exclusive();
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Turns what SQLite throws into a {@link Fault}; our own pass. */
function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Database.SqliteError)) throw error;
    if (error.code.startsWith("SQLITE_BUSY")) {
      throw new Fault("another hub has this data folder open", {
        code: "store.locked",
        hint: "stop the other hub, or start this one with another data folder",
        cause: error,
      });
    }
    throw new Fault(`the database failed: ${error.message}`, {
      code: "store.io_failed",
      hint: "look at the disk's free space and rights, then start the hub again; nothing receipted is lost",
      cause: error,
    });
  }
}

function byGuard<T extends Record<string, (...args: never[]) => unknown>>(methods: T): T {
  return Object.fromEntries(
    Object.entries(methods).map(([name, method]) => [
      name,
      (...args: never[]) => guarded(() => method(...args)),
    ]),
  ) as T;
}

function toBytes(value: unknown): Uint8Array {
  return new Uint8Array(value as Uint8Array);
}

const withBytes =
  (...columns: readonly string[]) =>
  (row: Row): Row => {
    const copy = { ...row };
    for (const column of columns) copy[column] = toBytes(copy[column]);
    return copy;
  };

function toContribution(row: Row): ContributionRow {
  const { n, wins, losses, id: _id, frame: _frame, ...rest } = row;
  return { ...rest, evidence: { n, wins, losses } } as unknown as ContributionRow;
}

function toSigningRequest(row: Row): SigningRequestRow {
  return { ...JSON.parse(row["body"] as string), payload: toBytes(row["payload"]) };
}

function toStoredAudit(row: Row): StoredAuditRow {
  const { at_ms: atMs, ...rest } = row;
  return { ...rest, atMs } as unknown as StoredAuditRow;
}

function* mapped<From, To>(items: Iterable<From>, map: (item: From) => To): Generator<To> {
  for (const item of items) yield map(item);
}
