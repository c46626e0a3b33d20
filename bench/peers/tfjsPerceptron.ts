// The perceptron in TensorFlow.js, trained as its guide says: variables, a loss, an optimizer. It must not do less than the rivals do.
import type { ParameterSet } from "@attune/protocol";
import type { Tensor, Variable } from "@tensorflow/tfjs";

/** Engines of TensorFlow.js. */
export type TfjsBackend = "cpu" | "wasm";

/** What every rival trains. */
export interface PerceptronTask {
  readonly inputSize: number;
  readonly classCount: number;
  readonly batchSize: number;
  /** Batches to go round in. */
  readonly batchCount: number;
  /** `[batchCount, batchSize, inputSize]`. */
  readonly data: Float32Array;
  /** `[batchCount, batchSize]`. */
  readonly labels: Int32Array;
  /** Names as `buildPerceptron` gives them; weights are `[outputs, inputs]`. */
  readonly parameters: ParameterSet;
  readonly learningRate: number;
}

/** A rival that is ready to train. */
export interface TfjsPerceptron {
  /** Trains the next `stepCount` batches and returns their losses. */
  train(stepCount: number): Promise<readonly number[]>;
  release(): void;
}

/** Loads TensorFlow.js, which is heavy, only when it is raced against. */
export async function createTfjsPerceptron(
  backend: TfjsBackend,
  task: PerceptronTask,
): Promise<TfjsPerceptron> {
  const { default: tf } = await import("@tensorflow/tfjs");
  if (backend === "wasm") await import("@tensorflow/tfjs-backend-wasm");
  if (!(await tf.setBackend(backend)))
    throw new Error(`tfjs does not start its ${backend} backend`);
  await tf.ready();

  const variable = (name: string): Variable => {
    const tensor = task.parameters.find((one) => one.name === name);
    if (tensor === undefined) throw new Error(`no parameter ${name}`);
    const [outputs = 1, inputs] = tensor.dims;
    const values = tf.tensor(tensor.data, [...tensor.dims]);
    // TensorFlow keeps weights as [inputs, outputs].
    const own = inputs === undefined ? values : values.transpose();
    return tf.variable(own.clone(), true, `${backend}.${name}.${outputs}`);
  };
  const hiddenWeight = variable("hidden1.weight");
  const hiddenBias = variable("hidden1.bias");
  const headWeight = variable("head.weight");
  const headBias = variable("head.bias");
  const all = [hiddenWeight, hiddenBias, headWeight, headBias];

  const { batchSize, inputSize, classCount } = task;
  const batches: { data: Tensor; truth: Tensor }[] = [];
  for (let batch = 0; batch < task.batchCount; batch += 1) {
    const from = batch * batchSize;
    const labels = task.labels.slice(from, from + batchSize);
    batches.push({
      data: tf.tensor2d(task.data.slice(from * inputSize, (from + batchSize) * inputSize), [
        batchSize,
        inputSize,
      ]),
      truth: tf.oneHot(tf.tensor1d(labels, "int32"), classCount).toFloat(),
    });
  }
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
          () => {
            const hidden = tf.relu(batch.data.matMul(hiddenWeight).add(hiddenBias));
            const logits = hidden.matMul(headWeight).add(headBias);
            return tf.losses.softmaxCrossEntropy(batch.truth, logits).asScalar();
          },
          true,
          all,
        );
        losses.push(loss?.dataSync()[0] ?? Number.NaN);
        loss?.dispose();
      }
      return losses;
    },
    release() {
      for (const one of all) one.dispose();
      for (const { data, truth } of batches) {
        data.dispose();
        truth.dispose();
      }
    },
  };
}
