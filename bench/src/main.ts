// The bench command: hands the real clock, folders and streams to runBench. Decides nothing.

import { existsSync } from "node:fs";
import { appendFile, mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { performance } from "node:perf_hooks";
import { readEnvironment } from "./environment.ts";
import { runBench } from "./runBench.ts";
import { createSuiteFolder } from "./suiteFolder.ts";

const benchFolder = resolve(import.meta.dirname, "..");
const resultsFolder = join(benchFolder, "results");
const dataFolder = resolve(process.env["ATTUNE_DATA"] ?? join(benchFolder, "..", "data"));

// Rivals greet on stdout; the answer must stay alone there.
const writeAnswer = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

process.exitCode = await runBench(process.argv.slice(2), {
  clock: { nowMs: () => performance.now() },
  suites: createSuiteFolder(join(benchFolder, "suites")),
  dataFolder: existsSync(dataFolder) ? dataFolder : undefined,
  readEnvironment: (packages) => readEnvironment(Date.now(), packages),
  print: (text) => writeAnswer(text),
  progress: (line) => process.stderr.write(`${line}\n`),
  async record(name, line) {
    await mkdir(resultsFolder, { recursive: true });
    await appendFile(join(resultsFolder, `${name}.jsonl`), line);
  },
});
