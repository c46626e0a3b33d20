// `attune access`: tokens of the hub's API, each with no more power than its holder needs.
import type { Command } from "commander";
import type { Invocation } from "../invocation.ts";
import type { Attach } from "../program.ts";

interface AccessToken {
  readonly id: string;
  readonly role: string;
  readonly note?: string;
  readonly token?: string;
}

const TOKENS_MAX = 1000;

export function addAccessCommands(program: Command, attach: Attach): void {
  const access = program.command("access").description("tokens of the hub's API");
  attach<{ readonly role: string; readonly note: string }>(
    access
      .command("create")
      .description("make a token; it is all that stdout gets")
      .option("--role <role>", "viewer reads, signer signs, admin does everything", "viewer")
      .option("--note <text>", "whose it is", ""),
    create,
  );
  attach(access.command("list").description("who has a token"), list);
  attach(access.command("revoke <id>").description("end a token"), revoke);
}

async function create({
  hub,
  options,
  terminal,
  note,
  printOne,
}: Invocation<{ readonly role: string; readonly note: string }>): Promise<undefined> {
  const made = await hub().json<AccessToken>("POST", "/api/access-tokens", {
    role: options.role,
    note: options.note,
  });
  if (options.output !== "table") {
    printOne(made, []);
    return;
  }
  terminal.out(`${made.token ?? ""}\n`);
  note(`token ${made.id} of role ${made.role}; it is not shown again`);
}

async function list({ hub, printRows }: Invocation): Promise<undefined> {
  printRows(
    await hub().list<AccessToken>("/api/access-tokens", TOKENS_MAX),
    [
      { header: "ID", value: ({ id }) => id },
      { header: "ROLE", value: ({ role }) => role },
      { header: "NOTE", value: ({ note }) => note ?? "" },
    ],
    "no tokens",
  );
}

async function revoke({ hub, note, arguments: [id = ""] }: Invocation): Promise<undefined> {
  await hub().json("DELETE", `/api/access-tokens/${encodeURIComponent(id)}`);
  note(`token ${id} is refused from now on`);
}
