// The words after a command's name, as options that are right or refused with what is allowed. It must not know any command.
import { type ParseArgsConfig, parseArgs } from "node:util";
import { accept, type Outcome, refuse } from "@attune/protocol";

/** What was given. */
export interface GivenOptions {
  /** Whether an option without a value was given. */
  has(name: string): boolean;
  /** The value of an option; undefined when it was not given. */
  text(name: string): string | undefined;
  /** A whole number; what is none, or lies outside, is wrong. */
  whole(name: string, otherwise: number, min: number, max: number): number;
  /** Says that a value is wrong and what it must be. */
  wrong(name: string, must: string): void;
}

/**
 * Reads options.
 *
 * @param names of options with a value (`string`) and without (`boolean`)
 * @param read makes something of them; thrown away when one of them is wrong
 * @returns `operator.request_invalid` with the first that is wrong and what is allowed
 * @example
 * readOptions(["--seed", "7"], { seed: "string" }, ({ whole }) => whole("seed", 1, 0, 9)); // => { ok: true, value: 7 }
 */
export function readOptions<T>(
  words: readonly string[],
  names: Readonly<Record<string, "string" | "boolean">>,
  read: (given: GivenOptions) => T,
): Outcome<T> {
  const options: NonNullable<ParseArgsConfig["options"]> = {};
  for (const [name, type] of Object.entries(names)) options[name] = { type };
  let values: Readonly<Record<string, unknown>>;
  try {
    ({ values } = parseArgs({ args: [...words], strict: true, options }));
  } catch (error) {
    return refuse("operator.request_invalid", (error as Error).message.split(". ")[0] as string);
  }
  const wrongs: string[] = [];
  const text = (name: string): string | undefined => {
    const value = values[name];
    return typeof value === "string" ? value : undefined;
  };
  const wrong = (name: string, must: string): void => {
    const value = text(name);
    wrongs.push(
      `--${name} is ${value === undefined ? "missing" : `"${value}"`}, it must be ${must}`,
    );
  };
  const result = read({
    has: (name) => values[name] === true,
    text,
    whole(name, otherwise, min, max) {
      const value = text(name);
      if (value === undefined) return otherwise;
      const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
      if (number >= min && number <= max) return number;
      wrong(name, `a whole number from ${min} to ${max}`);
      return otherwise;
    },
    wrong,
  });
  const [first] = wrongs;
  return first === undefined ? accept(result) : refuse("operator.request_invalid", first);
}
