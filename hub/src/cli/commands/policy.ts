// `attune policy`: the numbers that a model line is run by.
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { CommandError, exitCodes } from "../exitCodes.ts";
import type { Invocation } from "../invocation.ts";
import type { Attach } from "../program.ts";
import { theLine } from "../theLine.ts";

export function addPolicyCommands(program: Command, attach: Attach): void {
  const policy = program
    .command("policy")
    .description("quorum, norms, margins and deadlines of a model line");
  attach<{ readonly line?: string }>(
    policy
      .command("show")
      .description("the whole policy as JSON")
      .option("--line <name>", "the model line, when there are several"),
    showPolicy,
  );
  attach<{ readonly line?: string; readonly reason: string }>(
    policy
      .command("set <file>")
      .description("change the values that a JSON file names; - reads them from stdin")
      .requiredOption("--reason <text>", "why; it is kept in the audit")
      .option("--line <name>", "the model line, when there are several"),
    setPolicy,
  );
}

const pathOf = (line: string): string => `/api/lines/${encodeURIComponent(line)}/policy`;

const print = (invocation: Invocation, policy: unknown): void => {
  // A tree of numbers has no table; JSON is what `policy set` takes back.
  invocation.terminal.out(
    invocation.options.output === "ndjson"
      ? `${JSON.stringify(policy)}\n`
      : `${JSON.stringify(policy, null, 2)}\n`,
  );
};

async function showPolicy(invocation: Invocation<{ readonly line?: string }>): Promise<undefined> {
  const client = invocation.hub();
  const { line } = await theLine(client, invocation.options.line);
  print(invocation, await client.json("GET", pathOf(line.line)));
}

async function setPolicy(
  invocation: Invocation<{ readonly line?: string; readonly reason: string }>,
): Promise<undefined> {
  const [file = ""] = invocation.arguments;
  let policy: unknown;
  try {
    policy = JSON.parse(readFileSync(file === "-" ? 0 : file, "utf8"));
  } catch (error) {
    throw new CommandError(
      exitCodes.usage,
      "file.not_readable",
      `${file} is no JSON file that can be read (${error instanceof Error ? error.message : String(error)})`,
      'write only what changes, like {"window":{"quorum":12}}',
    );
  }
  const client = invocation.hub();
  const { line } = await theLine(client, invocation.options.line);
  const { reason } = invocation.options;
  print(invocation, await client.json("PUT", pathOf(line.line), { policy, reason }));
}
