// What the shell is told. The one table from kinds of failure to exit codes; numbers are never reused.
import { Defect, Fault } from "@attune/protocol";

/** Stable exit codes of `attune`, as `attune --help` lists them. */
export const exitCodes = {
  done: 0,
  /** Something in the environment or in Attune itself broke. */
  failed: 1,
  /** The command line was wrong; nothing was tried. */
  usage: 2,
  /** Nobody answers at the hub's address. */
  unreachable: 3,
  /** The token is missing, wrong, or of a role that may not do this. */
  unauthorized: 4,
  /** The hub or the signer refused; the refusal's code is on stderr. */
  refused: 5,
  /** A person has to agree, and did not or could not be asked. */
  unconfirmed: 6,
  /** A check was made and did not hold: `doctor`, `audit verify`. */
  unsound: 7,
} as const;

/** One of {@link exitCodes}. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** One line for each code, for the end of `--help`. */
export const exitCodeHelp: readonly (readonly [ExitCode, string])[] = [
  [exitCodes.done, "done"],
  [exitCodes.failed, "failed; the fault's code and a hint are on stderr"],
  [exitCodes.usage, "wrong usage; nothing was tried"],
  [exitCodes.unreachable, "the hub does not answer"],
  [exitCodes.unauthorized, "the token is missing, wrong, or may not do this"],
  [exitCodes.refused, "refused; the refusal's code is on stderr"],
  [exitCodes.unconfirmed, "not confirmed: answered no, or no terminal and no --yes"],
  [exitCodes.unsound, "a check did not hold (doctor, audit verify)"],
];

/** A command that ends without having done its work, for a reason that a person can read. */
export class CommandError extends Error {
  readonly code: string;
  readonly hint: string;
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, code: string, message: string, hint: string) {
    super(message);
    this.name = "CommandError";
    this.exitCode = exitCode;
    this.code = code;
    this.hint = hint;
  }
}

/** What any thrown thing looks like to a person and to the shell. */
export interface Failure {
  readonly exitCode: ExitCode;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** Describes a thrown value. */
export function failureOf(error: unknown): Failure {
  if (error instanceof CommandError) {
    const { exitCode, code, message, hint } = error;
    return { exitCode, code, message, hint };
  }
  if (error instanceof Fault) {
    const { code, message, hint } = error;
    return { exitCode: exitCodes.failed, code, message, hint };
  }
  const message = error instanceof Error ? error.message : String(error);
  return {
    exitCode: exitCodes.failed,
    code: error instanceof Defect ? error.code : "attune.unexpected",
    message,
    hint: "this is a mistake in Attune: run the same command with ATTUNE_DEBUG=1 to see where",
  };
}
