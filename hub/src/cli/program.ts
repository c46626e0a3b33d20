// The command line's shape: global options, the list of commands, help, and how a failure ends. Sole owner of commander.
import { Command, CommanderError, Option } from "commander";
import { ownVersion } from "../ownVersion.ts";
import { addAccessCommands } from "./commands/access.ts";
import { addAuditCommands } from "./commands/audit.ts";
import { addDeviceCommands } from "./commands/device.ts";
import { addDoctorCommand } from "./commands/doctor.ts";
import { addDriftCommand } from "./commands/drift.ts";
import { addHubCommands } from "./commands/hub.ts";
import { addModelCommands } from "./commands/model.ts";
import { addPolicyCommands } from "./commands/policy.ts";
import { addRollbackCommands } from "./commands/rollback.ts";
import { addRolloutCommands } from "./commands/rollout.ts";
import { addSignerCommands } from "./commands/signer.ts";
import { addStatusCommand } from "./commands/status.ts";
import { addVersionCommands } from "./commands/version.ts";
import { type ExitCode, exitCodeHelp, exitCodes, failureOf } from "./exitCodes.ts";
import { inkFor } from "./ink.ts";
import { type Action, createInvocation, type GlobalOptions } from "./invocation.ts";
import { outputFormats } from "./output.ts";
import type { Terminal } from "./terminal.ts";

/** Gives a command what it does. */
export type Attach = <Options>(command: Command, action: Action<Options>) => void;

const afterHelp = `
Where the hub is: --hub and --token, else ATTUNE_HUB and ATTUNE_TOKEN, else what \`attune hub start\`
left in the data folder (--data, ./attune-data). The token in that folder goes to that hub only.

Data goes to stdout, everything else to stderr. NO_COLOR is honoured.

Exit codes:
${exitCodeHelp.map(([code, meaning]) => `  ${code}  ${meaning}`).join("\n")}
`;

/**
 * Runs `attune` once.
 *
 * @param words arguments without the command's own name
 * @returns the exit code; never throws
 */
export async function runAttune(
  words: readonly string[],
  terminal: Terminal,
  nowMs: () => number,
): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.done;
  const program = new Command("attune");
  program
    .description("Runs a fleet of devices that keep their own models good.")
    .addOption(
      new Option("-o, --output <format>", "what stdout gets")
        .choices(outputFormats)
        .default("table"),
    )
    .option("--hub <url>", "address of the hub")
    .option("--token <token>", "token for the hub's API")
    .option("--data <folder>", "the hub's data folder on this machine", "attune-data")
    .version(ownVersion(), "--version", "say which version this is")
    .helpCommand("help [command]", "show help for a command")
    .addHelpText("after", afterHelp)
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        terminal.out(text);
      },
      writeErr: (text) => {
        terminal.err(text);
      },
      getOutHelpWidth: () => terminal.columns,
      getErrHelpWidth: () => terminal.columns,
    });
  const attach: Attach = (command, action) => {
    command.action(async (...given: unknown[]) => {
      // Commander hands over arguments, then options, then the command.
      const self = given.at(-1) as Command;
      const positional = given
        .slice(0, -2)
        .flat()
        .filter((word) => typeof word === "string");
      const options = self.optsWithGlobals() as GlobalOptions;
      const invocation = createInvocation(terminal, options, positional, nowMs);
      exitCode = (await action(invocation as never)) ?? exitCodes.done;
    });
  };
  for (const add of [
    addHubCommands,
    addSignerCommands,
    addDeviceCommands,
    addModelCommands,
    addVersionCommands,
    addRolloutCommands,
    addRollbackCommands,
    addPolicyCommands,
    addAccessCommands,
    addAuditCommands,
    addStatusCommand,
    addDriftCommand,
    addDoctorCommand,
  ]) {
    add(program, attach);
  }
  try {
    await program.parseAsync([...words], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    }
    const failure = failureOf(error);
    const ink = inkFor(terminal, "err");
    terminal.err(`${ink.red("attune:")} ${failure.message} ${ink.dim(`(${failure.code})`)}\n`);
    if (failure.hint !== "") terminal.err(`  ${failure.hint}\n`);
    const { ATTUNE_DEBUG } = terminal.environment;
    if (ATTUNE_DEBUG !== undefined && ATTUNE_DEBUG !== "" && error instanceof Error) {
      terminal.err(`${error.stack ?? ""}\n`);
    }
    return failure.exitCode;
  }
}
