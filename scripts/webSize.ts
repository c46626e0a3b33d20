// How much of a page's budget the device runtime takes: bundles `@attune/device-runtime/web` as an app's bundler does and weighs the pieces.
// ONNX Runtime and TensorFlow.js are the app's choice and not counted. Usage: node scripts/webSize.ts
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "vite";

/**
 * Kilobytes (1,000 bytes, gzip) of what loads at once, and of each piece that loads when it is needed. They only ever go down: of 152 KB at once
 * zod is 25, cbor-x 11, the training compiler about 45.
 */
const limits = {
  atOnce: 165,
  later: 110,
} as const;

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
      preserveEntrySignatures: "strict",
      external: [/^onnxruntime-/, /^@tensorflow\//],
    },
  },
});

const faults: string[] = [];
for (const piece of [built].flat().flatMap((result) => ("output" in result ? result.output : []))) {
  if (piece.type !== "chunk") continue;
  const kilobytes = gzipSync(piece.code, { level: 9 }).length / 1000;
  const limit = piece.isEntry ? limits.atOnce : limits.later;
  const when = piece.isEntry ? "at once" : "when needed";
  console.log(`${piece.name} (${when}): ${kilobytes.toFixed(1)} KB gzip, limit ${limit}`);
  if (kilobytes > limit) {
    faults.push(
      `${piece.name} is over its limit: see what was added, or move it behind an import()`,
    );
  }
}
for (const fault of faults) console.error(fault);
process.exitCode = faults.length === 0 ? 0 : 1;
