// The hub's store in one SQLite database, synchronous. It runs in a worker, away from the broker; it must not know MQTT,
// signatures or what any decision means.
import type { Cryptography } from "@attune/protocol";
import type { AuditRow } from "../../core/audit/auditChain.ts";
import { applyChange } from "./applyChange.ts";
import { createAuditTable } from "./auditTable.ts";
import { guarded, openSqlDatabase } from "./database.ts";
import { createIntakeTables } from "./intakeTables.ts";
import { createLists } from "./lists.ts";
import { loadHub } from "./loadHub.ts";
import type { SyncStore } from "./syncStore.ts";

/**
 * Opens the store of a hub.
 *
 * @throws Fault `store.locked`, `store.newer`, `store.io_failed`
 */
export function openSqliteStore(file: string, cryptography: Cryptography): SyncStore {
  const database = openSqlDatabase(file);
  const { sql } = database;
  const audit = createAuditTable(database, cryptography);
  const intake = createIntakeTables(sql, audit);
  return byGuard<SyncStore>({
    ...createLists(sql),
    load: () => loadHub(sql, audit),
    commitIntake: (rows) =>
      audit.transact(() => {
        const told: AuditRow[] = [];
        return { answers: rows.map((row) => intake.commitRow(row, told)), audit: told };
      }),
    commit: (changes, entries) =>
      audit.transact(() => {
        for (const change of changes) applyChange(sql, change);
        return entries.map((entry) => audit.append(entry));
      }),
    knownContribution: (digest, device, sequence) => intake.known(digest, device, sequence),
    receiptsSent: (entries) =>
      database.transact(() => {
        for (const { digest, device } of entries) {
          sql("DELETE FROM receipt_outbox WHERE digest = ? AND device = ?").run(digest, device);
        }
      }),
    audit: (after, limit) => audit.after(after, limit),
    auditLatest: (limit) => audit.latest(limit),
    verifyAudit: () => audit.verify(),
    close: () => database.close(),
  });
}

function byGuard<T extends Record<string, (...args: never[]) => unknown>>(methods: T): T {
  return Object.fromEntries(
    Object.entries(methods).map(([name, method]) => [
      name,
      (...args: never[]) => guarded(() => method(...args)),
    ]),
  ) as T;
}
