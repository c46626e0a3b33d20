// One training inside a browser whose WebAssembly memory has a fixed size: the page's only script. It must not choose the size.
import {
  compileTraining,
  createOrtRuntime,
  createTrainer,
  readParameters,
} from "@attune/device-runtime/model";
import { type ParameterSet, unwrap } from "@attune/protocol";
import * as ort from "onnxruntime-web/wasm";
import { type MemoryTask, modelOf, planOf, sliceOf } from "../src/memoryTask.ts";

declare global {
  /** Trains one slice; bytes of the arrays that the page itself held for it, or undefined where the memory was too small. */
  var trainInside: (task: MemoryTask) => Promise<number | undefined>;
}

const query = new URLSearchParams(location.search);
const pages = Number(query.get("pages"));
const GrowingMemory = WebAssembly.Memory;
// The engine makes its memory when it starts, and lets it grow in steps of a fifth. Of a fixed size, it either suffices or does not.
WebAssembly.Memory = class extends GrowingMemory {
  constructor(descriptor: WebAssembly.MemoryDescriptor) {
    super({ ...descriptor, initial: pages, maximum: pages });
  }
};
ort.env.wasm.wasmPaths = "/onnxruntime-web/";
ort.env.logLevel = "fatal";
const runtime = createOrtRuntime(ort);

const byteCount = (tensors: ParameterSet): number =>
  tensors.reduce((sum, { data }) => sum + data.byteLength, 0);

globalThis.trainInside = async (task) => {
  try {
    const model = modelOf(task.model);
    const compiled = unwrap(compileTraining(model, planOf(task, "wasm")));
    const trainer = await createTrainer(runtime, compiled);
    const slice = sliceOf(task, compiled.sampleDims);
    const begun = trainer.begin(unwrap(readParameters(model)));
    const { state } = await trainer.run(begun, slice);
    const stateBytes = [begun, state].map(
      ({ parameters, optimizer, base }) =>
        byteCount(parameters) + byteCount(optimizer) + byteCount(base),
    );
    // Labels are handed to the engine as 64-bit numbers.
    const fed = slice.data.byteLength + 2 * 4 * slice.truth.length;
    return stateBytes.reduce((sum, bytes) => sum + bytes, fed);
  } catch {
    return undefined;
  }
};
