// Gradients of convolutional networks in two dimensions against TensorFlow.js, which shares nothing with ours.
import { unwrap } from "@attune/protocol";
import type { Tensor, Tensor4D } from "@tensorflow/tfjs";
import { beforeAll, expect, it } from "vitest";
import { batchFor, modelGradients } from "../../../test/modelCheck.ts";
import { createModelWriter, type ModelWriter } from "../../../test/modelWriter.ts";
import { relativeDifference } from "../../../test/torchParityCase.ts";
import { float, integer, integers } from "../graph/graphEmitter.ts";
import { readParameters } from "../parameters/parameterBytes.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import { compileTraining } from "./compileTraining.ts";

const { default: tf } = await import("@tensorflow/tfjs");
const runtime = await loadNodeOrt();
const BATCH = 3;
const loss = { kind: "meanSquaredError" } as const;

beforeAll(() => tf.setBackend("cpu"));

/** A parameter by its name, as TensorFlow.js holds it. */
type Values = (name: string) => Tensor;

/** Channels last, as TensorFlow.js computes. */
const lastOf = (value: Tensor): Tensor4D => value.transpose([0, 2, 3, 1]) as Tensor4D;
const firstOf = (value: Tensor): Tensor4D => value.transpose([0, 3, 1, 2]) as Tensor4D;
/** `[filters, channels, h, w]` as `[h, w, channels, filters]`. */
const kernelOf = (value: Tensor): Tensor4D => value.transpose([2, 3, 1, 0]) as Tensor4D;
const perChannel = (value: Tensor): Tensor => value.reshape([1, -1, 1, 1]);

/** A kernel with zeros between its taps: TensorFlow.js has no gradient of dilated convolutions. */
function spread(kernel: Tensor4D, dilation: number): Tensor4D {
  const [height, width, channels, filters] = kernel.shape;
  const gap: [number, number] = [0, dilation - 1];
  return tf
    .pad(kernel.reshape([height, 1, width, 1, channels * filters]), [
      [0, 0],
      gap,
      [0, 0],
      gap,
      [0, 0],
    ])
    .reshape<Tensor4D>([height * dilation, width * dilation, channels, filters])
    .slice([0, 0, 0, 0], [(height - 1) * dilation + 1, (width - 1) * dilation + 1, -1, -1]);
}

/** Largest difference of any parameter's gradient from the one that TensorFlow.js finds. */
async function worstDifference(
  model: Uint8Array,
  forward: (data: Tensor4D, values: Values) => Tensor,
): Promise<number> {
  const found = await modelGradients(runtime, { model, scope: "all", loss, batchSize: BATCH });
  const compiled = unwrap(
    compileTraining(model, { scope: "all", loss, optimizer: { kind: "sgd" } }),
  );
  const batch = batchFor(compiled, BATCH);
  const parameters = unwrap(readParameters(model)).filter(({ name }) =>
    found.some((gradient) => gradient.name === name),
  );
  const data = tf.tensor4d(batch.data, [BATCH, ...compiled.sampleDims] as [number, 3, 3, 3]);
  const oracle = tf.grads((...tensors: Tensor[]) => {
    const output = forward(data, (name) => {
      const tensor = tensors[parameters.findIndex((parameter) => parameter.name === name)];
      if (tensor === undefined) throw new Error(`no parameter ${name}`);
      return tensor;
    });
    const truth = tf.tensor(batch.truth as Float32Array, output.shape);
    return tf.losses.meanSquaredError(truth, output).asScalar();
  })(parameters.map(({ dims, data: own }) => tf.tensor(own, [...dims])));
  expect(found.length).toBe(parameters.length);
  return Math.max(
    ...parameters.map(({ name }, index) =>
      relativeDifference(
        found.find((gradient) => gradient.name === name)?.data ?? [],
        oracle[index]?.dataSync() ?? [],
      ),
    ),
  );
}

const conv = (
  write: ModelWriter,
  value: string,
  name: string,
  dims: readonly number[],
  attributes: Parameters<ModelWriter["node"]>[2],
): string =>
  write.node(
    "Conv",
    [value, write.weight(`${name}.weight`, dims), write.weight(`${name}.bias`, dims.slice(0, 1))],
    attributes,
  );

it("[TC6] a convolutional autoencoder with ConvTranspose", async () => {
  const write = createModelWriter(17, ["batch", 1, 8, 8]);
  const halves = { strides: integers([2, 2]), pads: integers([1, 1, 1, 1]) };
  let value = write.node("Relu", [conv(write, "x", "in1", [4, 1, 4, 4], halves)]);
  value = write.node("Relu", [conv(write, value, "in2", [6, 4, 4, 4], halves)]);
  for (const [name, from, to] of [
    ["out1", 6, 4],
    ["out2", 4, 1],
  ] as const) {
    const weight = write.weight(`${name}.weight`, [from, to, 4, 4]);
    value = write.node(
      "ConvTranspose",
      [value, weight, write.weight(`${name}.bias`, [to])],
      halves,
    );
    if (name === "out1") value = write.node("Relu", [value]);
  }
  const model = write.finish(value);
  const difference = await worstDifference(model, (data, get) => {
    const down = (input: Tensor4D, name: string): Tensor4D =>
      tf
        .conv2d(input, kernelOf(get(`${name}.weight`)), 2, "same")
        .add(get(`${name}.bias`))
        .relu();
    const up = (input: Tensor4D, name: string, size: number, filters: number): Tensor4D =>
      tf
        .conv2dTranspose(
          input,
          get(`${name}.weight`).transpose([2, 3, 1, 0]),
          [BATCH, size, size, filters],
          2,
          "same",
        )
        .add(get(`${name}.bias`));
    const small = down(down(lastOf(data), "in1"), "in2");
    return firstOf(up(up(small, "out1", 4, 4).relu(), "out2", 8, 1));
  });
  expect(difference).toBeLessThanOrEqual(1e-5);
});

