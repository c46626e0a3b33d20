// Compiled gradients against an engine that shares nothing with ours: TensorFlow.js on its CPU backend.
import { type ParameterTensor, unwrap } from "@attune/protocol";
import type { Tensor, Tensor3D } from "@tensorflow/tfjs";
import { expect, it } from "vitest";
import { runStep } from "../../../test/stepRunner.ts";
import { relativeDifference } from "../../../test/torchParityCase.ts";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { buildCnn1d } from "../build/buildCnn1d.ts";
import { readParameters } from "../parameters/parameterBytes.ts";
import { createTrainer } from "../session/createTrainer.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import { compileTraining } from "./compileTraining.ts";

const BATCH = 5;
const CHANNELS = 3;
const LENGTH = 24;
const CLASSES = 4;
/** Filters, kernel, stride, pool. */
const convolutions = [
  { filters: 6, kernel: 5, pool: 2 },
  { filters: 8, kernel: 3, stride: 2 },
] as const;

it("[TC6] a convolutional network has the loss and gradients that TensorFlow.js finds", async () => {
  const { default: tf } = await import("@tensorflow/tfjs");
  await tf.setBackend("cpu");
  const model = buildCnn1d(
    {
      channels: CHANNELS,
      length: LENGTH,
      convolutions,
      reduce: "average",
      dense: [7],
      classCount: CLASSES,
    },
    createSeededRandom("oracle"),
  );
  const random = createSeededRandom("oracle data");
  const data = Float32Array.from(
    { length: BATCH * CHANNELS * LENGTH },
    () => random.nextUint32() / 2 ** 31 - 1,
  );
  const labels = Array.from({ length: BATCH }, (_, sample) => sample % CLASSES);
  const parameters = unwrap(readParameters(model));

  const names = parameters.map(({ name }) => name);
  const loss = (...values: Tensor[]): Tensor => {
    const value = (name: string): Tensor => values[names.indexOf(name)] as Tensor;
    let x = tf.tensor3d(data, [BATCH, CHANNELS, LENGTH]).transpose<Tensor3D>([0, 2, 1]);
    convolutions.forEach((one, index) => {
      const weight = value(`conv${index + 1}.weight`).transpose<Tensor3D>([2, 1, 0]);
      const stride = "stride" in one ? one.stride : 1;
      const pad = (one.kernel - 1) / 2;
      // "same" would pad a strided convolution at the end only.
      const padded = tf.pad3d(x, [
        [0, 0],
        [pad, pad],
        [0, 0],
      ]);
      x = tf
        .conv1d(padded, weight, stride, "valid")
        .add(value(`conv${index + 1}.bias`))
        .relu();
      if ("pool" in one) {
        const image = x.expandDims<Tensor>(1) as Parameters<typeof tf.maxPool>[0];
        x = tf.maxPool(image, [1, one.pool], [1, one.pool], "valid").squeeze([1]);
      }
    });
    const hidden = x
      .mean(1)
      .matMul(value("hidden1.weight"), false, true)
      .add(value("hidden1.bias"));
    const logits = hidden.relu().matMul(value("head.weight"), false, true).add(value("head.bias"));
    const truth = tf.oneHot(tf.tensor1d(labels, "int32"), CLASSES);
    return tf.losses.softmaxCrossEntropy(truth, logits);
  };
  const oracle = tf.valueAndGrads((...values: Tensor[]) => loss(...values).asScalar())(
    parameters.map(({ dims, data: values }) => tf.tensor(values, [...dims])),
  );
  const expected: ParameterTensor[] = parameters.map(({ name, dims }, index) => ({
    name,
    dims,
    data: oracle.grads[index]?.dataSync() as Float32Array,
  }));

  const runtime = await loadNodeOrt();
  const compiled = unwrap(
    compileTraining(model, {
      scope: "all",
      loss: { kind: "crossEntropy" },
      optimizer: { kind: "sgd" },
    }),
  );
  const trainer = await createTrainer(runtime, compiled);
  const graph = await runtime.load(compiled.step);
  const found = await runStep(graph, compiled, trainer.begin(parameters), {
    batchSize: BATCH,
    data,
    truth: BigInt64Array.from(labels, BigInt),
    learningRate: 0,
  });
  await graph.release();
  await trainer.release();
  expect(found.loss).toBeCloseTo(oracle.value.dataSync()[0] ?? 0, 5);
  for (const { name, data: gradient } of expected) {
    const own = found.gradients.find((one) => one.name === name)?.data ?? [];
    expect(relativeDifference(own, gradient), name).toBeLessThanOrEqual(1e-5);
  }
});
