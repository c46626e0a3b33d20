// The trainings whose memory is measured, the same in Node and in a browser.
import {
  buildCnn1d,
  buildPerceptron,
  type ParameterScope,
  type TrainingPlan,
  type TrainingSlice,
} from "@attune/device-runtime/model";
import { createSeededRandom } from "@attune/device-runtime/testing";
import { elementCount } from "@attune/protocol";

/** What is trained. */
export interface MemoryTask {
  readonly model: "wide perceptron" | "perceptron" | "CNN" | "tiny";
  readonly scope: ParameterScope;
  readonly optimizer: "sgd" | "adam";
  readonly batchSize: number;
  readonly stepCount: number;
}

/** ONNX with fresh weights. */
export function modelOf(name: MemoryTask["model"]): Uint8Array {
  const random = createSeededRandom("plan-report");
  if (name === "CNN") {
    const convolutions = [
      { filters: 64, kernel: 5, pool: 2 },
      { filters: 128, kernel: 5 },
      { filters: 128, kernel: 3 },
    ];
    const shape = { channels: 6, length: 128, convolutions, dense: [64], classCount: 6 };
    return buildCnn1d({ ...shape, reduce: "average" }, random);
  }
  if (name === "tiny") return buildPerceptron({ inputSize: 4, hidden: [], classCount: 2 }, random);
  const hidden = name === "perceptron" ? [256, 128] : [2048, 512];
  return buildPerceptron({ inputSize: 561, hidden, classCount: 6 }, random);
}

/** Its plan. */
export const planOf = (
  task: Omit<MemoryTask, "model" | "stepCount">,
  engine: "node" | "wasm",
): TrainingPlan => ({
  scope: task.scope,
  loss: { kind: "crossEntropy" },
  optimizer: { kind: task.optimizer },
  lowering: { engine, batchSize: task.batchSize },
});

/** One slice of it; every element is written, because memory counts when it is. */
export function sliceOf(
  { stepCount, batchSize }: MemoryTask,
  sampleDims: readonly number[],
): TrainingSlice & { readonly data: Float32Array; readonly truth: Int32Array } {
  const samples = stepCount * batchSize;
  return {
    stepCount,
    batchSize,
    data: new Float32Array(samples * elementCount(sampleDims)).fill(0.5),
    truth: new Int32Array(samples),
    learningRate: 0.01,
  };
}
