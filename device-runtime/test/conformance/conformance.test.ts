// The same suite on every engine: onnxruntime-node here, onnxruntime-web in Chromium, on WebAssembly and on WebGPU.
import * as web from "onnxruntime-web/wasm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadNodeOrt } from "../../src/model/session/nodeOrtRuntime.ts";
import { parityCase, parityNames } from "../parityCases.ts";
import { callPage, chromiumPath, type PageServer, startPage } from "./chromiumPage.ts";
import { findTraps, type TrappedModule, type Traps } from "./ortTraps.ts";
import { encodeCases } from "./plainData.ts";
import { type ConformanceRun, runGradients, runParity, runWords } from "./runConformance.ts";

const cases = new Map(parityNames.map((name) => [name, parityCase(name)]));
const { default: nodeModule } = (await import("onnxruntime-node")) as unknown as {
  default: TrappedModule;
};

let server: PageServer | undefined;
beforeAll(async () => {
  if (chromiumPath !== undefined) server = await startPage(encodeCases(cases));
}, 60_000);
afterAll(async () => {
  await server?.close();
});
const missing = "needs Chromium: apt-get install chromium (or name one in CHROMIUM)";

async function here(): Promise<ConformanceRun> {
  const runtime = await loadNodeOrt();
  const parity = await runParity(runtime, cases);
  const gradients = await runGradients(runtime);
  const words = await runWords(runtime);
  return {
    checkCount: parity.checkCount + gradients.checkCount + words.checkCount,
    failures: [...parity.failures, ...gradients.failures, ...words.failures],
  };
}

describe("conformance", () => {
  it("[TC16] WebAssembly in Chromium, under a strict policy, and Node hold the same checks", async ({
    skip,
  }) => {
    skip(server === undefined, missing);
    if (server === undefined) return;
    const inNode = await here();
    expect(inNode.failures).toEqual([]);
    expect(inNode.checkCount).toBeGreaterThan(400);
    expect(await callPage(server, "none", "wasm", "runOnWasm")).toEqual(inNode);
  });

  it("[TC39] WebGPU trains what PyTorch trains", async ({ skip }) => {
    skip(server === undefined, missing);
    if (server === undefined) return;
    const run = await callPage<ConformanceRun>(server, "software", "webgpu", "runOnWebGpu");
    expect(run.failures).toEqual([]);
  });

  it("[TC39] WebGPU is refused with a reason where the browser lends no graphics processor", async ({
    skip,
  }) => {
    skip(server === undefined, missing);
    if (server === undefined) return;
    expect(await callPage(server, "none", "webgpu", "runOnWebGpu")).toEqual({
      code: "ort.webgpu_missing",
      message: expect.stringContaining("no graphics processor"),
    });
  });
});

/**
 * Faults of ONNX Runtime 1.30 that shaped this code. If one of these fails after an update, the engine has changed: see whether the rule
 * that it stands for can go, or must be wider.
 */
describe("what ONNX Runtime does and this code must never lean on", () => {
  // Trained parameters are inputs without a default; outputs are always the engine's own.
  const inNode: Traps = {
    constantOverridden: [1, 1, 1, 1],
    outputGiven: [1, 3, 2, 4],
    inputAsOutput: [1, 2, 2, 4],
  };
  const inWeb: Traps = {
    constantOverridden: "Error: invalid input 'w'",
    outputGiven: [0, 0, 0, 0],
    inputAsOutput: [1, 2, 3, 4],
  };

  it("[TC38] Node ignores a value fed over a constant in silence, and overwrites an input that is an output while it reads it", async () => {
    expect(await findTraps(nodeModule)).toEqual(inNode);
  });

  it("[TC38] the web build throws for a value fed over a constant, and leaves old numbers in outputs that are given", async () => {
    expect(await findTraps(web as unknown as TrappedModule)).toEqual(inWeb);
  });

  it("[TC38] and does so in Chromium", async ({ skip }) => {
    skip(server === undefined, missing);
    if (server === undefined) return;
    expect(await callPage(server, "none", "wasm", "runTraps")).toEqual(inWeb);
  });
});
