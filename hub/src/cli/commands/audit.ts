// `attune audit`: everything that was done, by whom and why, and whether the record is whole.
import type { Command } from "commander";
import type { AuditRow } from "../../core/audit/auditChain.ts";
import { auditSentence } from "../auditSentence.ts";
import { CommandError, type ExitCode, exitCodes } from "../exitCodes.ts";
import type { HubClient } from "../hubClient.ts";
import type { Invocation } from "../invocation.ts";
import type { Field } from "../output.ts";
import type { Attach } from "../program.ts";

interface ListOptions {
  readonly after?: string;
  readonly limit: string;
}

export function addAuditCommands(program: Command, attach: Attach): void {
  const audit = program.command("audit").description("everything that was done, by whom and why");
  attach<ListOptions>(
    audit
      .command("list")
      .description("rows, oldest first; without --after the latest ones")
      .option("--after <sequence>", "only rows after this one")
      .option("--limit <count>", "at most so many", "100"),
    listAudit,
  );
  attach<VerifyOptions>(
    audit
      .command("verify")
      .description("whether every row's hash still holds the one before it")
      .option(
        "--kept <row:hash>",
        "a row that you noted elsewhere: without one, rows cut off the end do not show",
      ),
    verifyAudit,
  );
}

async function listAudit({ options, hub, printRows }: Invocation<ListOptions>): Promise<undefined> {
  const limit = Number(options.limit);
  const after = options.after === undefined ? null : Number(options.after);
  if (!Number.isSafeInteger(limit) || limit < 1 || (after !== null && !(after >= 0))) {
    throw new CommandError(
      exitCodes.usage,
      "operator.request_invalid",
      "--limit and --after are whole numbers",
      "write them like --after 1200 --limit 50",
    );
  }
  const client = hub();
  const from = after ?? Math.max(0, (await verdict(client)).length - limit);
  const rows = await client.list<AuditRow>(`/api/audit?after=${from}`, limit);
  printRows(
    rows,
    [
      { header: "#", align: "right", value: ({ sequence }) => `${sequence}` },
      { header: "TIME", value: ({ atMs }) => new Date(atMs).toISOString() },
      { header: "LINE", value: ({ line }) => line ?? "" },
      { header: "ACTOR", value: ({ actor }) => actor },
      { header: "WHAT", value: auditSentence },
    ],
    "nothing was done yet",
  );
}

interface AuditVerdict {
  readonly ok: boolean;
  readonly length: number;
  readonly head: string;
  readonly brokenAt: number | null;
}

const verdict = (client: HubClient): Promise<AuditVerdict> =>
  client.json<AuditVerdict>("GET", "/api/audit/verify");

interface VerifyOptions {
  readonly kept?: string;
}

async function verifyAudit({
  hub,
  options,
  printOne,
  note,
}: Invocation<VerifyOptions>): Promise<ExitCode> {
  const kept = options.kept === undefined ? null : /^(\d+):([0-9a-f]{64})$/.exec(options.kept);
  if (options.kept !== undefined && kept === null) {
    throw new CommandError(
      exitCodes.usage,
      "operator.request_invalid",
      `${options.kept} is not a row with its hash`,
      "write it like --kept 1200:HASH, both as an earlier attune audit verify showed them",
    );
  }
  const client = hub();
  const found = await verdict(client);
  const isKept = kept === null ? null : await holds(client, Number(kept[1]), kept[2] ?? "");
  printOne({ ...found, isKept }, [
    ["chain", found.ok ? "whole" : `broken at row ${found.brokenAt ?? "?"}`],
    ["head", `${found.length}:${found.head}`],
    ...(isKept === null
      ? []
      : [["kept row", isKept ? "still there" : "gone or changed"] satisfies Field]),
  ]);
  if (found.ok && isKept !== false) return exitCodes.done;
  note(
    "rows were changed or removed in the database: keep the file, and compare it with your last copy",
  );
  return exitCodes.unsound;
}

async function holds(client: HubClient, sequence: number, hash: string): Promise<boolean> {
  const [row] = await client.list<AuditRow>(`/api/audit?after=${sequence - 1}`, 1);
  return row?.sequence === sequence && row.hash === hash;
}
