// The engine that models are run with here. Sole owner of onnxruntime-node.
import { createOrtRuntime, type OrtRuntime } from "@attune/device-runtime/model";

/** Loads the engine; slow, so only where it is needed. */
export async function loadOrt(): Promise<OrtRuntime> {
  return createOrtRuntime(await import("onnxruntime-node"));
}
