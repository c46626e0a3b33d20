import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DeviceId, Digest, LineId, ModelVersion, Report } from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, it } from "vitest";
import { REFUSED_KEPT_MAX } from "../../limits.ts";
import type { IntakeRow } from "../../ports/store.ts";
import { migrations } from "./schema.ts";
import { openSqliteStore } from "./sqliteStore.ts";
import type { SyncStore } from "./syncStore.ts";

let folder: string;
let store: SyncStore;
const open = (): SyncStore => openSqliteStore(join(folder, "attune.db"), nodeCryptography);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "attune-store-"));
  store = open();
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true });
});

const digestOfText = (text: string): Digest =>
  Buffer.from(nodeCryptography.sha256(new TextEncoder().encode(text))).toString("hex") as Digest;

const contribution = (
  device: string,
  contributionSequence: number,
  text = `${device}/${contributionSequence}`,
  base = "b",
): IntakeRow & { kind: "contribution" } => ({
  kind: "contribution",
  digest: digestOfText(text),
  device: device as DeviceId,
  contributionSequence,
  line: "activity" as LineId,
  base: base.padEnd(64, "0") as ModelVersion,
  weight: 10,
  norm: 1.5,
  examples: 12,
  steps: 30,
  evidence: { n: 9, wins: 3, losses: 1 },
  frame: new TextEncoder().encode(text),
  atMs: 5,
});

const report = (reportSequence: number, wins: number): IntakeRow => ({
  kind: "report",
  receivedAtMs: reportSequence,
  report: {
    device: "a",
    line: "activity",
    reportSequence,
    paired: [{ champion: "x", challenger: "y", n: 10, wins, losses: 0 }],
  } as unknown as Report,
});

it("[HB10] a contribution, its audit row and its receipt are one commit", () => {
  const { answers, audit } = store.commitIntake([contribution("a", 1)]);
  expect(answers).toEqual([{ outcome: "committed", code: "", message: "", isNew: true }]);
  expect(audit).toMatchObject([
    { sequence: 1, action: "contribution.committed", subject: digestOfText("a/1") },
  ]);
  const stored = store.load();
  expect(stored.pending).toMatchObject([{ device: "a", contributionSequence: 1 }]);
  expect(stored.outbox).toMatchObject([
    { digest: digestOfText("a/1"), device: "a", outcome: "committed" },
  ]);
  expect(stored.contributionSequences).toEqual({ a: 1 });
});

it("[HB10] what was committed is there when the database is opened again", () => {
  store.commitIntake([contribution("a", 1), contribution("b", 1)]);
  const before = store.load();
  store.close();
  store = open();
  expect(store.load()).toEqual(before);
  expect(store.verifyAudit()).toMatchObject({ ok: true, length: 2 });
});

it("[HB11] the same digest is committed once and gets the same receipt again", () => {
  store.commitIntake([contribution("a", 1)]);
  const { answers, audit } = store.commitIntake([contribution("a", 1)]);
  expect(answers).toEqual([{ outcome: "committed", code: "", message: "", isNew: false }]);
  expect(audit).toEqual([]);
  expect(store.load().contributionCounts).toEqual({ a: 1 });
});

it("[HB11] the same device and sequence with other bytes is contribution.replayed, also within one commit", () => {
  const { answers } = store.commitIntake([contribution("a", 1), contribution("a", 1, "other")]);
  expect(answers[1]).toMatchObject({ outcome: "refused", code: "contribution.replayed" });
  expect(store.knownContribution(digestOfText("third"), "a" as DeviceId, 1).kind).toBe(
    "sequenceTaken",
  );
  expect(store.knownContribution(digestOfText("third"), "a" as DeviceId, 2).kind).toBe("unknown");
  expect(store.knownContribution(digestOfText("a/1"), "a" as DeviceId, 1).kind).toBe("committed");
});

const refusal = (text: string, contributionSequence: number | null = 7): IntakeRow => ({
  kind: "refusal",
  device: "a",
  line: null,
  code: "delta.not_finite",
  message: "NaN",
  atMs: 1,
  receipt: { device: "a" as DeviceId, digest: digestOfText(text) },
  contributionSequence,
});

