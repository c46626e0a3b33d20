// Adapter of ONNX Runtime's JavaScript interface to the `OrtRuntime` port. It holds no policy but one thread and fresh outputs.
import { Fault } from "@attune/protocol";
import { TRAINING_THREADS } from "../trainingThreads.ts";
import { turnOffEngineTelemetry } from "./engineTelemetry.ts";
import type { OrtModule, OrtModuleTensor, OrtRuntime, OrtTensor } from "./ortRuntime.ts";

function tensorOf(name: string, tensor: OrtModuleTensor): OrtTensor {
  const { type, dims, data } = tensor;
  if (type === "float32" && data instanceof Float32Array) return { type, dims, data };
  if (type === "int64" && data instanceof BigInt64Array) return { type, dims, data };
  if (type === "int32" && data instanceof Int32Array) return { type, dims, data };
  if (type === "bool" && data instanceof Uint8Array) return { type, dims, data };
  throw new Fault(`output ${name} is ${type}, which no graph of ours gives`, {
    code: "ort.run_failed",
    hint: "check that the installed ONNX Runtime is the one named in package.json",
  });
}

/** What computes. */
export type OrtProvider = "cpu" | "webgpu";

/**
 * Makes an engine out of an ONNX Runtime module.
 *
 * Outputs are always allocated by the engine: handing it buffers, or the same memory as input and output, gives silently wrong numbers
 * in some of its builds.
 *
 * In WebAssembly all sessions of a page share the engine's threads. One is set here, unless the app has set `ort.env.wasm.numThreads` before:
 * by itself the engine would take up to four on an isolated page.
 *
 * @param ort the module `onnxruntime-node`, or `onnxruntime-web/wasm`
 * @param provider `cpu` also stands for WebAssembly; for `webgpu` call `createWebGpuRuntime`, which looks whether there is any
 * @example
 * createOrtRuntime(await import("onnxruntime-web/wasm"));
 */
export function createOrtRuntime(ort: OrtModule, provider: OrtProvider = "cpu"): OrtRuntime {
  turnOffEngineTelemetry();
  const wasm = ort.env?.wasm;
  if (wasm !== undefined) wasm.numThreads ??= TRAINING_THREADS;
  return {
    async load(graph) {
      const session = await ort.InferenceSession.create(graph, {
        executionProviders: [provider],
        intraOpNumThreads: TRAINING_THREADS,
        interOpNumThreads: TRAINING_THREADS,
        // A pattern is one more block as large as all that a run needs, beside the arena that holds it already.
        enableMemPattern: false,
        logSeverityLevel: 3,
      }).catch((cause: unknown) => {
        throw new Fault(`ONNX Runtime does not load the graph of ${graph.length} bytes`, {
          code: "ort.graph_not_loadable",
          hint: "see the cause; a model that compiles must load, so please report it with the model",
          cause,
        });
      });
      return {
        async run(inputs, outputs) {
          const feeds: Record<string, OrtModuleTensor> = {};
          for (const [name, { type, data, dims }] of Object.entries(inputs)) {
            feeds[name] = new ort.Tensor(type, data, dims);
          }
          const results = await session.run(feeds, outputs).catch((cause: unknown) => {
            throw new Fault("ONNX Runtime failed while it ran a graph", {
              code: "ort.run_failed",
              hint: "see the cause; usually memory ran out, so take a smaller batch, or an id lies outside of its table",
              cause,
            });
          });
          const fresh: Record<string, OrtTensor> = {};
          for (const [name, tensor] of Object.entries(results))
            fresh[name] = tensorOf(name, tensor);
          return fresh;
        },
        release: () => session.release(),
      };
    },
  };
}
