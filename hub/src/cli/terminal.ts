// The terminal as a port, so that a command can be run in a test: data goes to `out`, everything else to `err`.
import { createInterface } from "node:readline/promises";

/** Where a command reads and writes. */
export interface Terminal {
  /** Data, and nothing but data. */
  out(text: string): void;
  /** Progress, questions, warnings, errors. */
  err(text: string): void;
  /** One line from a person; only when `isInteractive`. */
  ask(question: string): Promise<string>;
  /** A person is there to answer. */
  readonly isInteractive: boolean;
  /** Data is read by a person: tables may be cut to `columns`. */
  readonly isOutTty: boolean;
  /** Progress may be drawn over itself. */
  readonly isErrTty: boolean;
  readonly columns: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The terminal of this process. */
export function systemTerminal(): Terminal {
  return {
    out: (text) => {
      process.stdout.write(text);
    },
    err: (text) => {
      process.stderr.write(text);
    },
    ask: async (question) => {
      const reader = createInterface({ input: process.stdin, output: process.stderr });
      // Ctrl-D and ctrl-C are no answer, which is not a yes.
      const closed = new Promise<string>((resolve) => {
        reader.once("close", () => resolve(""));
      });
      try {
        return await Promise.race([reader.question(question), closed]);
      } finally {
        reader.close();
      }
    },
    isInteractive: process.stdin.isTTY === true && process.stderr.isTTY === true,
    isOutTty: process.stdout.isTTY === true,
    isErrTty: process.stderr.isTTY === true,
    columns: process.stdout.columns ?? 100,
    environment: process.env,
  };
}
