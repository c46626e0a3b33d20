// A whole number on the command line.
import { CommandError, exitCodes } from "./exitCodes.ts";

/** A whole number that somebody wrote. @throws CommandError of wrong usage */
export function wholeNumber(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new CommandError(
    exitCodes.usage,
    "operator.request_invalid",
    `${name} is ${text}, it must be a whole number from ${min} to ${max}`,
    "",
  );
}
