// What one command is given when it runs: its options, the hub, and the ways to say something. Holds no command.
import { type Connection, findConnection } from "./connection.ts";
import { CommandError, type ExitCode, exitCodes } from "./exitCodes.ts";
import { createHubClient, type HubClient } from "./hubClient.ts";
import { type Ink, inkFor } from "./ink.ts";
import { type Column, type Field, type OutputFormat, renderOne, renderRows } from "./output.ts";
import type { Terminal } from "./terminal.ts";

/** Options that every command takes. */
export interface GlobalOptions {
  readonly output: OutputFormat;
  readonly hub?: string;
  readonly token?: string;
  readonly data: string;
}

/** A command at work. */
export interface Invocation<Options = unknown> {
  readonly terminal: Terminal;
  readonly options: GlobalOptions & Options;
  readonly arguments: readonly string[];
  readonly nowMs: () => number;
  /** Ink for what goes to stderr. */
  readonly ink: Ink;
  connection(): Connection;
  hub(): HubClient;
  /** Data: many of a kind. `empty` says on stderr what to do when there are none. */
  printRows<Row>(rows: readonly Row[], columns: readonly Column<Row>[], empty: string): void;
  /** Data: one thing. */
  printOne(thing: unknown, fields: readonly Field[]): void;
  /** Data: one row of something that goes on; a text line for people, a JSON line for programs. */
  printLine(thing: unknown, line: string): void;
  /** Anything that is not data. */
  note(text: string): void;
  /**
   * Asks a person to agree.
   *
   * @param isAgreed the person said so already, with `--yes`
   * @throws CommandError `unconfirmed` when the answer is no, or there is nobody to ask
   */
  confirm(question: string, isAgreed: boolean): Promise<void>;
}

/** What a command does; its exit code is `done` unless it returns another or throws. */
export type Action<Options> = (invocation: Invocation<Options>) => Promise<ExitCode | undefined>;

/** Puts an invocation together. */
export function createInvocation<Options>(
  terminal: Terminal,
  options: GlobalOptions & Options,
  positional: readonly string[],
  nowMs: () => number,
): Invocation<Options> {
  const connection = (): Connection => findConnection(options, terminal.environment);
  const columnsMax = terminal.isOutTty ? terminal.columns : Number.POSITIVE_INFINITY;
  return {
    terminal,
    options,
    arguments: positional,
    nowMs,
    ink: inkFor(terminal, "err"),
    connection,
    hub: () => {
      const { url, token } = connection();
      return createHubClient(url, token);
    },
    printRows: (rows, columns, empty) => {
      terminal.out(renderRows(rows, columns, options.output, columnsMax));
      if (rows.length === 0 && options.output === "table") terminal.err(`${empty}\n`);
    },
    printOne: (thing, fields) => {
      terminal.out(renderOne(thing, fields, options.output));
    },
    printLine: (thing, line) => {
      terminal.out(options.output === "table" ? `${line}\n` : `${JSON.stringify(thing)}\n`);
    },
    note: (text) => {
      terminal.err(`${text}\n`);
    },
    confirm: async (question, isAgreed) => {
      if (isAgreed) return;
      if (!terminal.isInteractive) {
        throw new CommandError(
          exitCodes.unconfirmed,
          "operator.unconfirmed",
          "nobody is at a terminal to agree to this; nothing was changed",
          "look at it with --dry-run, then run it again with --yes",
        );
      }
      const answer = await terminal.ask(`${question} [y/N] `);
      if (/^y(?:es)?$/i.test(answer.trim())) return;
      throw new CommandError(
        exitCodes.unconfirmed,
        "operator.unconfirmed",
        "not agreed; nothing was changed",
        "",
      );
    },
  };
}
