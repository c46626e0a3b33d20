// Intake rows into their tables: contributions, receipts, reports, refusals, each with its audit row and its receipt. It runs
// within a transaction that its caller opens.
import type { Digest } from "@attune/protocol";
import type { AuditRow } from "../../core/audit/auditChain.ts";
import { DRIFT_HISTORY_MAX, REFUSED_KEPT_MAX } from "../../limits.ts";
import type { IntakeAnswer, IntakeRow, KnownContribution } from "../../ports/store.ts";
import type { AuditTable } from "./auditTable.ts";
import type { Sql } from "./database.ts";

/** Writes intake rows. */
export interface IntakeTables {
  /** @param told where its audit rows are added */
  commitRow(row: IntakeRow, told: AuditRow[]): IntakeAnswer;
  known(digest: Digest, device: string, contributionSequence: number): KnownContribution;
}

/** The intake tables of an open database. */
export function createIntakeTables(sql: Sql, audit: AuditTable): IntakeTables {
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
    told: AuditRow[],
  ): void => {
    const row = sql(
      `INSERT INTO refusal_count VALUES (?, ?, 1, ?, ?, ?) ON CONFLICT (device, code) DO UPDATE SET
       count = count + 1, last_at_ms = excluded.last_at_ms, last_message = excluded.last_message RETURNING count`,
    ).get(device, code, atMs, atMs, message);
    const count = row?.["count"] as number;
    // Powers of two only: junk from one device adds rows to the audit ever more slowly.
    if ((count & (count - 1)) !== 0) return;
    told.push(
      audit.append({
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
    told: AuditRow[],
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
      countRefusal(row.device, row.line, answer.code, message, row.atMs, told);
      putReceipt(row.digest, row.device, answer);
      return answer;
    }
    const answer = { outcome: "committed", code: "", message: "", isNew: true } as const;
    putReceipt(row.digest, row.device, answer);
    told.push(
      audit.append({
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

  const commitReceipt = (row: IntakeRow & { kind: "receipt" }, told: AuditRow[]): IntakeAnswer => {
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
      told.push(
        audit.append({
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

  /** Keeps what a device says of drift when it is something else than before; the oldest goes when there are too many. */
  const keepDrift = ({ report, receivedAtMs }: IntakeRow & { kind: "report" }): void => {
    const { device, reportSequence, drift } = report;
    if (drift === undefined) return;
    const says = [
      drift.verdict,
      ...drift.findings.map(({ kind, direction, name }) => `${kind}/${direction}/${name}`).sort(),
    ].join("\n");
    const before = sql(
      "SELECT says FROM drift WHERE device = ? ORDER BY report_sequence DESC LIMIT 1",
    ).get(device);
    if (before?.["says"] === says) return;
    sql("INSERT INTO drift VALUES (?, ?, ?, ?, ?)").run(
      device,
      reportSequence,
      receivedAtMs,
      says,
      JSON.stringify(drift),
    );
    sql(
      `DELETE FROM drift WHERE device = ? AND report_sequence <=
       (SELECT report_sequence FROM drift WHERE device = ? ORDER BY report_sequence DESC LIMIT 1 OFFSET ?)`,
    ).run(device, device, DRIFT_HISTORY_MAX);
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
    if (changes > 0) keepDrift(row);
    return { outcome: "committed", code: "", message: "", isNew: changes > 0 };
  };

  const commitRefusal = (row: IntakeRow & { kind: "refusal" }, told: AuditRow[]): IntakeAnswer => {
    const answer = {
      outcome: "refused",
      code: row.code,
      message: row.message,
      isNew: true,
    } as const;
    countRefusal(row.device, row.line, row.code, row.message, row.atMs, told);
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

  const commitRow = (row: IntakeRow, told: AuditRow[]): IntakeAnswer => {
    switch (row.kind) {
      case "contribution":
        return commitContribution(row, told);
      case "receipt":
        return commitReceipt(row, told);
      case "report":
        return commitReport(row);
      case "refusal":
        return commitRefusal(row, told);
    }
  };

  return {
    commitRow,
    known(digest, device, contributionSequence) {
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
  };
}
