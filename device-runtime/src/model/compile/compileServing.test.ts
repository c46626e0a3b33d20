// Serving graphs: same scores as the model, features of the last layer, parameters from outside.
import { elementCount, type ParameterSet, unwrap } from "@attune/protocol";
import { describe, expect, it } from "vitest";
import { readParityCase, relativeDifference } from "../../../test/torchParityCase.ts";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { buildCnn1d } from "../build/buildCnn1d.ts";
import { buildPerceptron } from "../build/buildPerceptron.ts";
import { readModelFile, writeModel } from "../onnx/modelFile.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { floatTensor } from "../onnx/tensorMessage.ts";
import { writeValue } from "../onnx/valueMessage.ts";
import { patchParameters, readParameters } from "../parameters/parameterBytes.ts";
import { createPredictor } from "../session/createPredictor.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import { type CompiledServing, compileServing } from "./compileServing.ts";

const runtime = await loadNodeOrt();

async function predict(
  compiled: CompiledServing,
  data: Float32Array,
  parameters: ParameterSet,
): Promise<{ logits: Float32Array; features: Float32Array }> {
  const count = data.length / elementCount(compiled.sampleDims);
  const predictor = await createPredictor(runtime, compiled);
  const logits = new Float32Array(count * compiled.logitCount);
  const features = new Float32Array(count * compiled.featureCount);
  await predictor.predict(data, count, parameters, { logits, features });
  await predictor.release();
  return { logits, features };
}

describe("serving", () => {
  const parity = readParityCase("cnn1d");
  const parameters = unwrap(readParameters(parity.model));
  const data = parity.data.subarray(0, parity.batch * elementCount(parity.inputShape));

  it("[TC13] gives the model's scores whatever the scope, and features that the head turns into them", async () => {
    const plain = await predict(unwrap(compileServing(parity.model)), data, []);
    expect(relativeDifference(plain.logits, parity.logits)).toBeLessThanOrEqual(1e-5);
    for (const scope of ["head", "bias", "all"] as const) {
      const { logits, features } = await predict(
        unwrap(compileServing(parity.model, { scope })),
        data,
        parameters,
      );
      expect(relativeDifference(logits, plain.logits)).toBeLessThanOrEqual(1e-6);
      expect(relativeDifference(features, plain.features)).toBeLessThanOrEqual(1e-6);
    }
    const weight = parameters.find(({ name }) => name === "h.weight")?.data ?? new Float32Array();
    const bias = parameters.find(({ name }) => name === "h.bias")?.data ?? new Float32Array();
    const recomputed = plain.logits.map((_, at) => {
      const [sample, unit] = [Math.floor(at / 6), at % 6];
      let sum = bias[unit] ?? 0;
      for (let feature = 0; feature < 24; feature += 1) {
        sum += (weight[unit * 24 + feature] ?? 0) * (plain.features[sample * 24 + feature] ?? 0);
      }
      return sum;
    });
    expect(relativeDifference(recomputed, plain.logits)).toBeLessThanOrEqual(1e-5);
  });

  it("[TC13] parameters that are inputs are really used: other values, other scores, the same as patched in", async () => {
    const other = parameters.map((one) => ({ ...one, data: one.data.map((value) => value * 0.5) }));
    const head = other.filter(({ name }) => name.startsWith("h."));
    const served = await predict(
      unwrap(compileServing(parity.model, { scope: "head" })),
      data,
      head,
    );
    const patched = await predict(
      unwrap(compileServing(unwrap(patchParameters(parity.model, head)))),
      data,
      [],
    );
    expect(relativeDifference(served.logits, patched.logits)).toBeLessThanOrEqual(1e-6);
    expect(relativeDifference(served.logits, parity.logits)).toBeGreaterThan(0.01);
  });

  it("[TC13] what is in the scope is an input and no constant: an engine may ignore what overrides a constant", () => {
    const compiled = unwrap(compileServing(parity.model, { scope: "head" }));
    const file = readModelFile(compiled.graph);
    const constants = new Set(file.initializers.map(({ name }) => name));
    expect(compiled.parameters.map(({ name }) => name)).toEqual(["h.bias", "h.weight"]);
    for (const { name } of compiled.parameters) {
      expect(constants.has(name)).toBe(false);
      expect(file.inputs.filter((input) => input.name === name)).toHaveLength(1);
    }
    expect(constants.size).toBe(4);
  });

  it("[TC13] takes a model that lists its constants as inputs, too", () => {
    const listed = writeModel(17, {
      name: "g",
      nodes: [
        {
          name: "",
          operator: "Gemm",
          domain: "",
          inputs: ["x", "w"],
          outputs: ["y"],
          attributes: new Map(),
        },
      ],
      initializers: [floatTensor("w", [2, 2], [1, 2, 3, 4])],
      inputs: [writeValue("x", "float32", ["n", 2]), writeValue("w", "float32", [2, 2])],
      outputs: [writeValue("y", "float32", ["n", 2])],
    });
    const served = (scope?: "head") =>
      readModelFile(
        unwrap(compileServing(listed, scope === undefined ? {} : { scope })).graph,
      ).inputs.map(({ name }) => name);
    expect(served()).toEqual(["x", "w"]);
    expect(served("head")).toEqual(["x", "w"]);
  });

  it("[TC13] of a model that ends in probabilities it gives the raw scores", async () => {
    const softmax: OnnxNode = {
      name: "",
      operator: "Softmax",
      domain: "",
      inputs: ["s"],
      outputs: ["p"],
      attributes: new Map(),
    };
    const gemm: OnnxNode = {
      name: "",
      operator: "Gemm",
      domain: "",
      inputs: ["x", "w"],
      outputs: ["s"],
      attributes: new Map(),
    };
    const model = writeModel(17, {
      name: "g",
      nodes: [gemm, softmax],
      initializers: [floatTensor("w", [2, 2], [1, 2, 3, 4])],
      inputs: [writeValue("x", "float32", ["n", 2])],
      outputs: [writeValue("p", "float32", ["n", 2])],
    });
    const { logits, features } = await predict(
      unwrap(compileServing(model)),
      Float32Array.of(1, 1),
      [],
    );
    expect([...logits]).toEqual([4, 6]);
    expect([...features]).toEqual([1, 1]);
  });

  it("[TC13] of a model with several heads, the first output's own layers count", () => {
    const gemm = (inputs: string[], output: string): OnnxNode => ({
      name: "",
      operator: "Gemm",
      domain: "",
      inputs,
      outputs: [output],
      attributes: new Map(),
    });
    const weight = (name: string) => floatTensor(name, [2, 2], [1, 2, 3, 4]);
    const model = writeModel(17, {
      name: "g",
      nodes: [
        gemm(["x", "body"], "features"),
        gemm(["features", "first"], "y"),
        gemm(["x", "second"], "z"),
      ],
      initializers: [weight("body"), weight("first"), weight("second")],
      inputs: [writeValue("x", "float32", ["n", 2])],
      outputs: [writeValue("y", "float32", ["n", 2]), writeValue("z", "float32", ["n", 2])],
    });
    const compiled = unwrap(compileServing(model, { scope: "head" }));
    expect(compiled.parameters.map(({ name }) => name)).toEqual(["first"]);
    const { nodes } = readModelFile(compiled.graph);
    expect(nodes.at(-1)?.inputs).toEqual(["features"]);
  });

  it("[TC13] flattens features of more than one axis", async () => {
    const model = buildCnn1d(
      {
        channels: 2,
        length: 8,
        convolutions: [{ filters: 3, kernel: 3, pool: 2 }],
        reduce: "flatten",
        dense: [],
        classCount: 3,
      },
      createSeededRandom(2),
    );
    const compiled = unwrap(compileServing(model, { scope: "head" }));
    expect(compiled.featureCount).toBe(12);
    const { features } = await predict(
      compiled,
      new Float32Array(32).fill(1),
      unwrap(readParameters(model)),
    );
    expect(features).toHaveLength(24);
  });
});

