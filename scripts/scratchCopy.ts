// A throw-away copy of this repository that shares its installed packages, so that a guard can be shown a
// planted violation. It never writes into the repository itself.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";

/** What a command said and how it ended. */
export interface CommandResult {
  readonly exitCode: number;
  readonly output: string;
}

export interface ScratchCopy {
  /** Writes files, or changes them by a function of their text, until `restore`. */
  plant(files: Readonly<Record<string, string | ((text: string) => string)>>): Promise<void>;
  /** Takes every planted violation out again. */
  restore(): Promise<void>;
  /** Runs a command line in the copy, under the repository's Node. */
  run(command: string): Promise<CommandResult>;
  remove(): Promise<void>;
}

const root = resolve(import.meta.dirname, "..");
const runFile = promisify(execFile);

/** Copies what git knows or would add, and links the installed packages. */
export async function createScratchCopy(): Promise<ScratchCopy> {
  const folder = await mkdtemp(join(tmpdir(), "attune-guards-"));
  const { stdout } = await runFile("git", ["ls-files", "-co", "--exclude-standard", "-z"], {
    cwd: root,
    maxBuffer: 2 ** 26,
  });
  for (const file of stdout.split("\0")) {
    if (file === "" || !existsSync(join(root, file))) continue;
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await cp(join(root, file), join(folder, file), { verbatimSymlinks: true });
  }
  await linkPackages(folder);
  // Some tools ask git what to look at.
  await runFile("git", ["init", "--quiet"], { cwd: folder });
  const originals = new Map<string, string | undefined>();

  return {
    async plant(files) {
      for (const [file, change] of Object.entries(files)) {
        const path = join(folder, file);
        const before = existsSync(path) ? await readFile(path, "utf8") : undefined;
        if (!originals.has(file)) originals.set(file, before);
        await mkdir(dirname(path), { recursive: true });
        const after = typeof change === "string" ? change : change(before ?? "");
        if (after === before) throw new Error(`planting changed nothing in ${file}`);
        await writeFile(path, after);
      }
    },
    async restore() {
      for (const [file, text] of originals) {
        if (text === undefined) await rm(join(folder, file));
        else await writeFile(join(folder, file), text);
      }
      originals.clear();
    },
    async run(command) {
      const env = { ...process.env, CI: "true", NO_COLOR: "1", FORCE_COLOR: undefined };
      try {
        const options = { cwd: folder, env, maxBuffer: 2 ** 28 };
        const { stdout: out, stderr } = await runFile("bash", ["-c", command], options);
        return { exitCode: 0, output: out + stderr };
      } catch (error) {
        const { code, stdout: out, stderr } = error as Failure;
        return { exitCode: code, output: out + stderr };
      }
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

interface Failure {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function linkPackages(folder: string): Promise<void> {
  const target = join(folder, "node_modules");
  await mkdir(join(target, "@attune"), { recursive: true });
  for (const name of await readdir(join(root, "node_modules"))) {
    if (name === "@attune") continue;
    await symlink(join(root, "node_modules", name), join(target, name));
  }
  // The workspaces are the copy's own, not the repository's.
  for (const name of await readdir(join(root, "node_modules/@attune"))) {
    await symlink(join(folder, name), join(target, "@attune", name));
    const nested = join(root, name, "node_modules");
    if (existsSync(nested)) await symlink(nested, join(folder, name, "node_modules"));
  }
}
