// Says on what a number was measured: machine, runtime, package versions, commit, load. Measures nothing.

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { findPackageJSON } from "node:module";
import os from "node:os";
import { promisify } from "node:util";

/** Where and when a result was measured. */
export interface Environment {
  /** Start, ISO 8601, UTC. */
  readonly startedAt: string;
  readonly cpu: string;
  readonly coreCount: number;
  readonly memoryGb: number;
  readonly platform: string;
  readonly node: string;
  /** Versions of the packages that the suite names; `null` when one is not installed. */
  readonly packages: Readonly<Record<string, string | null>>;
  /** Short commit hash, `null` outside a git checkout. */
  readonly commit: string | null;
  /** Whether tracked files differed from that commit; `null` outside a git checkout. */
  readonly hasLocalChanges: boolean | null;
  /** One-minute load average at the start: on an idle machine near 0, above `coreCount` the numbers suffer. */
  readonly loadAverage: number;
}

/**
 * Reads the environment of this process.
 *
 * @param startedAtMs Start in epoch milliseconds.
 * @param packages npm package names, resolved from the bench workspace.
 */
export async function readEnvironment(
  startedAtMs: number,
  packages: readonly string[],
): Promise<Environment> {
  const versions = await Promise.all(
    packages.map(async (name) => [name, await readPackageVersion(name)] as const),
  );
  const status = await git("status", "--porcelain", "--untracked-files=no");
  return {
    startedAt: new Date(startedAtMs).toISOString(),
    cpu: os.cpus()[0]?.model.trim() ?? "unknown",
    coreCount: os.availableParallelism(),
    memoryGb: Math.round(os.totalmem() / 2 ** 30),
    platform: `${os.platform()} ${os.arch()}`,
    node: process.versions.node,
    packages: Object.fromEntries(versions),
    commit: await git("rev-parse", "--short", "HEAD"),
    hasLocalChanges: status === null ? null : status !== "",
    loadAverage: Number((os.loadavg()[0] ?? 0).toFixed(2)),
  };
}

async function readPackageVersion(name: string): Promise<string | null> {
  try {
    const file = findPackageJSON(name, import.meta.url);
    if (file === undefined) return null;
    return (JSON.parse(await readFile(file, "utf8")) as { version: string }).version;
  } catch {
    return null; // Not installed: findPackageJSON throws.
  }
}

async function git(...args: string[]): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)("git", args, { cwd: import.meta.dirname });
    return stdout.trim();
  } catch {
    return null; // No git here, or not a checkout.
  }
}
