import { nodeCryptography } from "@attune/protocol/node";
import { expect, it } from "vitest";
import { auditHash, auditStart, type StoredAuditRow, verifyAuditChain } from "./auditChain.ts";

function chainOf(length: number): StoredAuditRow[] {
  const rows: StoredAuditRow[] = [];
  for (let sequence = 1; sequence <= length; sequence += 1) {
    const entry = {
      atMs: sequence * 10,
      actor: "hub",
      action: "test.happened",
      line: null,
      subject: `s${sequence}`,
      reason: "",
    };
    const detail = JSON.stringify({ sequence });
    const previous = rows.at(-1)?.hash ?? auditStart;
    const hash = auditHash(sequence, previous, entry, detail, nodeCryptography);
    rows.push({ ...entry, detail, sequence, previous, hash });
  }
  return rows;
}

const verify = (rows: readonly StoredAuditRow[]) => verifyAuditChain(rows, nodeCryptography);

it("[HB60] a whole chain verifies, and its head is the last hash", () => {
  const rows = chainOf(5);
  expect(verify(rows)).toEqual({ ok: true, length: 5, head: rows[4]?.hash, brokenAt: null });
  expect(verify([])).toEqual({ ok: true, length: 0, head: auditStart, brokenAt: null });
});

it.each<[string, (rows: StoredAuditRow[]) => void, number]>([
  [
    "a changed reason",
    (rows) => void (rows[2] = { ...(rows[2] as StoredAuditRow), reason: "x" }),
    3,
  ],
  [
    "a changed detail",
    (rows) => void (rows[0] = { ...(rows[0] as StoredAuditRow), detail: "{}" }),
    1,
  ],
  [
    "a changed actor",
    (rows) => void (rows[4] = { ...(rows[4] as StoredAuditRow), actor: "me" }),
    5,
  ],
  ["a missing row", (rows) => void rows.splice(1, 1), 2],
  ["two rows exchanged", (rows) => void rows.splice(1, 2, ...rows.slice(1, 3).reverse()), 2],
  ["a missing first row", (rows) => void rows.shift(), 1],
])("[HB60] %s is found where it is", (_what, change, brokenAt) => {
  const rows = chainOf(5);
  change(rows);
  expect(verify(rows)).toMatchObject({ ok: false, brokenAt });
});
