// What is read on request: windows, comparisons, and the pages of lists.
import type {
  ContributionRow,
  DecisionRow,
  DelegationRow,
  DeviceReceiptRow,
  Page,
  PageRequest,
  SigningRequestRow,
} from "../../ports/store.ts";
import { type Row, type Sql, toBytes } from "./database.ts";
import type { SyncStore } from "./syncStore.ts";

/** The part of a store that reads on request. */
export type Lists = Pick<
  SyncStore,
  | "windowContributions"
  | "driftHistory"
  | "pairs"
  | "receiptsSince"
  | "contributions"
  | "receipts"
  | "decisions"
  | "signingRequests"
  | "signingRequest"
  | "delegations"
>;

const contributionColumns = `digest, device, contribution_sequence AS contributionSequence, line, base, weight, norm, examples,
  steps, n, wins, losses, length(frame) AS bytes, at_ms AS atMs, status, window`;

const receiptColumns = `digest, device, line, decision_sequence AS decisionSequence, outcome, active, code, message,
  at_ms AS atMs, stored_at_ms AS storedAtMs`;

type StoredReceipt = DeviceReceiptRow & { id: number };

type StoredDecision = DecisionRow & { id: number };

/** The lists of an open database. */
export function createLists(sql: Sql): Lists {
  const all = <T>(text: string, ...params: unknown[]): T[] => sql(text).all(...params) as T[];

  return {
    windowContributions: (line, window, after, limit) =>
      all<Row>(
        `SELECT ${contributionColumns}, frame FROM contribution WHERE line = ? AND window = ? AND digest > ?
         ORDER BY digest LIMIT ?`,
        line,
        window,
        after ?? "",
        limit,
      ).map((row) => ({ ...toContribution(row), frame: toBytes(row["frame"]) })),
    driftHistory: (device) =>
      all<{ reportSequence: number; receivedAtMs: number; body: string }>(
        `SELECT report_sequence AS reportSequence, received_at_ms AS receivedAtMs, body FROM drift WHERE device = ?
         ORDER BY report_sequence DESC`,
        device,
      ).map(({ body, ...row }) => ({ ...row, drift: JSON.parse(body) })),
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
      return pageOf(
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
      return pageOf(rows, request);
    },
    decisions({ line, cohort }, request) {
      const rows = all<Row & { id: number }>(
        `SELECT rowid AS id, line, cohort, decision_sequence AS decisionSequence, action, frame, at_ms AS atMs FROM decision
         WHERE (@line IS NULL OR line = @line) AND (@cohort IS NULL OR cohort = @cohort) AND rowid < @before
         ORDER BY rowid DESC LIMIT @limit`,
        { line, cohort, ...span(request) },
      );
      return pageOf(
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
      ).map((row) => ({ ...row, frame: toBytes(row["frame"]) }) as unknown as DelegationRow),
  };
}

function pageOf<T extends { readonly id: number }>(
  rows: T[],
  { limit }: PageRequest,
): Page<Omit<T, "id">> {
  const shown = rows.slice(0, limit);
  return {
    items: shown.map(({ id: _id, ...item }) => item),
    nextCursor: rows.length > limit ? String(shown.at(-1)?.id) : null,
  };
}

/** One row more than asked for tells whether there is another page. */
function span({ cursor, limit }: PageRequest): { before: number; limit: number } {
  return { before: cursor === null ? Number.MAX_SAFE_INTEGER : Number(cursor), limit: limit + 1 };
}

function toContribution(row: Row): ContributionRow {
  const { n, wins, losses, id: _id, frame: _frame, ...rest } = row;
  return { ...rest, evidence: { n, wins, losses } } as unknown as ContributionRow;
}

/** A request as it was stored: its exact payload beside the rest. */
export function toSigningRequest(row: Row): SigningRequestRow {
  return { ...JSON.parse(row["body"] as string), payload: toBytes(row["payload"]) };
}
