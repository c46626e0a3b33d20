// TensorFlow.js as a rival, trained as its guide says: variables, a loss, an optimizer. It must not do less than the rivals do.
import { createTfjsNetwork, type Tfjs } from "./tfjsNetwork.ts";
import type { Trainee } from "./trainee.ts";
import type { TrainingTask } from "./trainingTask.ts";

/** Engines of TensorFlow.js. */
export type TfjsBackend = "cpu" | "wasm";

/** TensorFlow.js with both engines registered: heavy, so it is loaded only where it is raced against. */
export async function loadTfjs(wasmFolder?: string): Promise<Tfjs> {
  const tf = await import("@tensorflow/tfjs");
  const wasm = await import("@tensorflow/tfjs-backend-wasm");
  if (wasmFolder !== undefined) wasm.setWasmPaths(wasmFolder);
  return tf;
}

/** A network of a task that trains on one of its engines. */
export async function createTfjsTrainee(
  tf: Tfjs,
  backend: TfjsBackend,
  task: TrainingTask,
): Promise<Trainee> {
  if (!(await tf.setBackend(backend)))
    throw new Error(`tfjs does not start its ${backend} backend`);
  await tf.ready();
  const network = createTfjsNetwork(tf, task);
  const batches = Array.from({ length: task.batchCount }, (_, index) => network.batch(index));
  const optimizer = tf.train.sgd(task.learningRate);
  let next = 0;
  return {
    async train(stepCount) {
      await tf.setBackend(backend);
      const losses: number[] = [];
      for (let step = 0; step < stepCount; step += 1) {
        const batch = batches[next % batches.length];
        if (batch === undefined) throw new Error("no batches");
        next += 1;
        const loss = optimizer.minimize(
          () => tf.losses.softmaxCrossEntropy(batch.truth, network.forward(batch.data)).asScalar(),
          true,
          [...network.variables],
        );
        losses.push(loss?.dataSync()[0] ?? Number.NaN);
        loss?.dispose();
      }
      return losses;
    },
    release() {
      for (const one of network.variables) one.dispose();
      for (const { data, truth } of batches) {
        data.dispose();
        truth.dispose();
      }
    },
  };
}
