// Where public data sets lie on this machine. It must not know any of them.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder that is looked at when nothing else is said: `data` in the repository, which git ignores. */
const ownFolder = fileURLToPath(new URL("../../../data", import.meta.url));

/**
 * Folder of the public data sets: the environment variable `ATTUNE_DATA`, else `data` in the repository.
 *
 * @returns the folder, whether it is there or not
 */
export function dataFolder(): string {
  const named = process.env["ATTUNE_DATA"];
  return named === undefined || named === "" ? ownFolder : named;
}

/** Whether a data set is there, so that a test can say that it skips. */
export function hasDataSet(name: string): boolean {
  return existsSync(join(dataFolder(), name, "manifest.json"));
}
