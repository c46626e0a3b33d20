// The engine on a browser's graphics processor, where there is one; says why not where there is none.
import { Fault } from "@attune/protocol";
import { createOrtRuntime } from "./createOrtRuntime.ts";
import type { OrtModule, OrtRuntime } from "./ortRuntime.ts";

/** What is asked of a browser's `navigator.gpu`. */
export interface GpuPort {
  /** Gives `null` where no graphics processor may be used. */
  requestAdapter(): Promise<object | null>;
}

/**
 * Makes an engine that runs on WebGPU.
 *
 * Compile for it with `lowering: { engine: "webgpu" }`: it has no kernels for some operators, and what it lacks would run on the processor with a copy
 * each way. Small models are faster on `createOrtRuntime` with `onnxruntime-web/wasm`; measure before you choose.
 *
 * @param ort the module `onnxruntime-web/webgpu`
 * @param gpu the browser's `navigator.gpu`
 * @throws Fault `ort.webgpu_missing` with the reason: the browser has none, or lends none to this page
 * @example
 * const tried = await createWebGpuRuntime(await import("onnxruntime-web/wasm"), undefined).catch((fault) => fault.code);
 * tried; // => "ort.webgpu_missing"
 */
export async function createWebGpuRuntime(
  ort: OrtModule,
  gpu: GpuPort | undefined,
): Promise<OrtRuntime> {
  const missing = (what: string, hint: string, cause?: unknown): Fault =>
    new Fault(what, {
      code: "ort.webgpu_missing",
      hint,
      ...(cause === undefined ? {} : { cause }),
    });
  if (gpu === undefined) {
    throw missing(
      "this browser or page has no WebGPU",
      "serve the page over https or from localhost, take a browser with WebGPU, or use onnxruntime-web/wasm",
    );
  }
  const adapter = await gpu.requestAdapter().catch((cause: unknown) => {
    throw missing(
      "the browser refuses WebGPU",
      "see the cause, or use onnxruntime-web/wasm",
      cause,
    );
  });
  if (adapter === null) {
    throw missing(
      "the browser has WebGPU and no graphics processor to run it on",
      "switch hardware acceleration on in the browser's settings, or use onnxruntime-web/wasm",
    );
  }
  return createOrtRuntime(ort, "webgpu");
}
