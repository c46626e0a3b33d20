// The bench command from arguments to exit code. Everything outside comes in through BenchWorld.

import {
  parseBenchArguments,
  parseSuiteOptions,
  renderSuiteHelp,
  renderSuiteList,
  usage,
} from "./commandLine.ts";
import { createCompare } from "./compare.ts";
import type { Environment } from "./environment.ts";
import type { BenchClock, Suite } from "./suite.ts";
import type { SuiteSource } from "./suiteFolder.ts";
import { type Report, renderReport } from "./table.ts";

/** The outside, so that a test runs the whole command in memory. */
export interface BenchWorld {
  readonly clock: BenchClock;
  readonly suites: SuiteSource;
  readonly dataFolder: string | undefined;
  readEnvironment(packages: readonly string[]): Promise<Environment>;
  /** The answer: the table or the JSON object, and nothing else. */
  print(text: string): void;
  /** What a person who waits wants to see; never part of the answer. */
  progress(line: string): void;
  /** Appends one line to the record of a suite. */
  record(name: string, line: string): Promise<void>;
}

/** 0: every bar holds. 1: one does not. 2: the command was not understood. */
export type BenchExitCode = 0 | 1 | 2;

/** Runs the bench command. Rejects only when the suite itself fails. */
export async function runBench(args: readonly string[], world: BenchWorld): Promise<BenchExitCode> {
  const { name, flags } = parseBenchArguments(args);
  const names = await world.suites.names();
  if (name !== undefined && !names.includes(name)) {
    world.progress(`no suite is called ${name}; there are: ${names.join(", ")}`);
    return 2;
  }
  if (flags.list || (flags.help && name === undefined)) {
    const suites = await Promise.all(names.map((each) => world.suites.load(each)));
    world.print(`${flags.help ? `${usage}\nSuites:\n` : ""}${renderSuiteList(suites)}`);
    return 0;
  }
  if (name === undefined) {
    world.progress(`${usage}\nName a suite first; there are: ${names.join(", ")}`);
    return 2;
  }
  const suite = await world.suites.load(name);
  if (flags.help) {
    world.print(renderSuiteHelp(suite));
    return 0;
  }
  let options: Record<string, string>;
  try {
    options = parseSuiteOptions(args, suite.options ?? []);
  } catch (error) {
    world.progress(error instanceof Error ? error.message : String(error));
    return 2;
  }
  const report = await runSuite(suite, options, world);
  const json = JSON.stringify(report);
  world.print(flags.json ? `${json}\n` : renderReport(suite.title, suite.columns, report));
  if (flags.record) await world.record(name, `${json}\n`);
  return report.bars.every((bar) => bar.holds) ? 0 : 1;
}

async function runSuite(
  suite: Suite,
  options: Record<string, string>,
  world: BenchWorld,
): Promise<Report> {
  const environment = await world.readEnvironment(suite.packages ?? []);
  const progress = (line: string): void => world.progress(line);
  const { results, bars } = await suite.run({
    clock: world.clock,
    compare: createCompare(world.clock, progress),
    options,
    dataFolder: world.dataFolder,
    progress,
  });
  return { bench: suite.name, environment, results, bars };
}
