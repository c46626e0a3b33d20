// Finds onnxruntime-node, which is an optional package, and says what to do where it is missing. Node only.
import { Fault } from "@attune/protocol";
import { createOrtRuntime } from "./createOrtRuntime.ts";
import type { OrtModule, OrtRuntime } from "./ortRuntime.ts";

/**
 * Loads the engine of this Node process.
 *
 * @throws Fault `ort.not_installed`
 * @example
 * const runtime = await loadNodeOrt();
 */
export async function loadNodeOrt(): Promise<OrtRuntime> {
  let ort: OrtModule;
  try {
    ort = await import("onnxruntime-node");
  } catch (cause) {
    throw new Fault("onnxruntime-node does not load", {
      code: "ort.not_installed",
      hint: 'put onnxruntime-node-install=skip into .npmrc (its set-up script downloads CUDA), then "npm install onnxruntime-node@1.30.0"',
      cause,
    });
  }
  return createOrtRuntime(ort);
}
