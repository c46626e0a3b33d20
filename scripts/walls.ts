// Checks the walls that neither package exports nor turbo's tags can express; prints each breach and exits 1.
// It reads imports only: what code does with them is the linter's and the type checker's business.
// Usage: node scripts/walls.ts

import { glob } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { type ImportUse, readSourceFacts, type SourceFacts } from "./imports.ts";

type Workspace = "protocol" | "device-runtime" | "hub" | "simulators" | "bench";

interface Walls {
  /** Entries of other workspaces that it may import; `"*"` is every public entry. */
  readonly may: Readonly<Partial<Record<Workspace, "*" | readonly string[]>>>;
  /** Doors that must run in a browser: nothing they reach may need Node. */
  readonly isomorphicDoors: readonly string[];
  /** Packages with more than the one owner file that is the rule, and the places that share them. */
  readonly sharedPackages: Readonly<Record<string, readonly string[]>>;
}

const walls: Readonly<Record<Workspace, Walls>> = {
  protocol: {
    may: {},
    isomorphicDoors: ["src/index.ts"],
    sharedPackages: {
      // A message is a zod schema, one a file; the ids they share are branded by zod as well.
      zod: ["src/messages/", "src/ids.ts", "src/codec/message.ts", "src/codec/checkSchema.ts"],
      // Hashes alone load without signatures.
      "@noble/hashes": ["src/crypto/"],
    },
  },
  "device-runtime": {
    may: { protocol: "*" },
    isomorphicDoors: ["index", "web", "model", "monitor", "testing"].map(
      (door) => `src/${door}.ts`,
    ),
    // Recipes are read where packages are made, the parts of packages also where versions are taken on.
    sharedPackages: { zod: ["src/package/"] },
  },
  hub: {
    // Candidates are evaluated by the code that devices run, and profiles merge by it: no more than that.
    may: { protocol: "*", "device-runtime": ["model", "monitor"] },
    isomorphicDoors: [],
    sharedPackages: {
      // One resource a file, each a small router; the app joins them.
      hono: ["src/routes/", "src/app.ts", "src/server.ts"],
      "@hono/zod-openapi": ["src/routes/", "src/app.ts"],
      zod: ["src/routes/"],
      // One command a file.
      commander: ["src/cli/"],
      preact: ["web/"],
      "@preact/signals": ["web/"],
    },
  },
  simulators: {
    may: { protocol: "*", "device-runtime": "*", hub: "*" },
    isomorphicDoors: [],
    sharedPackages: {},
  },
  bench: {
    may: { protocol: "*", "device-runtime": "*", hub: "*", simulators: "*" },
    isomorphicDoors: [],
    // A peer is measured through its own package, by each suite that needs it.
    sharedPackages: {
      "@tensorflow/tfjs": ["peers/"],
      "@tensorflow/tfjs-backend-wasm": ["peers/"],
      "onnxruntime-node": ["peers/", "suites/"],
      "onnxruntime-web": ["peers/", "suites/"],
    },
  },
};

/** Packages that need Node, so that no isomorphic door may reach them. */
const nodeOnlyPackages = new Set([
  "@hono/node-server",
  "aedes",
  "better-sqlite3",
  "commander",
  "onnxruntime-node",
  "ws",
]);

const root = resolve(import.meta.dirname, "..");
const breaches: string[] = [];

const factsByFile = new Map<string, SourceFacts>();
for await (const file of glob(
  `{${Object.keys(walls).join(",")}}/{src,web,test,suites,peers}/**/*.{ts,tsx}`,
  {
    cwd: root,
    exclude: (name) => name === "node_modules",
  },
)) {
  factsByFile.set(file, await readSourceFacts(join(root, file)));
}

for (const [file, facts] of factsByFile) {
  for (const use of facts.imports) {
    checkRelative(file, use);
    checkWorkspace(file, use);
  }
  checkCore(file, facts);
}
checkOwners();
checkIsomorphicDoors();

for (const breach of breaches.toSorted()) console.error(breach);
console.error(`walls: ${factsByFile.size} files, ${breaches.length} breaches`);
process.exitCode = breaches.length === 0 ? 0 : 1;

function checkRelative(file: string, use: ImportUse): void {
  if (!use.specifier.startsWith(".")) return;
  const target = relative(root, resolve(root, dirname(file), use.specifier));
  if (workspaceOf(target) !== workspaceOf(file)) {
    reportBreach(file, use.line, `reaches ${target} by path; import it by its package name`);
  }
}