describe("built models", () => {
  const normalization = { mean: [1, 2, 3], deviation: [0.5, 1, 2] };

  it("[TC17] same seed, same bytes; another seed, others", () => {
    const make = (seed: number) =>
      buildPerceptron(
        { inputSize: 3, hidden: [5, 4], classCount: 2, normalization },
        createSeededRandom(seed),
      );
    expect(make(1)).toEqual(make(1));
    expect(make(1)).not.toEqual(make(2));
  });

  it("[TC17] the normalisation is applied, is no parameter, and the initial spread follows He and Glorot", async () => {
    const model = buildPerceptron(
      { inputSize: 3, hidden: [], classCount: 3, normalization },
      createSeededRandom(1),
    );
    const [bias, weight] = unwrap(readParameters(model));
    expect([bias?.name, weight?.name]).toEqual(["head.bias", "head.weight"]);
    const { logits } = await predict(unwrap(compileServing(model)), Float32Array.of(1.5, 3, 5), []);
    const sums = [0, 1, 2].map((unit) =>
      [0, 1, 2].reduce((sum, input) => sum + (weight?.data[unit * 3 + input] ?? 0), 0),
    );
    expect(relativeDifference(logits, sums)).toBeLessThanOrEqual(1e-5);
    const wide = unwrap(
      readParameters(
        buildPerceptron({ inputSize: 200, hidden: [300], classCount: 100 }, createSeededRandom(1)),
      ),
    );
    const deviation = (name: string): number => {
      const data = wide.find((one) => one.name === name)?.data ?? new Float32Array();
      return Math.sqrt(data.reduce((sum, value) => sum + value * value, 0) / data.length);
    };
    expect(deviation("hidden1.weight")).toBeCloseTo(Math.sqrt(2 / 200), 2);
    expect(deviation("head.weight")).toBeCloseTo(Math.sqrt(2 / 400), 2);
  });

  it("[TC17] sizes that make no network are defects that say so", () => {
    const random = createSeededRandom(1);
    const cnn = {
      channels: 1,
      length: 8,
      convolutions: [{ filters: 2, kernel: 3 }],
      reduce: "average",
      dense: [],
      classCount: 2,
    } as const;
    const wrong = [
      () => buildPerceptron({ inputSize: 0, hidden: [], classCount: 2 }, random),
      () => buildPerceptron({ inputSize: 2, hidden: [0], classCount: 2 }, random),
      () => buildPerceptron({ inputSize: 2, hidden: [], classCount: 1 }, random),
      () => buildCnn1d({ ...cnn, convolutions: [] }, random),
      () => buildCnn1d({ ...cnn, convolutions: [{ filters: 2, kernel: 4 }] }, random),
      () => buildCnn1d({ ...cnn, convolutions: [{ filters: 2, kernel: 3, pool: 9 }] }, random),
      () => buildCnn1d({ ...cnn, dense: [0] }, random),
    ];
    for (const make of wrong) expect(make).toThrow(/builder\.size_invalid/);
    expect(() =>
      buildPerceptron(
        {
          inputSize: 3,
          hidden: [],
          classCount: 2,
          normalization: { mean: [0, 0, 0], deviation: [1, 0, 1] },
        },
        random,
      ),
    ).toThrow(/builder\.normalization_invalid/);
  });
});
