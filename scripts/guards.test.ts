// A guard that cannot fail is no guard: each one is shown a violation in a scratch copy and must name it.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createScratchCopy, type ScratchCopy } from "./scratchCopy.ts";

let copy: ScratchCopy;
beforeAll(async () => {
  copy = await createScratchCopy();
});
afterEach(() => copy.restore());
afterAll(() => copy.remove());

/** Runs a guard that must fail, and returns what it said. */
async function failureOf(command: string): Promise<string> {
  const { exitCode, output } = await copy.run(command);
  expect(exitCode, output).not.toBe(0);
  return output;
}

const prepend = (addition: string) => (text: string) => `${addition}\n${text}`;
const replace = (part: string | RegExp, by: string) => (text: string) => text.replace(part, by);

describe("npm run lint", () => {
  test.each([
    [
      "a floating promise",
      "hub/src/planted.ts",
      "async function work(): Promise<void> {}\nexport function start(): void {\n  work();\n}\n",
      "no-floating-promises",
    ],
    [
      "a switch that forgets a case",
      "hub/src/planted.ts",
      'export function f(x: "a" | "b"): void {\n  switch (x) {\n    case "a":\n      break;\n  }\n}\n',
      "switch-exhaustiveness-check",
    ],
    [
      "the time in a core",
      "hub/src/core/planted.ts",
      "export const now: number = Date.now();\n",
      "The core has no clock",
    ],
    [
      "unseeded randomness in a core",
      "device-runtime/src/core/planted.ts",
      "export const dice: number = Math.random();\n",
      "Inject Random",
    ],
    [
      "a third-party package in a core",
      "device-runtime/src/core/planted.ts",
      'import { openDB } from "idb";\n\nexport const open: typeof openDB = openDB;\n',
      "The core imports nothing from outside",
    ],
    [
      "a Node module in a core",
      "hub/src/core/planted.ts",
      'import { readFileSync } from "node:fs";\n\nexport const read: typeof readFileSync = readFileSync;\n',
      "The core imports nothing from outside",
    ],
    [
      "a default export",
      "protocol/src/planted.ts",
      "export default 1 as number;\n",
      "no-default-export",
    ],
  ])("sees %s", async (_, file, text, message) => {
    await copy.plant({ [file]: text });
    const output = await failureOf("npm run --silent lint");
    expect(output).toContain(message);
    expect(output).toContain(file);
  });

  test("sees an import cycle", async () => {
    await copy.plant({
      "hub/src/plantedA.ts":
        'import { b } from "./plantedB.ts";\n\nexport const a = (): number => b;\n',
      "hub/src/plantedB.ts":
        'import { a } from "./plantedA.ts";\n\nexport const b: number = a();\n',
    });
    expect(await failureOf("npm run --silent lint")).toContain("Dependency cycle detected");
  });

  test("sees a file that is not formatted", async () => {
    await copy.plant({ "hub/src/planted.ts": "export const a: number   = 1\n" });
    expect(await failureOf("npx biome check --error-on-warnings .")).toContain(
      "hub/src/planted.ts",
    );
  });
});

describe("npm run walls", () => {
  test.each([
    [
      "the hub importing the device's main entry",
      "hub/src/planted.ts",
      'import * as device from "@attune/device-runtime";\nexport { device };\n',
      "hub may import of device-runtime only ./model and ./monitor",
    ],
    [
      "the device importing the hub",
      "device-runtime/src/planted.ts",
      'import * as hub from "@attune/hub";\nexport { hub };\n',
      "device-runtime may import nothing of hub",
    ],
    [
      "a second owner of a third-party package",
      "protocol/src/planted.ts",
      'import { deflateSync } from "fflate";\nexport { deflateSync };\n',
      "imports fflate, which protocol keeps to one file",
    ],
    [
      "a relative import that leaves its workspace",
      "hub/src/planted.ts",
      'import * as protocol from "../../protocol/src/index.ts";\nexport { protocol };\n',
      "reaches protocol/src/index.ts by path",
    ],
    [
      "an asynchronous core",
      "hub/src/core/planted.ts",
      "export async function decide(): Promise<void> {}\n",
      "is core and asynchronous",
    ],
    [
      "a core that imports an adapter",
      "device-runtime/src/core/planted.ts",
      'import { a } from "../adapters/a.ts";\nexport { a };\n',
      "adapters carry out effects",
    ],
  ])("sees %s", async (_, file, text, message) => {
    await copy.plant({ [file]: text });
    const output = await failureOf("node scripts/walls.ts");
    expect(output).toContain(message);
    expect(output).toContain(file);
  });

  test.each([
    ["a Node module", "node:fs"],
    ["a Node module without its prefix", "fs"],
    ["the protocol's Node entry", "@attune/protocol/node"],
    ["a package that needs Node", "onnxruntime-node"],
  ])("sees an isomorphic door that reaches %s", async (_, specifier) => {
    await copy.plant({
      "device-runtime/src/index.ts": prepend('import "./planted.ts";'),
      "device-runtime/src/planted.ts": `import ${JSON.stringify(specifier)};\n`,
    });
    const output = await failureOf("node scripts/walls.ts");
    expect(output).toContain(
      `needs Node (${specifier}) behind an isomorphic door: ` +
        "device-runtime/src/index.ts > device-runtime/src/planted.ts",
    );
  });

  test("sees the protocol reaching a Node module", async () => {
    await copy.plant({ "protocol/src/index.ts": prepend('import "node:fs";') });
    expect(await failureOf("npm run --silent walls")).toContain("needs Node (node:fs)");
  });

  test("sees a dependency that a workspace's tag does not allow", async () => {
    await copy.plant({
      "protocol/package.json": replace(
        '"dependencies": {',
        '"dependencies": {\n    "@attune/hub": "0.1.0",',
      ),
    });
    const output = await failureOf("npm run --silent walls");
    expect(output).toContain("@attune/protocol");
    expect(output).toContain("@attune/hub");
  });

  test("sees a package that the workspace does not declare", async () => {
    await copy.plant({
      "protocol/src/planted.ts": 'import { Hono } from "hono";\nexport { Hono };\n',
    });
    expect(await failureOf("npm run --silent walls")).toContain("hono");
  });
});

