// `attune rollback`: shows what it would do, asks, does it. `attune unpin` lets the cohort follow its line again.

import type { PersonalFate } from "@attune/protocol";
import type { Command } from "commander";
import type { RollbackPreview } from "../../state.ts";
import type { Invocation } from "../invocation.ts";
import type { Attach } from "../program.ts";
import { theLine } from "../theLine.ts";

interface RollbackOptions {
  readonly cohort: string;
  readonly to: string;
  readonly reason: string;
  readonly line?: string;
  readonly personal?: PersonalFate;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

export function addRollbackCommands(program: Command, attach: Attach): void {
  attach<RollbackOptions>(
    program
      .command("rollback")
      .description("return a cohort to a proven version")
      .requiredOption("--cohort <name>", "the cohort that goes back; no other is touched")
      .requiredOption("--to <version>", "a version that has baked; four digits of it are enough")
      .requiredOption("--reason <text>", "why; it is kept in the audit and sent to the devices")
      .option("--line <name>", "the model line, when there are several")
      .option(
        "--personal <fate>",
        "what becomes of users' own parameters: keep, refit, park or discard",
      )
      .option("--dry-run", "show what it would do and stop")
      .option("--yes", "do not ask"),
    rollBack,
  );
  attach<{ readonly cohort: string; readonly reason: string; readonly line?: string }>(
    program
      .command("unpin")
      .description("let a cohort that a person rolled back follow its line again")
      .requiredOption("--cohort <name>", "the cohort")
      .requiredOption("--reason <text>", "why; it is kept in the audit")
      .option("--line <name>", "the model line, when there are several"),
    unpin,
  );
}

async function rollBack({
  options,
  hub,
  confirm,
  note,
  printOne,
  terminal,
  ink,
}: Invocation<RollbackOptions>): Promise<undefined> {
  const client = hub();
  const order = {
    ...(options.line === undefined ? {} : { line: options.line }),
    cohort: options.cohort,
    to: options.to.slice(options.to.lastIndexOf("@") + 1),
    reason: options.reason,
    ...(options.personal === undefined ? {} : { personal: options.personal }),
  };
  const preview = await client.json<RollbackPreview>("POST", "/api/rollbacks", {
    ...order,
    dryRun: true,
  });
  if (options.dryRun === true) {
    if (options.output === "table") terminal.out(`${describe(preview)}\n`);
    else printOne(preview, []);
    return;
  }
  note(describe(preview));
  await confirm(ink.bold("Do it?"), options.yes === true);
  // What was agreed to is what was shown: the version by its whole digest, the line by its name.
  const done = await client.json<RollbackPreview>("POST", "/api/rollbacks", {
    ...order,
    line: preview.line,
    to: preview.to.version,
    personal: preview.personal,
    dryRun: false,
  });
  printOne(done, [
    ["decision", `${done.decisionSequence ?? "-"} for cohort ${done.cohort}`],
    ["from", done.from.short],
    ["to", done.to.short],
  ]);
  note("follow it with: attune rollout watch");
}

const fates: Readonly<Record<PersonalFate, string>> = {
  keep: "kept: their difference is put on the version below",
  refit: "trained again from each user's own replay buffer",
  park: "parked until the version that they were trained on returns",
  discard: "discarded for good",
};

/** The dry run as a person reads it before agreeing. */
function describe(preview: RollbackPreview): string {
  const { from, to, devices } = preview;
  const changing = devices.filter(({ changes }) => changes);
  const away = changing.filter(({ isConnected }) => isConnected === false);
  const personal = changing.reduce((sum, { personalUsers }) => sum + personalUsers, 0);
  const list = changing.map(({ device }) => device);
  const lines = [
    `Roll back cohort ${preview.cohort} of ${preview.line}`,
    `  from      ${from.short} (generation ${from.generation})`,
    `  to        ${to.short} (generation ${to.generation}${to.isBaked ? ", baked" : ""})`,
    `  devices   ${changing.length} of ${devices.length} change${away.length === 0 ? "" : `, ${away.length} of them when they are back`}`,
    ...(list.length === 0
      ? []
      : [`            ${list.slice(0, 8).join(" ")}${list.length > 8 ? " ..." : ""}`]),
    `  personal  parameters of ${personal} users are ${fates[preview.personal]}`,
    ...(preview.stopsRollout === null
      ? []
      : [`  rollout   of ${preview.stopsRollout.slice(0, 8)} stops`]),
    ...(preview.pins ? ["  pin       the cohort stays there until: attune unpin"] : []),
    `  reason    ${preview.reason}`,
    "Then, in this order:",
    ...preview.effects.map((effect, index) => `  ${index + 1}. ${effect}`),
  ];
  return lines.join("\n");
}

async function unpin({
  options,
  hub,
  note,
}: Invocation<{
  readonly cohort: string;
  readonly reason: string;
  readonly line?: string;
}>): Promise<undefined> {
  const client = hub();
  const { line } = await theLine(client, options.line);
  const path = `/api/pins/${encodeURIComponent(line.line)}/${encodeURIComponent(options.cohort)}`;
  await client.json("DELETE", path, { reason: options.reason });
  note(`cohort ${options.cohort} follows ${line.line} again`);
}
