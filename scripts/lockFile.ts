// Keeps package-lock.json fit for `npm ci` anywhere: no registry host in it, no hole for another platform,
// and no compiling where a package brings its binary. `--fix` repairs what it can.
// Usage: node scripts/lockFile.ts [--fix]

import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";

interface LockEntry {
  resolved?: string;
  link?: boolean;
  gypfile?: boolean;
  version?: string;
  optionalDependencies?: Record<string, string>;
}

const root = resolve(import.meta.dirname, "..");
const lockPath = join(root, "package-lock.json");
const isFixing = process.argv.includes("--fix");
const lock = JSON.parse(await readFile(lockPath, "utf8")) as {
  packages: Record<string, LockEntry>;
};
const faults: string[] = [];

for (const [path, entry] of Object.entries(lock.packages)) {
  if (entry.link !== true) checkHost(path, entry);
  checkHoles(path, entry);
  await checkGypfile(path, entry);
}

if (isFixing) await writeFile(lockPath, `${JSON.stringify(lock, null, 2)}\n`);
for (const fault of faults) console.error(fault);
console.error(`lock file: ${Object.keys(lock.packages).length} entries, ${faults.length} faults`);
process.exitCode = faults.length === 0 ? 0 : 1;

function checkHost(path: string, entry: LockEntry): void {
  if (entry.resolved === undefined) return;
  if (isFixing) delete entry.resolved;
  else faults.push(`${path} names a registry host; run: npm run lock:fix`);
}

/** A package for another platform that is not in the lock makes `npm ci` refuse the whole lock. */
function checkHoles(path: string, entry: LockEntry): void {
  for (const name of Object.keys(entry.optionalDependencies ?? {})) {
    const places = [`${path}/node_modules/${name}`, `node_modules/${name}`];
    if (places.some((place) => lock.packages[place]?.version !== undefined)) continue;
    faults.push(`${path} wants ${name}, which is not in the lock; pin a version that has it`);
  }
}

/**
 * npm before 11.19 compiles a package with a binding.gyp unless `gypfile: false` stands in the lock,
 * and no npm writes it there: a package that says so in its own package.json gets it from here.
 */
async function checkGypfile(path: string, entry: LockEntry): Promise<void> {
  if (!existsSync(join(root, path, "binding.gyp"))) return;
  const manifest = JSON.parse(await readFile(join(root, path, "package.json"), "utf8")) as {
    gypfile?: boolean;
  };
  if (manifest.gypfile !== false || entry.gypfile === false) return;
  if (isFixing) entry.gypfile = false;
  else faults.push(`${path} would be compiled by npm 10; run: npm run lock:fix`);
}
