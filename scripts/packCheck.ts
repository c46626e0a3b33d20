// Packs what would be published, installs it far from this repository, and uses it as a stranger would:
// types, publint, attw, every entry imported under Node 24 and where promised Node 20, and the command.
// Usage: node scripts/packCheck.ts, after `npm run build`

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { promisify } from "node:util";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

interface Manifest {
  readonly name: string;
  readonly engines: { readonly node: string };
  readonly exports: Readonly<Record<string, unknown>>;
  readonly bin?: Readonly<Record<string, string>>;
}

interface Packed {
  readonly folder: string;
  readonly tarball: string;
  readonly manifest: Manifest;
}

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "..");
const published = ["protocol", "device-runtime", "hub", "simulators"];
const faults: string[] = [];

const scratch = await mkdtemp(join(tmpdir(), "attune-pack-"));
try {
  const packed: Packed[] = [];
  for (const workspace of published) packed.push(await pack(workspace));
  await install(packed);
  for (const each of packed) {
    await checkShape(each);
    await checkTypes(each);
    await checkImports(each, process.execPath);
  }
  await checkImportsOnNode20(packed.filter(({ manifest }) => manifest.engines.node.includes("20")));
  await checkCommands(packed);
} finally {
  await rm(scratch, { recursive: true, force: true });
}
for (const fault of faults) console.error(fault);
console.log(`pack check: ${published.length} packages, ${faults.length} faults`);
process.exitCode = faults.length === 0 ? 0 : 1;

async function pack(workspace: string): Promise<Packed> {
  const folder = join(root, workspace);
  const manifest = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as Manifest;
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", scratch], {
    cwd: folder,
    maxBuffer: 2 ** 26,
  });
  const packs = JSON.parse(stdout) as Record<string, PackReport>;
  const [report] = Object.values(packs);
  if (report === undefined) throw new Error(`npm pack said nothing about ${workspace}`);
  const strays = report.files.filter(({ path }) => /\.(?:test|contract)\.|\/test\//.test(path));
  for (const { path } of strays) faults.push(`${manifest.name} ships ${path}`);
  if (!report.files.some(({ path }) => path === "LICENSE")) {
    faults.push(`${manifest.name} ships no LICENSE`);
  }
  console.log(`${manifest.name}: ${report.files.length} files, ${report.size} bytes packed`);
  return { folder, manifest, tarball: join(scratch, report.filename) };
}

interface PackReport {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

async function install(packed: readonly Packed[]): Promise<void> {
  const files = packed.map(({ manifest, tarball }) => [manifest.name, `file:${tarball}`] as const);
  const project = {
    private: true,
    type: "module",
    dependencies: Object.fromEntries(files),
    // The tarballs need each other in these very versions, which no registry has.
    overrides: Object.fromEntries(files.map(([name]) => [name, `$${name}`])),
  };
  await writeFile(join(scratch, "package.json"), JSON.stringify(project, null, 2));
  // Every binary that Attune needs lies in its package: no install script has to run.
  const args = ["install", "--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund"];
  await run("npm", [...args, "--prefer-offline", "--loglevel=error"], { cwd: scratch });
}

async function checkShape({ manifest, tarball }: Packed): Promise<void> {
  const pkgDir = join(scratch, "node_modules", manifest.name);
  const { messages, pkg } = await publint({ pkgDir, strict: true });
  for (const message of messages) {
    faults.push(`publint: ${manifest.name}: ${formatMessage(message, pkg) ?? message.code}`);
  }
  const attw = join(root, "node_modules/.bin/attw");
  try {
    await run(attw, [tarball, "--profile", "esm-only", "--no-color"]);
  } catch (error) {
    faults.push(`attw: ${manifest.name}:\n${outputOf(error)}`);
  }
}

async function checkTypes({ manifest }: Packed): Promise<void> {
  const folder = join(scratch, "types", manifest.name.replace("/", "-"));
  await mkdir(folder, { recursive: true });
  const imports = entriesOf(manifest).map(
    (entry, index) => `import * as entry${index} from "${entry}";\nexport { entry${index} };\n`,
  );
  await writeFile(join(folder, "use.ts"), imports.join(""));
  const compilerOptions = {
    module: "nodenext",
    target: "es2024",
    strict: true,
    noEmit: true,
    typeRoots: [join(root, "node_modules/@types")],
    types: ["node"],
    lib: ["es2024", "dom"],
    skipLibCheck: true,
  };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions }));
  try {
    await run(join(root, "node_modules/.bin/tsc"), ["-p", folder]);
  } catch (error) {
    faults.push(`types: ${manifest.name}:\n${outputOf(error)}`);
  }
}

async function checkImports({ manifest }: Packed, node: string): Promise<void> {
  for (const entry of entriesOf(manifest)) {
    const code = `import(${JSON.stringify(entry)})
      .then((door) => { if (Object.keys(door).length === 0) throw new Error("exports nothing"); })
      .catch((error) => { console.error(error.message); process.exitCode = 1; });`;
    try {
      await run(node, ["--input-type=module", "--eval", code], { cwd: scratch });
    } catch (error) {
      faults.push(`import: ${entry} under ${node}: ${outputOf(error)}`);
    }
  }
}

async function checkImportsOnNode20(packed: readonly Packed[]): Promise<void> {
  const node20 = await findNode20();
  if (node20 === undefined) {
    console.log("skipped: no Node 20 on the PATH, so its imports were not tried; CI has it");
    return;
  }
  for (const each of packed) await checkImports(each, node20);
}

async function findNode20(): Promise<string | undefined> {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const node = join(folder, "node");
    if (!existsSync(node)) continue;
    const { stdout } = await run(node, ["--version"]);
    if (stdout.startsWith("v20.")) return node;
  }
  return undefined;
}

async function checkCommands(packed: readonly Packed[]): Promise<void> {
  for (const { manifest } of packed) {
    for (const name of Object.keys(manifest.bin ?? {})) {
      const command = join(scratch, "node_modules/.bin", name);
      try {
        const { stdout } = await run(process.execPath, [command, "--help"], { cwd: scratch });
        if (!stdout.includes(name)) faults.push(`${name} --help does not name itself`);
      } catch (error) {
        faults.push(`${name} --help:\n${outputOf(error)}`);
      }
    }
  }
}

function entriesOf(manifest: Manifest): string[] {
  return Object.keys(manifest.exports)
    .filter((entry) => entry !== "./package.json")
    .map((entry) => `${manifest.name}${entry.slice(1)}`);
}

function outputOf(error: unknown): string {
  const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
  return `${stdout}${stderr}`.trim() || String(error);
}
