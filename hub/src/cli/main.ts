// The attune command: reads arguments, runs one command, ends with its exit code. Holds no policy.
import { runAttune } from "./program.ts";
import { systemTerminal } from "./terminal.ts";

process.exitCode = await runAttune(process.argv.slice(2), systemTerminal(), Date.now);
