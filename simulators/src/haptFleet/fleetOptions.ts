// What `npm run fleet` was asked for. It must not start anything.
import type { Outcome } from "@attune/protocol";
import { readOptions } from "../commands/readOptions.ts";
import type { SharedModelName } from "./haptRules.ts";

/** An experiment to run. */
export interface FleetOptions {
  /** The first seed; the others follow it. */
  readonly seed: number;
  readonly seedCount: number;
  /** One experiment each. */
  readonly models: readonly SharedModelName[];
  readonly isJson: boolean;
  readonly wantsHelp: boolean;
}

const SEED_MAX = 0xffffffff;
const SEED_COUNT_MAX = 100;

/** What `--help` prints. */
export const fleetHelp: string = `npm run fleet -- --data har-hapt [options]

Nine real people, each a device, on one hub: what their devices learn from the first half of each activity, scored on the second.

  --data NAME   the data set: har-hapt, found in ATTUNE_DATA, else in ./data
  --seed N      another seed is another shared model and another choice of who trains it (default 1)
  --seeds N     so many seeds, from --seed on, and a summary over them (default 1)
  --model NAME  plain, robust or both (default plain): the shared model that people start from
  --json        one JSON object on stdout and nothing else
  --help        this text

What is promised over five seeds is judged from five seeds on, and shown before.
Exit code: 0 when no bar is broken, 1 when one does not or a part failed, 2 when an option is wrong, 3 when the data set is missing.
`;

/**
 * Reads the words after `npm run fleet --`.
 *
 * @returns `operator.request_invalid` with what is wrong and what is allowed
 * @example
 * parseFleetOptions(["--data", "har-hapt", "--seeds", "5"]); // => { ok: true, value: { seed: 1, seedCount: 5, models: ["plain"], isJson: false, wantsHelp: false } }
 */
export function parseFleetOptions(words: readonly string[]): Outcome<FleetOptions> {
  return readOptions(
    words,
    {
      data: "string",
      seed: "string",
      seeds: "string",
      model: "string",
      json: "boolean",
      help: "boolean",
    },
    ({ has, text, whole, wrong }) => {
      const wantsHelp = has("help");
      if (!wantsHelp && text("data") !== "har-hapt") wrong("data", "har-hapt");
      const model = text("model") ?? "plain";
      const models = (["plain", "robust"] as const).filter(
        (name) => model === "both" || model === name,
      );
      if (models.length === 0) wrong("model", "plain, robust or both");
      return {
        models,
        seed: whole("seed", 1, 0, SEED_MAX - SEED_COUNT_MAX),
        seedCount: whole("seeds", 1, 1, SEED_COUNT_MAX),
        isJson: has("json"),
        wantsHelp,
      };
    },
  );
}
