// Drives a step graph by hand, one run a step, as the epoch graph does inside. For tests only.
import type { ParameterTensor } from "@attune/protocol";
import type { CompiledTraining } from "../src/model/compile/compileTraining.ts";
import { trainingNames } from "../src/model/compile/trainingNames.ts";
import type { TrainingState } from "../src/model/session/createTrainer.ts";
import type { OrtGraph, OrtTensor } from "../src/model/session/ortRuntime.ts";
import { type SampleData, sampleTensors } from "../src/model/session/sampleData.ts";

/** One batch. */
export interface StepBatch {
  readonly batchSize: number;
  readonly data: SampleData;
  readonly truth: BigInt64Array | Float32Array;
  readonly sampleWeights?: Float32Array;
  readonly learningRate: number;
}

/** What one run of a step graph gives. */
export interface StepResult {
  readonly state: TrainingState;
  readonly loss: number;
  readonly gradients: readonly ParameterTensor[];
}

/** Runs one step. */
export async function runStep(
  graph: OrtGraph,
  compiled: CompiledTraining,
  state: TrainingState,
  batch: StepBatch,
): Promise<StepResult> {
  const { batchSize } = batch;
  const float = (dims: readonly number[], data: Float32Array): OrtTensor => ({
    type: "float32",
    dims,
    data,
  });
  const truthDims = [batchSize, ...compiled.truth.dims];
  const inputs: Record<string, OrtTensor> = {
    [trainingNames.truth]:
      batch.truth instanceof Float32Array
        ? float(truthDims, batch.truth)
        : { type: "int64", dims: truthDims, data: batch.truth },
    [trainingNames.learningRate]: float([], Float32Array.of(batch.learningRate)),
    [trainingNames.stepCount]: {
      type: "int64",
      dims: [],
      data: BigInt64Array.of(BigInt(state.stepCount)),
    },
  };
  compiled.inputs.forEach(({ name }, index) => {
    const [tensor] = sampleTensors(
      compiled.inputs.slice(index, index + 1),
      ArrayBuffer.isView(batch.data) ? { [name]: batch.data } : batch.data,
      [batchSize],
      "trainer.shape_mismatch",
    );
    if (tensor !== undefined) inputs[trainingNames.dataOf(name, index)] = tensor;
  });
  if (batch.sampleWeights !== undefined) {
    inputs[trainingNames.sampleWeights] = float([batchSize], batch.sampleWeights);
  }
  for (const { name, dims, data } of state.parameters) {
    inputs[trainingNames.parameter(name)] = float(dims, data);
  }
  for (const { name, dims, data } of state.optimizer) inputs[`train:${name}`] = float(dims, data);
  for (const { name, dims, data } of state.base) {
    inputs[trainingNames.base(name)] = float(dims, data);
  }
  const outputs = [
    trainingNames.loss,
    ...state.parameters.map(({ name }) => trainingNames.nextParameter(name)),
    ...compiled.parameters.map(({ name }) => trainingNames.gradient(name)),
    ...state.optimizer.map(({ name }) => `train:next:${name}`),
  ];
  const results = await graph.run(inputs, outputs);
  const read = (name: string): Float32Array => results[name]?.data as Float32Array;
  return {
    loss: read(trainingNames.loss)[0] ?? Number.NaN,
    gradients: compiled.parameters.map(({ name, dims }) => ({
      name,
      dims,
      data: read(trainingNames.gradient(name)),
    })),
    state: {
      stepCount: state.stepCount + 1,
      parameters: state.parameters.map(({ name, dims }) => ({
        name,
        dims,
        data: read(trainingNames.nextParameter(name)),
      })),
      optimizer: state.optimizer.map(({ name, dims }) => ({
        name,
        dims,
        data: read(`train:next:${name}`),
      })),
      base: state.base,
    },
  };
}
