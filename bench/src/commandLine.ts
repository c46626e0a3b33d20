// Reads the arguments of the bench command. Says what is wrong with them; runs nothing.

import { parseArgs } from "node:util";
import type { Suite, SuiteOption } from "./suite.ts";

export interface BenchFlags {
  readonly json: boolean;
  readonly record: boolean;
  readonly help: boolean;
  readonly list: boolean;
}

const commonOptions = {
  json: { type: "boolean", default: false },
  record: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
  list: { type: "boolean", default: false },
} as const;

/** The suite's name and the flags that need no suite; its own options are read later. */
export function parseBenchArguments(args: readonly string[]): {
  readonly name: string | undefined;
  readonly flags: BenchFlags;
} {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: commonOptions,
    allowPositionals: true,
    strict: false,
  });
  return {
    // A name comes first, so that the value of a suite's own option is never taken for it.
    name: args[0] === positionals[0] ? positionals[0] : undefined,
    flags: {
      json: values.json === true,
      record: values.record === true,
      help: values.help === true,
      list: values.list === true,
    },
  };
}

/**
 * Values of the suite's own options, fallbacks filled in.
 *
 * @throws `TypeError` that names an option nobody declared, or one without its value.
 */
export function parseSuiteOptions(
  args: readonly string[],
  options: readonly SuiteOption[],
): Record<string, string> {
  const declared = Object.fromEntries(
    options.map(({ name, fallback }) => [name, { type: "string", default: fallback }] as const),
  );
  const { tokens, positionals, values } = parseArgs({
    args: [...args],
    options: { ...declared, ...commonOptions },
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    if (token.name in declared && token.value === undefined) {
      throw new TypeError(`${token.rawName} needs a value`);
    }
    if (!(token.name in declared) && !(token.name in commonOptions)) {
      throw new TypeError(`${token.rawName} is not an option of ${positionals[0]}; see --help`);
    }
  }
  if (positionals.length > 1) {
    throw new TypeError(`one suite at a time, got ${positionals.join(" ")}`);
  }
  const given: Record<string, unknown> = values;
  return Object.fromEntries(options.map(({ name }) => [name, String(given[name])]));
}

export const usage: string = `Usage: npm run --silent bench -- NAME [options]

Runs one benchmark suite, prints its table, and exits 1 when one of its bars does not hold.

  --json      print one JSON object { bench, environment, results, bars } and nothing else
  --record    also append that object to bench/results/NAME.jsonl
  --list      name the suites
  --help, -h  this text, and with a NAME the suite's own options
`;

/** The list for a person, one suite a line. */
export function renderSuiteList(suites: readonly Suite[]): string {
  const width = Math.max(0, ...suites.map((suite) => suite.name.length));
  return suites.map((suite) => `  ${suite.name.padEnd(width)}  ${suite.title}\n`).join("");
}

/** What `--help` says about one suite. */
export function renderSuiteHelp(suite: Suite): string {
  const lines = (suite.options ?? []).map(
    ({ name, fallback, help }) => `  --${name} VALUE  ${help} (${fallback})\n`,
  );
  return `${suite.name}: ${suite.title}\n${lines.join("")}`;
}