it("[HB12] a refused contribution keeps its answer for the same bytes", () => {
  store.commitIntake([refusal("bad")]);
  expect(store.knownContribution(digestOfText("bad"), "a" as DeviceId, 7)).toEqual({
    kind: "refused",
    code: "delta.not_finite",
    message: "NaN",
  });
  expect(store.load().contributionSequences).toEqual({ a: 7 });
});

it("[HB12] kept answers are bounded: the oldest are dropped", () => {
  for (let from = 0; from < REFUSED_KEPT_MAX + 512; from += 256) {
    store.commitIntake(Array.from({ length: 256 }, (_, index) => refusal(`bad ${from + index}`)));
  }
  expect(store.knownContribution(digestOfText("bad 0"), "a" as DeviceId, 9).kind).toBe("unknown");
  const last = `bad ${REFUSED_KEPT_MAX + 511}`;
  expect(store.knownContribution(digestOfText(last), "a" as DeviceId, 9).kind).toBe("refused");
});

it("[HB13] refusals are counted one by one and audited ever more rarely", () => {
  const { audit } = store.commitIntake(
    Array.from({ length: 100 }, (_, index) => refusal(`${index}`)),
  );
  expect(audit.map(({ detail }) => detail["count"])).toEqual([1, 2, 4, 8, 16, 32, 64]);
  expect(store.load().refusalCounts).toMatchObject([
    { device: "a", count: 100, lastMessage: "NaN" },
  ]);
});

it("[HB14] of cumulative reports the highest sequence wins, its comparisons too; a comparison that left stays", () => {
  store.commitIntake([report(2, 5), report(1, 9)]);
  const pairs = () => store.pairs("x" as ModelVersion, "y" as ModelVersion);
  expect(pairs()).toEqual([{ device: "a", n: 10, wins: 5, losses: 0 }]);
  const withoutPairs = report(3, 0);
  if (withoutPairs.kind === "report") {
    store.commitIntake([{ ...withoutPairs, report: { ...withoutPairs.report, paired: [] } }]);
  }
  expect(pairs()).toEqual([{ device: "a", n: 10, wins: 5, losses: 0 }]);
  expect(store.load().reports).toMatchObject([{ report: { reportSequence: 3 } }]);
});

it("[HB15] receipts that were not handed over are there at the next start", () => {
  store.commitIntake([contribution("a", 1), contribution("b", 1)]);
  store.receiptsSent([{ digest: digestOfText("a/1"), device: "a" as DeviceId }]);
  store.close();
  store = open();
  expect(store.load().outbox).toMatchObject([{ device: "b", digest: digestOfText("b/1") }]);
});

it("[HB22] a closed window has its contributions in order of digest, a few at a time; earlier ones are superseded", () => {
  store.commitIntake([
    contribution("a", 1),
    contribution("a", 2),
    contribution("b", 1),
    contribution("c", 1),
  ]);
  const chosen = ["a/2", "b/1"].map(digestOfText);
  store.commit(
    [{ kind: "windowClosed", line: "activity" as LineId, window: 1, contributions: chosen }],
    [],
  );
  const first = store.windowContributions("activity" as LineId, 1, null, 1);
  const second = store.windowContributions("activity" as LineId, 1, first[0]?.digest ?? null, 1);
  expect([...first, ...second].map(({ digest }) => digest)).toEqual([...chosen].sort());
  expect(store.load().pending.map(({ device }) => device)).toEqual(["c"]);
  const all = store.contributions({ device: "a", line: null }, { limit: 10, cursor: null });
  expect(all.items.map(({ status }) => status)).toEqual(["used", "superseded"]);
});

it("[HB23] contributions whose base is gone expire", () => {
  store.commitIntake([contribution("a", 1, "1", "old"), contribution("b", 1, "2", "new")]);
  const kept = "new".padEnd(64, "0") as ModelVersion;
  store.commit([{ kind: "basesKept", line: "activity" as LineId, bases: [kept] }], []);
  expect(store.load().pending).toMatchObject([{ device: "b", base: kept }]);
});