describe("npm run typecheck", () => {
  test.each([
    ["a wrong type", 'export const a: number = "a";\n', "TS2322"],
    ["an export without its type", "export const a = [1].map(String);\n", "TS9010"],
    ["an entry that is not public", 'import "@attune/protocol/src/ids.ts";\n', "TS2882"],
    ["an enum", "export enum A {\n  B,\n}\n", "TS1294"],
  ])("sees %s", async (_, text, code) => {
    await copy.plant({ "hub/src/planted.ts": text });
    const output = await failureOf("npm run --silent typecheck");
    expect(output).toMatch(new RegExp(`hub/src/planted.ts.*${code}`));
  });

  test("sees a wrong type in a test", async () => {
    await copy.plant({ "hub/src/planted.test.ts": 'export const a: number = "a";\n' });
    expect(await failureOf("npm run --silent typecheck")).toMatch(/planted\.test\.ts.*TS2322/);
  });
});

describe("npm run knip", () => {
  test("sees an export that nobody uses", async () => {
    await copy.plant({
      "protocol/src/index.ts": prepend('import "./planted.ts";'),
      "protocol/src/planted.ts": "export const plantedAndUnused: number = 1;\n",
    });
    expect(await failureOf("npm run --silent knip")).toContain("plantedAndUnused");
  });

  test("sees a file that nobody imports", async () => {
    await copy.plant({ "protocol/src/plantedAndAlone.ts": "export const a: number = 1;\n" });
    expect(await failureOf("npm run --silent knip")).toContain("plantedAndAlone.ts");
  });
});

describe("npm run lock", () => {
  test("sees the host of a registry", async () => {
    await copy.plant({
      "package-lock.json": replace(
        '"node_modules/zod": {',
        '"node_modules/zod": {\n      "resolved": "https://registry.example/zod.tgz",',
      ),
    });
    expect(await failureOf("npm run --silent lock")).toContain("node_modules/zod names a registry");
  });

  test("sees a package of another platform that is missing", async () => {
    await copy.plant({
      "package-lock.json": replace('"node_modules/@turbo/windows-64": {', '"node_modules/x": {'),
    });
    expect(await failureOf("npm run --silent lock")).toContain("wants @turbo/windows-64");
  });

  test("sees a prebuilt package that npm 10 would compile", async () => {
    await copy.plant({ "package-lock.json": replace('"gypfile": false', '"gypfile": true') });
    expect(await failureOf("npm run --silent lock")).toContain("better-sqlite3 would be compiled");
  });
});

describe("npm test", () => {
  test("counts a failed test, and a file that does not load", async () => {
    await copy.plant({
      "hub/src/planted.test.ts":
        'import { expect, test } from "vitest";\ntest("a", () => expect(1).toBe(2));\n' +
        'test("b", ({ skip }) => skip("needs a moon"));\n',
      "hub/src/plantedToo.test.ts": 'import "./missing.ts";\n',
    });
    const output = await failureOf("npm test --silent -- hub/src/planted");
    expect(output).toContain("skipped 1: needs a moon");
    expect(output).toMatch(/^0 passed, 2 failed, 1 skipped$/m);
  });

  test("sees an example that does not keep its promise", async () => {
    await copy.plant({
      "docs/planted.md": "# Planted\n\n```ts\nconst sum = 1 + 1; // => 3\n```\n",
      "protocol/src/planted.ts":
        "/**\n * @example\n * planted(1); // => 1\n */\n" +
        "export function planted(x: number): number {\n  return x + 1;\n}\n",
    });
    const output = await failureOf("npm test --silent -- scripts/docs");
    expect(output).toContain("docs/planted.md:4");
    expect(output).toContain("protocol/src/planted.ts:3");
  });
});

describe("npm run pack:check", () => {
  test("sees an entry that is not in the package, and a test that is", async () => {
    await copy.plant({
      "protocol/package.json": (text) =>
        text
          .replace('"./node": {', '"./gone": "./dist/gone.js",\n    "./node": {')
          .replace('"!**/*.test.*",', ""),
      "protocol/src/planted.test.ts": "export {};\n",
    });
    await copy.run("npx tsc -b protocol/tsconfig.src.json");
    const output = await failureOf("node scripts/packCheck.ts");
    expect(output).toContain("import: @attune/protocol/gone");
    expect(output).toContain("publint: @attune/protocol");
    expect(output).toContain("attw: @attune/protocol");
    expect(output).toContain("types: @attune/protocol");
    expect(output).toContain("@attune/protocol ships src/planted.test.ts");
  });
});