it("[TC6] a dilated residual network with group normalization as exporters write it", async () => {
  const write = createModelWriter(17, ["batch", 3, 9, 9]);
  const same = (dilation: number) => ({
    dilations: integers([dilation, dilation]),
    pads: integers([dilation, dilation, dilation, dilation]),
  });
  const grouped = (value: string, name: string): string => {
    const shape = write.integers(`${name}.groups`, [3], [0, 2, -1]);
    const normalized = write.node(
      "InstanceNormalization",
      [
        write.node("Reshape", [value, shape]),
        write.floats(`${name}.ones`, [2], [1, 1]),
        write.floats(`${name}.zeros`, [2], [0, 0]),
      ],
      { epsilon: float(1e-5) },
    );
    const back = write.node("Reshape", [
      normalized,
      write.integers(`${name}.whole`, [4], [-1, 4, 9, 9]),
    ]);
    const scaled = write.node("Mul", [back, write.weight(`${name}.scale`, [4, 1, 1])]);
    return write.node("Add", [scaled, write.weight(`${name}.shift`, [4, 1, 1])]);
  };
  const first = conv(write, "x", "c1", [4, 3, 3, 3], same(1));
  const branch = write.node("Relu", [grouped(first, "n1")]);
  const second = grouped(conv(write, branch, "c2", [4, 4, 3, 3], same(2)), "n2");
  const sum = write.node("Relu", [write.node("Add", [second, first])]);
  const pooled = write.node("MaxPool", [sum], {
    kernel_shape: integers([3, 3]),
    strides: integers([2, 2]),
  });
  const model = write.finish(conv(write, pooled, "c3", [2, 4, 1, 1], {}));
  const difference = await worstDifference(model, (data, get) => {
    const convolved = (input: Tensor4D, name: string, dilation: number): Tensor4D =>
      tf
        .conv2d(input, spread(kernelOf(get(`${name}.weight`)), dilation), 1, "same")
        .add(get(`${name}.bias`));
    const normalized = (input: Tensor4D, name: string): Tensor4D => {
      const groups = firstOf(input).reshape([BATCH, 2, -1]);
      const { mean, variance } = tf.moments(groups, 2, true);
      const unit = groups.sub(mean).div(variance.add(1e-5).sqrt()).reshape([BATCH, 4, 9, 9]);
      return lastOf(unit.mul(get(`${name}.scale`)).add(get(`${name}.shift`)));
    };
    const one = convolved(lastOf(data), "c1", 1);
    const two = normalized(convolved(normalized(one, "n1").relu(), "c2", 2), "n2");
    const largest = tf.maxPool(two.add(one).relu<Tensor4D>(), 3, 2, "valid");
    return firstOf(convolved(largest, "c3", 1));
  });
  expect(difference).toBeLessThanOrEqual(1e-5);
});

it("[TC6] depthwise convolutions normalized by their batch, and an average pool that overlaps", async () => {
  const write = createModelWriter(17, ["batch", 4, 8, 6]);
  const deep = write.node("Conv", ["x", write.weight("deep.weight", [4, 1, 3, 3])], {
    group: integer(4),
    pads: integers([1, 1, 1, 1]),
  });
  write.nodeOf(
    "BatchNormalization",
    [
      deep,
      write.weight("norm.scale", [4]),
      write.weight("norm.shift", [4]),
      write.floats("norm.mean", [4], [0, 0, 0, 0]),
      write.floats("norm.variance", [4], [1, 1, 1, 1]),
    ],
    ["normalized", "running.mean", "running.variance"],
    { training_mode: integer(1), epsilon: float(1e-3) },
  );
  const pooled = write.node("AveragePool", [write.node("Relu", ["normalized"])], {
    kernel_shape: integers([3, 3]),
    strides: integers([2, 1]),
  });
  const model = write.finish(conv(write, pooled, "wide", [5, 4, 1, 1], {}));
  const difference = await worstDifference(model, (data, get) => {
    const kernel = get("deep.weight").transpose([2, 3, 0, 1]) as Tensor4D;
    const deepened = firstOf(tf.depthwiseConv2d(lastOf(data), kernel, 1, "same"));
    const { mean, variance } = tf.moments(deepened, [0, 2, 3], true);
    const normalized = deepened
      .sub(mean)
      .div(variance.add(1e-3).sqrt())
      .mul(perChannel(get("norm.scale")))
      .add(perChannel(get("norm.shift")));
    const averaged = tf.avgPool(lastOf(normalized.relu()), 3, [2, 1], "valid");
    const wide = tf.conv2d(averaged, kernelOf(get("wide.weight")), 1, "valid");
    return firstOf(wide.add(get("wide.bias")));
  });
  expect(difference).toBeLessThanOrEqual(1e-5);
});
