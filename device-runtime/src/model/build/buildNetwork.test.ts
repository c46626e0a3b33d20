// Each layer computes what its docstring says, in the real engine, and the whole of them learns.
import { unwrap } from "@attune/protocol";
import { describe, expect, it } from "vitest";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { gaussian } from "../../ports/random.ts";
import { compileServing } from "../compile/compileServing.ts";
import { listParameters } from "../parameters/listParameters.ts";
import { readParameters } from "../parameters/parameterBytes.ts";
import { createPredictor } from "../session/createPredictor.ts";
import { fitModel } from "../session/fitModel.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import { buildNetwork } from "./buildNetwork.ts";
import type { Activation, LayerSpec, NetworkSpec } from "./networkSpec.ts";

const runtime = await loadNodeOrt();

/** Runs a built network on two samples and gives the second one's output, its shape, and the parameters. */
async function run(spec: NetworkSpec) {
  const model = buildNetwork(spec, createSeededRandom(1));
  const size = spec.input.reduce((all, one) => all * one, 1);
  const random = createSeededRandom(2);
  const data = Float32Array.from({ length: 2 * size }, () => gaussian(random));
  const graph = await runtime.load(model);
  const output = spec.output ?? "logits";
  const results = await graph.run({ data: { type: "float32", dims: [2, ...spec.input], data } }, [
    output,
  ]);
  await graph.release();
  const { dims = [], data: values = [] } = results[output] ?? {};
  const parameters = new Map(
    unwrap(readParameters(model)).map(({ name, data: numbers }) => [name, Array.from(numbers)]),
  );
  const all = Array.from(values as Float32Array);
  return {
    sample: Array.from(data.subarray(size)),
    values: all.slice(all.length / 2),
    dims,
    parameters,
  };
}

/** Numbers as the engine's floats may be off from them. */
const near = (numbers: readonly number[]) => numbers.map((one) => expect.closeTo(one, 4));