function checkWorkspace(file: string, use: ImportUse): void {
  const [, target, entry = "."] = /^@attune\/([^/]+)(?:\/(.*))?$/.exec(use.specifier) ?? [];
  if (target === undefined) return;
  const from = workspaceOf(file);
  const may = walls[from].may[target as Workspace];
  // The manual clock, the seeded random and a real device are for everybody's tests.
  const isForTests = entry === "testing" || entry === "node";
  if (may !== undefined && (may === "*" || (isTest(file) && isForTests))) return;
  if (may?.includes(entry)) return;
  const allowed =
    may === undefined
      ? `nothing of ${target}`
      : `of ${target} only ${may.map((each) => `./${each}`).join(" and ")}`;
  reportBreach(file, use.line, `imports ${use.specifier}; ${from} may import ${allowed}`);
}

function checkCore(file: string, facts: SourceFacts): void {
  if (!file.includes("/core/") || isTest(file)) return;
  for (const use of facts.imports) {
    if (/\/adapters\//.test(use.specifier)) {
      reportBreach(
        file,
        use.line,
        `is core and imports ${use.specifier}; adapters carry out effects`,
      );
    }
  }
  for (const line of facts.asyncLines) {
    reportBreach(
      file,
      line,
      "is core and asynchronous; return an effect, its result comes as an event",
    );
  }
}

function checkOwners(): void {
  const owners = new Map<string, Map<string, number>>();
  for (const [file, facts] of factsByFile) {
    if (isTest(file)) continue;
    for (const use of facts.imports) {
      const name = packageOf(use.specifier);
      if (name === undefined || use.isTypeOnly) continue;
      const from = workspaceOf(file);
      if (walls[from].sharedPackages[name]?.some((place) => file.startsWith(`${from}/${place}`))) {
        continue;
      }
      const key = `${from} ${name}`;
      const files = owners.get(key) ?? new Map<string, number>();
      owners.set(key, files.set(file, use.line));
    }
  }
  for (const [key, files] of owners) {
    const [from, name] = key.split(" ") as [Workspace, string];
    const places = walls[from].sharedPackages[name];
    const hasOwner = files.size === 1 && places === undefined;
    if (hasOwner) continue;
    for (const [file, line] of files) {
      const others = [...files.keys()].filter((other) => other !== file);
      const owner = places?.join(", ") ?? `one file; ${others.join(", ")} imports it too`;
      reportBreach(file, line, `imports ${name}, which ${from} keeps to ${owner}`);
    }
  }
}

function checkIsomorphicDoors(): void {
  for (const from of Object.keys(walls) as Workspace[]) {
    for (const door of walls[from].isomorphicDoors) walkFromDoor(`${from}/${door}`);
  }
}

/** Breadth first, so that the path it reports is a shortest one. */
function walkFromDoor(door: string): void {
  const pathTo = new Map([[door, [door]]]);
  for (const [file, path] of pathTo) {
    for (const use of factsByFile.get(file)?.imports ?? []) {
      if (use.isTypeOnly) continue;
      if (use.specifier.startsWith(".")) {
        const target = relative(root, resolve(root, dirname(file), use.specifier));
        if (!pathTo.has(target)) pathTo.set(target, [...path, target]);
      } else if (needsNode(use.specifier)) {
        const way = path.join(" > ");
        reportBreach(
          file,
          use.line,
          `needs Node (${use.specifier}) behind an isomorphic door: ${way}`,
        );
      }
    }
  }
}

function needsNode(specifier: string): boolean {
  if (isBuiltin(specifier) || /^@attune\/[^/]+\/node$/.test(specifier)) return true;
  return nodeOnlyPackages.has(packageOf(specifier) ?? "");
}

function packageOf(specifier: string): string | undefined {
  if (/^[./]/.test(specifier) || specifier.startsWith("@attune/") || isBuiltin(specifier)) return;
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

function isTest(file: string): boolean {
  return /\.(?:test|contract)\.tsx?$/.test(file) || file.includes("/test/");
}

function workspaceOf(file: string): Workspace {
  return file.split("/", 1)[0] as Workspace;
}

function reportBreach(file: string, line: number, what: string): void {
  breaches.push(`${file}:${line} ${what}`);
}
