// How the last challenger of a line ended, out of its audit rows. It must not fetch.
import type { AuditRow } from "../core/audit/auditChain.ts";

/**
 * The newest row that ended a challenger of a line, or `null` when none is among the rows.
 *
 * @param rows in any order
 */
export function lastEnding(rows: readonly AuditRow[], line: string): AuditRow | null {
  return rows
    .filter((row) => row.line === line && isEnding(row))
    .reduce<AuditRow | null>(
      (last, row) => (last === null || row.sequence > last.sequence ? row : last),
      null,
    );
}

const isEnding = ({ action, detail }: AuditRow): boolean =>
  action === "rollout.promoted" ||
  action === "rollout.rolledBack" ||
  action === "window.failed" ||
  (action === "gate.verdict" && detail["verdict"] === "reject");