const erf = (x: number): number => {
  // Taylor series, exact to double precision for the small arguments here.
  let term = x;
  let sum = x;
  for (let n = 1; n < 60; n += 1) {
    term *= -(x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
};
const logistic = (x: number): number => 1 / (1 + Math.exp(-x));

describe("[TC17] layers", () => {
  it.each<[Activation, (x: number) => number]>([
    ["none", (x) => x],
    ["relu", (x) => Math.max(0, x)],
    ["leakyRelu", (x) => (x < 0 ? 0.01 * x : x)],
    ["silu", (x) => x * logistic(x)],
    ["gelu", (x) => (x / 2) * (1 + erf(x / Math.SQRT2))],
    ["hardSwish", (x) => x * Math.min(1, Math.max(0, x / 6 + 0.5))],
    ["tanh", Math.tanh],
    ["sigmoid", logistic],
  ])("computes %s", async (activation, expected) => {
    const { sample, values } = await run({
      input: [7],
      layers: [{ kind: "flatten" }, { kind: "activation", activation }],
    });
    expect(values).toEqual(near(sample.map(expected)));
  });

  it("multiplies dense layers over the last axis", async () => {
    const { sample, values, dims, parameters } = await run({
      input: [2, 3],
      layers: [{ kind: "dense", units: 2 }],
    });
    expect(dims).toEqual([2, 2, 2]);
    const weight = parameters.get("dense1.weight") ?? [];
    const expected = [0, 1].flatMap((row) =>
      [0, 1].map((unit) =>
        [0, 1, 2].reduce(
          (sum, at) => sum + (sample[3 * row + at] ?? 0) * (weight[2 * at + unit] ?? 0),
          0,
        ),
      ),
    );
    expect(values).toEqual(near(expected));
  });

  it("looks words up, and adds a vector for each place", async () => {
    const layers: LayerSpec[] = [{ kind: "embedding", entries: 5, units: 2, positions: true }];
    const model = buildNetwork({ input: [3], layers }, createSeededRandom(1));
    const graph = await runtime.load(model);
    const data = BigInt64Array.of(4n, 0n, 4n);
    const results = await graph.run({ data: { type: "int64", dims: [1, 3], data } }, ["logits"]);
    await graph.release();
    const { dims = [], data: values = [] } = results["logits"] ?? {};
    const valueOf = (name: string) =>
      unwrap(readParameters(model)).find((one) => one.name === name)?.data ?? new Float32Array();
    const [table, places] = [valueOf("embedding1.weight"), valueOf("embedding1.positions")];
    expect(dims).toEqual([1, 3, 2]);
    expect(Array.from(values as Float32Array)).toEqual(
      near([8, 9, 0, 1, 8, 9].map((from, at) => (table[from] ?? 0) + (places[at] ?? 0))),
    );
  });

  it("convolves two axes depthwise, with stride and dilation", async () => {
    const { sample, values, dims, parameters } = await run({
      input: [2, 5, 6],
      layers: [
        {
          kind: "convolution",
          filters: 2,
          kernel: [3, 1],
          stride: [2, 3],
          dilation: [2, 1],
          groups: 2,
        },
      ],
    });
    expect(dims).toEqual([2, 2, 3, 2]);
    const weight = parameters.get("conv1.weight") ?? [];
    const at = (channel: number, row: number, column: number): number =>
      row < 0 || row >= 5 ? 0 : (sample[30 * channel + 6 * row + column] ?? 0);
    const expected: number[] = [];
    for (const channel of [0, 1]) {
      for (const row of [0, 2, 4]) {
        for (const column of [0, 3]) {
          expected.push(
            [0, 1, 2].reduce(
              (sum, tap) =>
                sum + (weight[3 * channel + tap] ?? 0) * at(channel, row + 2 * tap - 2, column),
              0,
            ),
          );
        }
      }
    }
    expect(values).toEqual(near(expected));
  });

  it("pools windows and whole axes", async () => {
    const input = [1, 7];
    const max = await run({ input, layers: [{ kind: "maxPool", size: 3 }] });
    expect(max.values).toEqual(
      near([Math.max(...max.sample.slice(0, 3)), Math.max(...max.sample.slice(3, 6))]),
    );
    const mean = await run({ input, layers: [{ kind: "averagePool", size: 7 }] });
    const middle = mean.sample.reduce((sum, value) => sum + value, 0) / 7;
    expect(mean.values).toEqual(near([middle]));
    const all = await run({ input, layers: [{ kind: "globalAveragePool" }] });
    expect(all.dims).toEqual([2, 1]);
    expect(all.values).toEqual(near([middle]));
    const most = await run({ input, layers: [{ kind: "globalMaxPool" }] });
    expect(most.values).toEqual(near([Math.max(...most.sample)]));
  });

  const even = (values: readonly number[]): number[] => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    return values.map((value) => (value - mean) / Math.sqrt(variance + 1e-5));
  };

  it("normalises groups and last axes", async () => {
    const group = await run({
      input: [4, 3],
      layers: [{ kind: "groupNormalization", groups: 2 }],
    });
    expect(group.values).toEqual(
      near([...even(group.sample.slice(0, 6)), ...even(group.sample.slice(6))]),
    );
    expect([...group.parameters.keys()]).toEqual(["norm1.scale", "norm1.shift"]);
    const layer = await run({ input: [2, 3], layers: [{ kind: "layerNormalization" }] });
    expect(layer.values).toEqual(
      near([...even(layer.sample.slice(0, 3)), ...even(layer.sample.slice(3))]),
    );
  });

  it("normalises channels by running statistics, which start at 0 and 1", async () => {
    const spec: NetworkSpec = { input: [2, 3], layers: [{ kind: "batchNormalization" }] };
    const { sample, values, parameters } = await run(spec);
    expect(values).toEqual(near(sample.map((value) => value / Math.sqrt(1 + 1e-5))));
    expect(Object.fromEntries(parameters)).toEqual({
      "norm1.mean": [0, 0],
      "norm1.scale": [1, 1],
      "norm1.shift": [0, 0],
      "norm1.variance": [1, 1],
    });
  });

  it("runs a gated recurrent unit over time", async () => {
    const layers: LayerSpec[] = [{ kind: "gru", units: 2, returns: "sequence" }];
    const { sample, values, dims, parameters } = await run({ input: [4, 3], layers });
    expect(dims).toEqual([2, 4, 2]);
    const [w, r, b] = ["weight", "recurrent", "bias"].map(
      (one) => parameters.get(`gru1.${one}`) ?? [],
    );
    const dot = (matrix: number[] = [], row: number, vector: readonly number[]): number =>
      vector.reduce((sum, value, at) => sum + value * (matrix[row * vector.length + at] ?? 0), 0);
    const gate = (index: number, x: number[], h: number[]) => {
      const row = index;
      return [dot(w, row, x) + (b?.[row] ?? 0), dot(r, row, h) + (b?.[6 + row] ?? 0)] as const;
    };
    let state = [0, 0];
    const expected: number[] = [];
    for (let time = 0; time < 4; time += 1) {
      const x = sample.slice(3 * time, 3 * time + 3);
      const before = state;
      state = [0, 1].map((unit) => {
        const [updateIn, updateBack] = gate(unit, x, before);
        const [resetIn, resetBack] = gate(2 + unit, x, before);
        const [hiddenIn, hiddenBack] = gate(4 + unit, x, before);
        const update = logistic(updateIn + updateBack);
        const hidden = Math.tanh(hiddenIn + logistic(resetIn + resetBack) * hiddenBack);
        return (1 - update) * hidden + update * (before[unit] ?? 0);
      });
      expected.push(...state);
    }
    expect(values).toEqual(near(expected));
    const last = await run({ input: [4, 3], layers: [{ kind: "gru", units: 2 }] });
    expect(last.values).toEqual(near(expected.slice(-2)));
  });

  it("permutes, flattens and adds residuals", async () => {
    const { sample, values } = await run({
      input: [2, 3],
      output: "moved",
      layers: [
        { kind: "permute", order: [1, 0] },
        { kind: "residual", layers: [{ kind: "activation", activation: "relu" }] },
        { kind: "flatten" },
      ],
    });
    const moved = [0, 3, 1, 4, 2, 5].map((at) => sample[at] ?? 0);
    expect(values).toEqual(near(moved.map((value) => value + Math.max(0, value))));
  });

  it("normalises the input along the axis that is named", async () => {
    const normalization = { mean: [1, 2, 3], deviation: [1, 2, 4], axis: 1 };
    const { sample, values } = await run({
      input: [2, 3],
      normalization,
      layers: [{ kind: "flatten" }],
    });
    expect(values).toEqual(
      near(sample.map((value, at) => (value - (1 + (at % 3))) / 2 ** (at % 3))),
    );
  });
});

const everything: NetworkSpec = {
  input: [3, 16],
  normalization: { mean: [0, 0, 0], deviation: [1, 1, 1] },
  layers: [
    { kind: "convolution", filters: 8, kernel: 5, stride: 2 },
    { kind: "groupNormalization", groups: 2 },
    { kind: "activation", activation: "silu" },
    {
      kind: "residual",
      layers: [{ kind: "convolution", filters: 8, kernel: 3, groups: 8, activation: "hardSwish" }],
    },
    { kind: "maxPool", size: 2 },
    { kind: "permute", order: [1, 0] },
    { kind: "layerNormalization" },
    { kind: "gru", units: 6, returns: "sequence" },
    { kind: "dense", units: 5, activation: "gelu" },
    { kind: "gru", units: 6 },
    { kind: "dense", units: 2, name: "head" },
  ],
};

it("[TC17] gives the same bytes for the same specification and numbers, and names of its own to everything", () => {
  const model = buildNetwork(everything, createSeededRandom(1));
  expect(buildNetwork(everything, createSeededRandom(1))).toEqual(model);
  expect(buildNetwork(everything, createSeededRandom(2))).not.toEqual(model);
  expect(unwrap(listParameters(model)).map(({ name }) => name)).toEqual([
    "conv1.bias",
    "conv1.weight",
    "conv2.bias",
    "conv2.weight",
    "dense1.bias",
    "dense1.weight",
    "gru1.bias",
    "gru1.recurrent",
    "gru1.weight",
    "gru2.bias",
    "gru2.recurrent",
    "gru2.weight",
    "head.bias",
    "head.weight",
    "norm1.scale",
    "norm1.shift",
    "norm2.scale",
    "norm2.shift",
  ]);
});

it("[TC17] learns from scratch through every kind of layer", async () => {
  const random = createSeededRandom(4);
  const count = 64;
  // The class is which of two frequencies a noisy wave has.
  const truth = Int32Array.from({ length: count }, (_, index) => index % 2);
  const waves = Array.from(truth, (label) =>
    Float32Array.from(
      { length: 48 },
      (_, at) => Math.sin((label + 1) * 0.6 * (at % 16)) + 0.2 * gaussian(random),
    ),
  );
  const { losses } = await fitModel(runtime, buildNetwork(everything, createSeededRandom(1)), {
    plan: { scope: "all", loss: { kind: "crossEntropy" }, optimizer: { kind: "adamw" } },
    sampleCount: count,
    readSample: (index, into) => into.set(waves[index] ?? []),
    truth,
    epochs: 12,
    batchSize: 16,
    learningRate: 0.01,
    random,
  });
  expect(losses.at(-1)).toBeLessThan(0.2 * (losses[0] ?? 0));
});

it("[TC49] learns from scratch by batches, and serves by what it counted of them", async () => {
  const random = createSeededRandom(6);
  // A small difference on a large offset: without its statistics a normalisation sees nothing of it.
  const wave = (label: number): Float32Array =>
    Float32Array.from(
      { length: 32 },
      (_, at) => 20 + Math.sin((label + 1) * 0.6 * (at % 16)) + 0.2 * gaussian(random),
    );
  const count = 96;
  const truth = Int32Array.from({ length: count }, (_, index) => index % 2);
  const waves = Array.from(truth, wave);
  const fresh = buildNetwork(
    {
      input: [2, 16],
      layers: [
        { kind: "batchNormalization" },
        { kind: "convolution", filters: 8, kernel: 5 },
        { kind: "batchNormalization" },
        { kind: "activation", activation: "relu" },
        { kind: "maxPool", size: 2 },
        { kind: "convolution", filters: 8, kernel: 3 },
        { kind: "batchNormalization" },
        { kind: "activation", activation: "relu" },
        { kind: "globalAveragePool" },
        { kind: "dense", units: 2 },
      ],
    },
    createSeededRandom(1),
  );
  const fit = (batchNormalization: "frozen" | "train") =>
    fitModel(runtime, fresh, {
      plan: {
        scope: "all",
        loss: { kind: "crossEntropy" },
        optimizer: { kind: "adam" },
        batchNormalization,
      },
      sampleCount: count,
      readSample: (index, into) => into.set(waves[index] ?? []),
      truth,
      epochs: 12,
      batchSize: 16,
      learningRate: 0.02,
      random: createSeededRandom(7),
    });
  const { model, losses } = await fit("train");
  const { losses: frozenLosses } = await fit("frozen");
  expect(losses.at(-1)).toBeLessThan(0.2 * (losses[0] ?? 0));
  expect(losses.at(-1)).toBeLessThan(frozenLosses.at(-1) ?? 0);

  // Waves that it has not seen, one at a time: a batch of one has no statistics of its own.
  const predictor = await createPredictor(runtime, unwrap(compileServing(model)));
  const logits = new Float32Array(2);
  let right = 0;
  for (let index = 0; index < 40; index += 1) {
    await predictor.predict(wave(index % 2), 1, [], { logits });
    right += Number((logits[1] ?? 0) > (logits[0] ?? 0)) === index % 2 ? 1 : 0;
  }
  await predictor.release();
  expect(right).toBeGreaterThanOrEqual(38);
});

describe("[TC17] refuses, and says what was found", () => {
  const layers = (...all: LayerSpec[]): NetworkSpec => ({ input: [4, 8], layers: all });
  it.each<[string, string, NetworkSpec]>([
    ["no layers", "builder.size_invalid", layers()],
    [
      "an even kernel that should keep the size",
      "builder.size_invalid",
      layers({ kind: "convolution", filters: 2, kernel: 2 }),
    ],
    [
      "groups that do not divide",
      "builder.size_invalid",
      layers({ kind: "convolution", filters: 2, kernel: 3, groups: 3 }),
    ],
    [
      "a kernel that is too large",
      "builder.size_invalid",
      layers({ kind: "convolution", filters: 2, kernel: 9, padding: "valid" }),
    ],
    [
      "a momentum that never learns",
      "builder.size_invalid",
      layers({ kind: "batchNormalization", momentum: 1 }),
    ],
    ["sizes for other axes", "builder.size_invalid", layers({ kind: "maxPool", size: [2, 2] })],
    ["a pool of nothing", "builder.size_invalid", layers({ kind: "maxPool", size: 9 })],
    [
      "a pool of a vector",
      "builder.size_invalid",
      layers({ kind: "flatten" }, { kind: "globalMaxPool" }),
    ],
    ["units of a half", "builder.size_invalid", layers({ kind: "dense", units: 1.5 })],
    [
      "a recurrent layer on a vector",
      "builder.size_invalid",
      layers({ kind: "flatten" }, { kind: "gru", units: 2 }),
    ],
    [
      "a residual that changes the shape",
      "builder.size_invalid",
      layers({ kind: "residual", layers: [{ kind: "flatten" }] }),
    ],
    [
      "words that are no whole numbers",
      "builder.size_invalid",
      layers({ kind: "flatten" }, { kind: "embedding", entries: 3, units: 2 }),
    ],
    ["an axis twice", "builder.size_invalid", layers({ kind: "permute", order: [0, 0] })],
    [
      "one name twice",
      "builder.name_invalid",
      layers({ kind: "dense", units: 2, name: "a" }, { kind: "dense", units: 2, name: "a" }),
    ],
    [
      "an output that is the input",
      "builder.name_invalid",
      { ...layers({ kind: "flatten" }), output: "data" },
    ],
    [
      "a detail view of an image",
      "builder.size_invalid",
      { ...layers({ kind: "flatten" }), input: [1, 4, 4], detail: { gain: 1, floor: 1 } },
    ],
  ])("%s", (_, code, spec) => {
    expect(() => buildNetwork(spec, createSeededRandom(1))).toThrow(code);
  });
});
