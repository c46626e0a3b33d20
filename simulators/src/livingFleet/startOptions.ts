// What `npm start` was asked for. It must not start anything.
import type { Outcome } from "@attune/protocol";
import { readOptions } from "../commands/readOptions.ts";
import {
  DEVICE_COUNT,
  DEVICE_COUNT_MAX,
  DEVICE_COUNT_MIN,
  SPEED,
  SPEED_MAX,
  SPEED_MIN,
} from "./fleetRules.ts";

/** A living fleet to run. */
export interface StartOptions {
  readonly deviceCount: number;
  readonly seed: number;
  /** Virtual seconds in a real one. */
  readonly speed: number;
  /** Stays up when the story has ended, until ctrl-C. */
  readonly isKept: boolean;
  readonly isGuarded: boolean;
  readonly wantsHelp: boolean;
}

/** The seed of the story that the documentation shows. */
const SEED = 1;

/** What `--help` prints. */
export const startHelp: string = `npm start -- [options]

Starts a hub with its broker and page, a signer, and simulated wearables, and shows what happens to them.

  --devices N    how many wearables, ${DEVICE_COUNT_MIN} to ${DEVICE_COUNT_MAX} (default ${DEVICE_COUNT})
  --seed N       another seed is other people and another story (default ${SEED})
  --speed N      virtual seconds in a real one, ${SPEED_MIN} to ${SPEED_MAX} (default ${SPEED})
  --keep         keep everything running when the story has ended, until ctrl-C
  --no-guards    adopt every training and promote every release, to see what the guards prevent
  --help         this text

Exit code: 0 when every promise held, 1 when one was broken or a part failed, 2 when an option is wrong, 130 when
ctrl-C came before the end.
`;

/**
 * Reads the words after `npm start --`.
 *
 * @returns `operator.request_invalid` with what is wrong and what is allowed
 * @example
 * parseStartOptions(["--seed", "7"]); // => { ok: true, value: { deviceCount: 30, seed: 7, speed: 120, isKept: false, isGuarded: true, wantsHelp: false } }
 */
export function parseStartOptions(words: readonly string[]): Outcome<StartOptions> {
  return readOptions(
    words,
    {
      devices: "string",
      seed: "string",
      speed: "string",
      keep: "boolean",
      "no-guards": "boolean",
      help: "boolean",
    },
    ({ has, whole }) => ({
      deviceCount: whole("devices", DEVICE_COUNT, DEVICE_COUNT_MIN, DEVICE_COUNT_MAX),
      seed: whole("seed", SEED, 0, 0xffffffff),
      speed: whole("speed", SPEED, SPEED_MIN, SPEED_MAX),
      isKept: has("keep"),
      isGuarded: !has("no-guards"),
      wantsHelp: has("help"),
    }),
  );
}
