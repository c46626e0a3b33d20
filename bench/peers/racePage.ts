// The race inside a browser: the page's only script. ONNX Runtime comes by the page's import map, everything else is bundled.
import { createOrtRuntime } from "@attune/device-runtime/model";
import * as ort from "onnxruntime-web/wasm";
import { createCompare } from "../src/compare.ts";
import { loadTfjs } from "./tfjsTrainee.ts";
import { createTrainingTask, type TaskName } from "./trainingTask.ts";
import { type RaceResult, raceTrainStep } from "./trainStepRace.ts";

declare global {
  /** Called from outside the page. */
  var race: (name: TaskName) => Promise<RaceResult>;
}

ort.env.wasm.numThreads = Number(new URLSearchParams(location.search).get("threads"));
ort.env.wasm.wasmPaths = "/onnxruntime-web/";
const runtime = createOrtRuntime(ort);
const tfjs = await loadTfjs("/tfjs-backend-wasm/");

globalThis.race = (name) =>
  raceTrainStep(
    createTrainingTask(name),
    { engine: "wasm", runtime, tfjs },
    // A console line a step of the comparison: what runs the page hands them on.
    createCompare({ nowMs: () => performance.now() }, (line) => console.info(line)),
  );
