// How much of a page's budget the device runtime takes: bundles `@attune/device-runtime/web` as an app's bundler does, and weighs what loads at
// once and what loads when it is first needed. ONNX Runtime and TensorFlow.js are the app's choice and not counted.
// Usage: node scripts/webSize.ts [--modules]
import { readFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { build, type Rolldown } from "vite";

/**
 * Kilobytes (1,000 bytes, gzip), a little over what it is. They only ever go down, unless somebody decides that something is worth it. Each part
 * is what it adds to those before it; what loads when and why is in docs/adr/0020.
 *
 * - `atOnce`: before the first answer; cbor-x is about 11 of it
 * - `feedback`: with the first feedback or alarm
 * - `learning`: with the first training
 * - `hub`: after the start, when the app gives a hub
 * - `version`: before the first version from a hub is taken on
 * - `contributing`: with the first delta that is made or applied
 * - `difference`: when somebody asks how a person differs
 * - `connecting`: MQTT, with the first connection
 * - `seldom`: a package file that passed no checks or others, a page without Web Crypto
 */
const limits = {
  atOnce: 59,
  feedback: 9,
  learning: 64,
  hub: 40,
  version: 11,
  contributing: 8,
  difference: 4,
  connecting: 110,
  seldom: 2,
} as const;
type Part = keyof typeof limits;

/** Which modules begin a part: everything that they need and nothing before them has. */
const firstModules: Readonly<Record<Exclude<Part, "atOnce">, readonly RegExp[]>> = {
  feedback: [/\/learningShell\.ts$/],
  learning: [/\/device\/trainJob\.ts$/, /\/trainingJobs\.ts$/],
  hub: [/\/hubShell\.ts$/, /\/openHub\.ts$/],
  version: [/\/takeOnParts\.ts$/, /\/checkModel\.ts$/, /\/wholeModel\.ts$/],
  contributing: [/\/buildContribution\.ts$/, /\/rebuildParameters\.ts$/],
  difference: [/\/userDifference\.ts$/],
  connecting: [/\/node_modules\/mqtt\//],
  seldom: [/\/packageFile\.ts$/, /\/prepareServing\.ts$/, /\/plainHash\.ts$/],
};

const root = resolve(import.meta.dirname, "..");
const built = await build({
  configFile: false,
  logLevel: "error",
  root,
  resolve: { conditions: ["attune-source", "module", "browser", "production"] },
  build: {
    write: false,
    target: "es2022",
    modulePreload: false,
    rolldownOptions: {
      input: resolve(root, "device-runtime/src/web.ts"),
      // As in an app, whose own entry exports nothing: later parts may take from the first what it has.
      preserveEntrySignatures: "allow-extension",
      external: [/^onnxruntime-/, /^@tensorflow\//],
    },
  },
});
const chunks = new Map(
  [built]
    .flat()
    .flatMap((result) => ("output" in result ? result.output : []))
    .filter((piece) => piece.type === "chunk")
    .map((chunk) => [chunk.fileName, chunk]),
);

const counted = new Set<string>();
/** Chunks that load with one, and have not been counted yet. */
function takeWith(fileName: string): Rolldown.OutputChunk[] {
  const chunk = chunks.get(fileName);
  if (chunk === undefined || counted.has(fileName)) return [];
  counted.add(fileName);
  return [chunk, ...chunk.imports.flatMap(takeWith)];
}

const takeAll = (is: (chunk: Rolldown.OutputChunk) => boolean): Rolldown.OutputChunk[] =>
  [...chunks.values()].filter(is).flatMap(({ fileName }) => takeWith(fileName));

const parts: Readonly<Record<Part, Rolldown.OutputChunk[]>> = {
  atOnce: takeAll(({ isEntry }) => isEntry),
  ...(Object.fromEntries(
    Object.entries(firstModules).map(([part, firsts]) => [
      part,
      takeAll(({ facadeModuleId }) => firsts.some((one) => one.test(facadeModuleId ?? ""))),
    ]),
  ) as Record<Exclude<Part, "atOnce">, Rolldown.OutputChunk[]>),
};

const kilobytesOf = (taken: readonly Rolldown.OutputChunk[]): number =>
  taken.reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).length, 0) / 1000;

/** What modules take before minifying, by folder: where to look, not a sum. */
function printModules(taken: readonly Rolldown.OutputChunk[]): void {
  const sizes = new Map<string, number>();
  for (const [id, { renderedLength }] of taken.flatMap(({ modules }) => Object.entries(modules))) {
    const steps = relative(root, id).split("/");
    const folder = steps.slice(0, steps[0] === "node_modules" ? 3 : 4).join("/");
    sizes.set(folder, (sizes.get(folder) ?? 0) + renderedLength);
  }
  for (const [folder, bytes] of [...sizes].sort(([, a], [, b]) => b - a)) {
    if (bytes > 0) console.log(`  ${(bytes / 1000).toFixed(1).padStart(7)} KB  ${folder}`);
  }
}

const faults: string[] = [];
const readme = readFileSync(resolve(root, "device-runtime/README.md"), "utf8");
for (const [part, taken] of Object.entries(parts) as [Part, Rolldown.OutputChunk[]][]) {
  const kilobytes = kilobytesOf(taken);
  console.log(`${part}: ${kilobytes.toFixed(1)} KB gzip, limit ${limits[part]}`);
  if (process.argv.includes("--modules")) printModules(taken);
  if (taken.length === 0) faults.push(`${part} is not there: see its first modules`);
  if (kilobytes > limits[part]) {
    faults.push(`${part} is over its limit: see what was added, or move it behind an import()`);
  }
  const stated = new RegExp(`\`${part}\`[^|]*\\| *([0-9.]+) KB`).exec(readme)?.[1];
  if (stated === undefined || Math.abs(Number(stated) - kilobytes) > 0.03 * kilobytes + 0.5) {
    faults.push(
      `device-runtime/README.md says ${stated ?? "nothing"} of ${part}; it is ${kilobytes.toFixed(1)} KB`,
    );
  }
}
for (const chunk of chunks.values()) {
  if (!counted.has(chunk.fileName)) faults.push(`${chunk.name} belongs to no part: name one`);
}
for (const fault of faults) console.error(fault);
process.exitCode = faults.length === 0 ? 0 : 1;