it("[HB61] the audit table refuses change and deletion, whoever asks", () => {
  store.commitIntake([contribution("a", 1)]);
  store.close();
  const raw = new Database(join(folder, "attune.db"));
  expect(() => raw.exec("UPDATE audit SET reason = 'x'")).toThrow("append-only");
  expect(() => raw.exec("DELETE FROM audit")).toThrow("append-only");
  raw.close();
  store = open();
});

it("[HB61] a row that was changed behind the triggers' back is found", () => {
  store.commitIntake([contribution("a", 1), contribution("b", 1)]);
  store.close();
  const raw = new Database(join(folder, "attune.db"));
  raw.exec("DROP TRIGGER audit_never_changes; UPDATE audit SET subject = 'x' WHERE sequence = 2");
  raw.close();
  store = open();
  expect(store.verifyAudit()).toMatchObject({ ok: false, brokenAt: 2 });
});

it("[HB16] a commit that fails changes nothing, and the chain goes on where it was", () => {
  const row = {
    line: "activity" as LineId,
    cohort: "c",
    decisionSequence: 1,
    action: "release",
    frame: new Uint8Array(1),
    atMs: 1,
  };
  const entry = {
    atMs: 1,
    actor: "hub",
    action: "decision.made",
    line: null,
    subject: "",
    reason: "",
    detail: {},
  };
  store.commit([{ kind: "decision", row: row as never }], [entry]);
  expect(() => store.commit([{ kind: "decision", row: row as never }], [entry])).toThrow(
    "database failed",
  );
  store.commit([], [entry]);
  expect(store.verifyAudit()).toMatchObject({ ok: true, length: 2 });
});

it("[HB17] a second hub on the same folder is refused with a hint", () => {
  store.commitIntake([contribution("a", 1)]);
  expect(() => open()).toThrowError(expect.objectContaining({ code: "store.locked" }));
});

it("[HB17] a database of a newer hub is refused", () => {
  store.close();
  const raw = new Database(join(folder, "attune.db"));
  raw.pragma("user_version = 99");
  raw.close();
  expect(() => open()).toThrowError(expect.objectContaining({ code: "store.newer" }));
  const mended = new Database(join(folder, "attune.db"));
  mended.pragma(`user_version = ${migrations.length}`);
  mended.close();
  store = open();
});

it("[HB18] lists come in pages, newest first, and a cursor goes on after the last item", () => {
  store.commitIntake([1, 2, 3, 4, 5].map((sequence) => contribution("a", sequence)));
  const filter = { device: null, line: "activity" };
  const first = store.contributions(filter, { limit: 2, cursor: null });
  const second = store.contributions(filter, { limit: 2, cursor: first.nextCursor });
  const third = store.contributions(filter, { limit: 2, cursor: second.nextCursor });
  expect(
    [...first.items, ...second.items, ...third.items].map((row) => row.contributionSequence),
  ).toEqual([5, 4, 3, 2, 1]);
  expect(third.nextCursor).toBeNull();
});

it("[HB17] a database of an older hub is brought up to date: tokens name the root that counted when they were made", () => {
  store.close();
  const older = new Database(join(folder, "older.db"));
  older.exec(migrations[0] ?? "");
  older.pragma("user_version = 1");
  older.exec(`
    INSERT INTO trust_root VALUES (1, x'01', 'a', 10), (2, x'02', 'b', 20);
    INSERT INTO enrolment_token VALUES ('early', 'e', 'default', 1, 0, 99, '', 15), ('late', 'l', 'default', 1, 0, 99, '', 25);
    INSERT INTO device VALUES ('dev', 'k', x'01', 'activity', 'default', 'active', 'early', 'c', 1, x'02', 16);
  `);
  older.close();
  store = openSqliteStore(join(folder, "older.db"), nodeCryptography);
  const { enrolmentTokens, devices } = store.load();
  expect(enrolmentTokens.map(({ id, rootVersion }) => [id, rootVersion])).toEqual([
    ["early", 1],
    ["late", 2],
  ]);
  expect(devices[0]?.nonces).toEqual([]);
});
