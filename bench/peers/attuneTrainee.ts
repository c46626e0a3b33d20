// This project as a rival: compiled training, and inference for comparison, on whichever ONNX Runtime is handed in.
import {
  compileServing,
  compileTraining,
  createPredictor,
  createTrainer,
  type OrtRuntime,
  type TrainingPlan,
  type TrainingState,
} from "@attune/device-runtime/model";
import { elementCount, unwrap } from "@attune/protocol";
import type { Trainee } from "./trainee.ts";
import type { TrainingTask } from "./trainingTask.ts";

/** Trains with a scope; any number of steps of a task in one run of the engine. */
export async function createAttuneTrainee(
  runtime: OrtRuntime,
  task: TrainingTask,
  plan: Pick<TrainingPlan, "scope"> & Partial<TrainingPlan>,
): Promise<Trainee> {
  const compiled = unwrap(
    compileTraining(task.model, {
      loss: { kind: "crossEntropy" },
      optimizer: { kind: "sgd" },
      ...plan,
    }),
  );
  const trainer = await createTrainer(runtime, compiled);
  const sampleSize = elementCount(task.spec.input);
  let state: TrainingState = trainer.begin(task.parameters);
  let next = 0;
  return {
    async train(stepCount) {
      const from = (next % task.batchCount) * task.batchSize;
      const to = from + stepCount * task.batchSize;
      next += stepCount;
      const trained = await trainer.run(state, {
        stepCount,
        batchSize: task.batchSize,
        data: task.data.subarray(from * sampleSize, to * sampleSize),
        truth: task.labels.subarray(from, to),
        learningRate: task.learningRate,
      });
      state = trained.state;
      return [...trained.losses];
    },
    release: () => trainer.release(),
  };
}

/** Predicts a batch a step: what a device does anyway, to see what learning adds. */
export async function createAttunePredictor(
  runtime: OrtRuntime,
  task: TrainingTask,
): Promise<Trainee> {
  const compiled = unwrap(compileServing(task.model));
  const predictor = await createPredictor(runtime, compiled);
  const logits = new Float32Array(task.batchSize * compiled.logitCount);
  const batchLength = task.batchSize * elementCount(task.spec.input);
  let next = 0;
  return {
    async train(stepCount) {
      for (let step = 0; step < stepCount; step += 1) {
        const from = (next % task.batchCount) * batchLength;
        next += 1;
        await predictor.predict(task.data.subarray(from, from + batchLength), task.batchSize, [], {
          logits,
        });
      }
      return [];
    },
    release: () => predictor.release(),
  };
}
