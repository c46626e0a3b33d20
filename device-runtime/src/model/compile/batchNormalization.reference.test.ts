// Training by the batch against an engine that shares nothing with ours: layers of TensorFlow.js, trained and served on its CPU backend.
import { elementCount, unwrap } from "@attune/protocol";
import type { Tensor } from "@tensorflow/tfjs";
import { expect, it } from "vitest";
import { inputValues } from "../../../test/modelWriter.ts";
import { relativeDifference } from "../../../test/torchParityCase.ts";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { buildNetwork } from "../build/buildNetwork.ts";
import { patchParameters, readParameters } from "../parameters/parameterBytes.ts";
import { createPredictor } from "../session/createPredictor.ts";
import { createTrainer } from "../session/createTrainer.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import { compileServing } from "./compileServing.ts";
import { compileTraining } from "./compileTraining.ts";

const BATCH = 6;
const STEPS = 8;
const CHANNELS = 3;
const LENGTH = 10;
const CLASSES = 3;
const FILTERS = 4;
const RATE = 0.1;
/** Values a channel and batch. */
const COUNT = BATCH * LENGTH;
/** PyTorch counts the variance into the running one with n - 1 below, Keras with n. */
const UNBIASED = COUNT / (COUNT - 1);

it("[TC48] trains, counts and serves as layers of TensorFlow.js do", async () => {
  const { default: tf } = await import("@tensorflow/tfjs");
  await tf.setBackend("cpu");
  const model = buildNetwork(
    {
      input: [CHANNELS, LENGTH],
      layers: [
        { kind: "convolution", filters: FILTERS, kernel: 3 },
        { kind: "batchNormalization", momentum: 0.8 },
        { kind: "activation", activation: "tanh" },
        { kind: "globalAveragePool" },
        { kind: "dense", units: CLASSES, name: "head" },
      ],
    },
    createSeededRandom("layers"),
  );
  const begun = unwrap(readParameters(model));
  const data = inputValues([STEPS, BATCH, CHANNELS, LENGTH]);
  const labels = Array.from({ length: STEPS * BATCH }, (_, at) => (at * 7) % CLASSES);

  const convolution = tf.layers.conv1d({ filters: FILTERS, kernelSize: 3, padding: "same" });
  const normalization = tf.layers.batchNormalization({ momentum: 0.8, epsilon: 1e-5 });
  const head = tf.layers.dense({ units: CLASSES });
  const rival = tf.sequential({
    layers: [
      tf.layers.inputLayer({ inputShape: [LENGTH, CHANNELS] }),
      convolution,
      normalization,
      tf.layers.activation({ activation: "tanh" }),
      tf.layers.globalAveragePooling1d({}),
      head,
    ],
  });
  const value = (name: string): Tensor => {
    const tensor = begun.find((one) => one.name === name);
    return tf.tensor(tensor?.data ?? [], [...(tensor?.dims ?? [])]);
  };
  convolution.setWeights([value("conv1.weight").transpose([2, 1, 0]), value("conv1.bias")]);
  // Its statistics are the same line with the variance in another unit.
  const variance = value("norm1.variance").div(UNBIASED);
  const moments = [value("norm1.mean"), variance];
  normalization.setWeights([value("norm1.scale"), value("norm1.shift"), ...moments]);
  head.setWeights([value("head.weight").transpose(), value("head.bias")]);
  rival.compile({
    optimizer: tf.train.sgd(RATE),
    loss: (truth: Tensor, logits: Tensor) => tf.losses.softmaxCrossEntropy(truth, logits),
  });
  const size = BATCH * CHANNELS * LENGTH;
  const batch = (step: number): Tensor =>
    tf
      .tensor3d(data.subarray(step * size, (step + 1) * size), [BATCH, CHANNELS, LENGTH])
      .transpose([0, 2, 1]);
  const losses: number[] = [];
  for (let step = 0; step < STEPS; step += 1) {
    const own = labels.slice(step * BATCH, (step + 1) * BATCH);
    const truth = tf.oneHot(tf.tensor1d(own, "int32"), CLASSES);
    losses.push((await rival.trainOnBatch(batch(step), truth)) as number);
  }
  const numbers = (tensor: Tensor | undefined): Float32Array =>
    (tensor?.dataSync() ?? new Float32Array()) as Float32Array;
  const [kernel, bias] = convolution.getWeights();
  const [scale, shift, mean, biased] = normalization.getWeights();
  const [weight, offset] = head.getWeights();
  const expected = new Map([
    ["conv1.weight", numbers(kernel?.transpose([2, 1, 0]))],
    ["conv1.bias", numbers(bias)],
    ["norm1.scale", numbers(scale)],
    ["norm1.shift", numbers(shift)],
    ["norm1.mean", numbers(mean)],
    ["norm1.variance", numbers(biased).map((one) => one * UNBIASED)],
    ["head.weight", numbers(weight?.transpose())],
    ["head.bias", numbers(offset)],
  ]);

  const runtime = await loadNodeOrt();
  const compiled = unwrap(
    compileTraining(model, {
      scope: "all",
      loss: { kind: "crossEntropy" },
      optimizer: { kind: "sgd" },
      batchNormalization: "train",
    }),
  );
  const trainer = await createTrainer(runtime, compiled);
  const trained = await trainer.run(trainer.begin(begun), {
    stepCount: STEPS,
    batchSize: BATCH,
    data,
    truth: Int32Array.from(labels),
    learningRate: RATE,
  });
  await trainer.release();
  expect(relativeDifference(trained.losses, Float32Array.from(losses))).toBeLessThanOrEqual(1e-5);
  const { parameters } = trained.state;
  expect(parameters.map(({ name }) => name)).toEqual([...expected.keys()].sort());
  // A bias in front of a normalisation by the batch has no gradient: both engines give the rounding of none.
  const biases = ["conv1.bias"].flatMap((name) => [
    ...(parameters.find((one) => one.name === name)?.data ?? [1]),
    ...(expected.get(name) ?? [1]),
  ]);
  expect(Math.max(...biases.map(Math.abs))).toBeLessThan(1e-6);
  for (const { name, data: own } of parameters.filter((one) => one.name !== "conv1.bias")) {
    const theirs = expected.get(name) ?? new Float32Array();
    expect(relativeDifference(own, theirs), name).toBeLessThanOrEqual(2e-5);
  }

  // In use both normalise by what they have counted; theirs in our unit.
  const moved = tf.tensor1d(numbers(biased).map((one) => one * UNBIASED));
  normalization.setWeights([scale, shift, mean, moved].filter((one) => one !== undefined));
  const served = numbers(rival.predict(batch(0)) as Tensor);
  const patched = unwrap(patchParameters(model, parameters));
  const predictor = await createPredictor(runtime, unwrap(compileServing(patched)));
  const logits = new Float32Array(BATCH * CLASSES);
  await predictor.predict(data.subarray(0, size), BATCH, [], { logits });
  await predictor.release();
  expect(elementCount([BATCH, CLASSES])).toBe(served.length);
  expect(relativeDifference(logits, served)).toBeLessThanOrEqual(2e-5);
});
