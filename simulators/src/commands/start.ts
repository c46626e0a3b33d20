// `npm start`: reads options, runs the living fleet, says how it ended, ends with an exit code. Holds no policy.
import { Fault } from "@attune/protocol";
import { endingText } from "../livingFleet/ending.ts";
import { createInk, wantsColour } from "../livingFleet/ink.ts";
import { runLivingFleet } from "../livingFleet/livingFleet.ts";
import { createScreen } from "../livingFleet/screen.ts";
import { parseStartOptions, type StartOptions, startHelp } from "../livingFleet/startOptions.ts";

const { stdout, stderr } = process;

/** What ctrl-C is to everything that runs. */
const interruption = new Error("interrupted");

async function start(options: StartOptions): Promise<number> {
  const controller = new AbortController();
  const stop = (): void => {
    controller.abort(interruption);
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, stop);
  const isTty = stdout.isTTY === true;
  const ink = createInk(wantsColour(isTty, process.env));
  let exitCode = 0;
  let hasEnded = false;
  try {
    await runLivingFleet({
      options,
      signal: controller.signal,
      createScreen: (storyMs) =>
        createScreen({
          write: (text) => void stdout.write(text),
          ink,
          isTty,
          columns: stdout.columns ?? 120,
          storyMs,
        }),
      async onEnd(end) {
        hasEnded = true;
        if (end.promises.some(({ broken }) => broken.length > 0)) exitCode = 1;
        stdout.write(`${endingText(end, options.speed, ink)}\n`);
        if (!options.isKept) {
          stdout.write(
            `\nThe page: ${end.pageUrl}\n(it goes now; npm start -- --keep keeps it up)\n`,
          );
          return;
        }
        stdout.write(`\nEverything stays up until ctrl-C. The page: ${end.pageUrl}\n`);
        await new Promise((resolve) => {
          controller.signal.addEventListener("abort", resolve, { once: true });
          if (controller.signal.aborted) resolve(null);
        });
      },
    });
  } catch (error) {
    if (error === interruption) {
      stdout.write(hasEnded ? "\nstopped\n" : "\nstopped before the story's end\n");
      return hasEnded ? exitCode : 130;
    }
    const fault = error instanceof Fault ? error : null;
    stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
    if (fault !== null)
      stderr.write(`  ${fault.code}${fault.hint === "" ? "" : `: ${fault.hint}`}\n`);
    for (let cause = (error as Error).cause; cause instanceof Error; cause = cause.cause) {
      stderr.write(`  because ${cause.stack ?? cause.message}\n`);
    }
    if (fault === null && error instanceof Error) stderr.write(`${error.stack ?? ""}\n`);
    return 1;
  }
  return exitCode;
}

const parsed = parseStartOptions(process.argv.slice(2));
if (!parsed.ok) {
  stderr.write(`${parsed.refusal.message}; npm start -- --help tells all options\n`);
  process.exitCode = 2;
} else if (parsed.value.wantsHelp) {
  stdout.write(startHelp);
} else {
  process.exitCode = await start(parsed.value);
}
