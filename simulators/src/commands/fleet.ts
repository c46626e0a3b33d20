// `npm run fleet`: reads options, runs the experiment with real people, prints tables or JSON, ends with an exit code. Holds no policy.
import { cpus } from "node:os";
import { Fault } from "@attune/protocol";
import { type FleetOptions, fleetHelp, parseFleetOptions } from "../haptFleet/fleetOptions.ts";
import { barsText, seedText, summaryText } from "../haptFleet/haptTable.ts";
import { runExperiment } from "../haptFleet/runExperiment.ts";

const { stdout, stderr } = process;

/** What ctrl-C is to everything that runs. */
const interruption = new Error("interrupted");

/** Exit codes beside 0 and 1. */
const OPTION_WRONG = 2;
const DATA_MISSING = 3;
const INTERRUPTED = 130;

async function fleet(options: FleetOptions): Promise<number> {
  const { seed, seedCount, models, isJson } = options;
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => controller.abort(interruption));
  }
  let said = "";
  const startedAt = new Date();
  try {
    const results = await runExperiment({
      seed,
      seedCount,
      models,
      signal: controller.signal,
      onProgress(line) {
        if (line === said) return;
        said = line;
        stderr.write(stderr.isTTY ? `\r\u001b[K${line}` : progressLine(line));
      },
      onSeed(result) {
        if (stderr.isTTY) stderr.write("\r\u001b[K");
        if (!isJson) stdout.write(`${seedText(result)}\n`);
      },
    });
    if (isJson) {
      const [processor] = cpus();
      const environment = {
        startedAt: startedAt.toISOString(),
        seconds: Math.round((Date.now() - startedAt.getTime()) / 1000),
        node: process.version,
        platform: `${process.platform}-${process.arch}`,
        cpu: processor?.model ?? "",
        cores: cpus().length,
      };
      const name = "har-hapt-fleet";
      const bars = results.flatMap((result) =>
        result.bars.map((bar) => ({ ...bar, name: `${result.model}: ${bar.name}` })),
      );
      const seeds = results.flatMap((result) => result.seeds);
      stdout.write(`${JSON.stringify({ bench: name, environment, results: seeds, bars })}\n`);
    } else {
      for (const { model, seeds, bars } of results) {
        stdout.write(`${summaryText(model, seeds)}\n${barsText(bars)}\n\n`);
      }
    }
    return results.some(({ bars }) => bars.some(({ holds }) => holds === false)) ? 1 : 0;
  } catch (error) {
    if (error === interruption) return INTERRUPTED;
    stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
    if (!(error instanceof Fault)) {
      stderr.write(error instanceof Error ? `${error.stack ?? ""}\n` : "");
      return 1;
    }
    stderr.write(`  ${error.code}${error.hint === "" ? "" : `: ${error.hint}`}\n`);
    return error.code === "data.set_missing" ? DATA_MISSING : 1;
  }
}

/** In a log a line for every tenth is enough. */
function progressLine(line: string): string {
  return /: \d*0 %/.test(line) ? `${line}\n` : "";
}

const parsed = parseFleetOptions(process.argv.slice(2));
if (!parsed.ok) {
  stderr.write(`${parsed.refusal.message}\n\n${fleetHelp}`);
  process.exitCode = OPTION_WRONG;
} else if (parsed.value.wantsHelp) {
  stdout.write(fleetHelp);
} else {
  process.exitCode = await fleet(parsed.value);
}
