// The page's side of the conformance suite. For tests only.
import { createOrtRuntime } from "../../src/model/session/createOrtRuntime.ts";
import { createWebGpuRuntime, type GpuPort } from "../../src/model/session/createWebGpuRuntime.ts";
import type { OrtModule } from "../../src/model/session/ortRuntime.ts";
import { findTraps, type TrappedModule, type Traps } from "./ortTraps.ts";
import { decodeCases } from "./plainData.ts";
import {
  type ConformanceRun,
  runGradients,
  runParity,
  runTrajectory,
  runWords,
} from "./runConformance.ts";

/** What the engine does that this project never asks of it. */
export function runTraps(ort: TrappedModule): Promise<Traps> {
  return findTraps(ort);
}

/** All checks on WebAssembly. */
export async function runOnWasm(ort: OrtModule, cases: string): Promise<ConformanceRun> {
  const runtime = createOrtRuntime(ort);
  const parity = await runParity(runtime, decodeCases(cases));
  const gradients = await runGradients(runtime);
  const words = await runWords(runtime);
  return {
    checkCount: parity.checkCount + gradients.checkCount + words.checkCount,
    failures: [...parity.failures, ...gradients.failures, ...words.failures],
  };
}

/**
 * A trajectory on WebGPU, or the fault that says why not. One optimizer of one case, the one with the most operators: a graphics processor in
 * software takes seconds for each.
 */
export async function runOnWebGpu(
  ort: OrtModule,
  cases: string,
): Promise<ConformanceRun | { readonly code: string; readonly message: string }> {
  const { gpu } = navigator as { readonly gpu?: GpuPort };
  try {
    const runtime = await createWebGpuRuntime(ort, gpu);
    const parity = decodeCases(cases).get("mlp");
    if (parity === undefined) throw new Error("no case");
    return await runTrajectory(runtime, ["mlp", parity], "adamw", { engine: "webgpu" });
  } catch (error) {
    const { code = "", message, cause } = error as Error & { code?: string };
    return { code, message: cause instanceof Error ? `${message}: ${cause.message}` : message };
  }
}
