// A training that is cut at the frontier learns what the whole one does, and runs what is frozen once.
import { elementCount, type ParameterTensor, unwrap } from "@attune/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readParityCase, relativeDifference } from "../../../test/torchParityCase.ts";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { buildCnn1d } from "../build/buildCnn1d.ts";
import { buildPerceptron } from "../build/buildPerceptron.ts";
import { type CompiledTraining, compileTraining } from "../compile/compileTraining.ts";
import type { TrainingPlan } from "../compile/trainingPlan.ts";
import { readModelFile, writeModel } from "../onnx/modelFile.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { floatTensor } from "../onnx/tensorMessage.ts";
import { writeValue } from "../onnx/valueMessage.ts";
import { readParameters } from "../parameters/parameterBytes.ts";
import { createTrainer } from "../session/createTrainer.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import { compileFrontier } from "./compileFrontier.ts";
import { createFeatureExtractor } from "./createFeatureExtractor.ts";
import { packFeatures, unpackFeatures } from "./packFeatures.ts";

const runtime = await loadNodeOrt();
const BATCH = 6;
const STEPS = 8;

const node = (operator: string, inputs: string[], output: string): OnnxNode => ({
  name: "",
  operator,
  domain: "",
  inputs,
  outputs: [output],
  attributes: new Map(),
});
const weight = (name: string, ...dims: number[]) =>
  floatTensor(
    name,
    dims,
    Float32Array.from({ length: elementCount(dims) }, (_, at) => 0.5 * Math.sin(at * 2.1 + 1)),
  );
/** The value before the trained part has two readers, one of which goes round it. */
const residual = writeModel(17, {
  name: "residual",
  nodes: [
    node("Gemm", ["x", "a"], "h1"),
    node("Relu", ["h1"], "h2"),
    node("Gemm", ["h2", "b"], "h3"),
    node("Tanh", ["h3"], "h4"),
    node("Add", ["h2", "h4"], "h5"),
    node("Gemm", ["h5", "c"], "y"),
  ],
  initializers: [weight("a", 5, 7), weight("b", 7, 7), weight("c", 7, 3)],
  inputs: [writeValue("x", "float32", ["batch", 5])],
  outputs: [writeValue("y", "float32", ["batch", 3])],
});
const cnn = buildCnn1d(
  {
    channels: 3,
    length: 16,
    convolutions: [
      { filters: 6, kernel: 3, pool: 2 },
      { filters: 8, kernel: 3 },
    ],
    reduce: "average",
    dense: [7],
    classCount: 3,
  },
  createSeededRandom("frontier"),
);
const perceptron = buildPerceptron(
  { inputSize: 9, hidden: [12, 7], classCount: 3 },
  createSeededRandom("frontier"),
);

const cases: readonly {
  readonly name: string;
  readonly model: Uint8Array;
  readonly scope: TrainingPlan["scope"];
  readonly features: readonly number[];
}[] = [
  { name: "perceptron", model: perceptron, scope: "head", features: [7] },
  { name: "perceptron", model: perceptron, scope: { lastLayers: 2 }, features: [12] },
  { name: "CNN", model: cnn, scope: "head", features: [7] },
  { name: "CNN", model: cnn, scope: { lastLayers: 3 }, features: [6, 8] },
  { name: "CNN", model: cnn, scope: { lowRank: 1, weights: ["hidden1.weight"] }, features: [8] },
  { name: "residual", model: residual, scope: "head", features: [7] },
  { name: "residual", model: residual, scope: { names: ["b"] }, features: [7] },
];
const planOf = (scope: TrainingPlan["scope"], more: Partial<TrainingPlan> = {}): TrainingPlan => ({
  scope,
  loss: { kind: "crossEntropy" },
  optimizer: { kind: "adam" },
  ...more,
});
const truth = Int32Array.from({ length: STEPS * BATCH }, (_, at) => (at * 5) % 3);

async function train(
  compiled: CompiledTraining,
  parameters: readonly ParameterTensor[],
  data: Float32Array,
): Promise<{ parameters: readonly ParameterTensor[]; losses: Float32Array }> {
  const trainer = await createTrainer(runtime, compiled);
  const { state, losses } = await trainer.run(trainer.begin(parameters), {
    stepCount: STEPS,
    batchSize: BATCH,
    data,
    truth,
    learningRate: 0.02,
  });
  await trainer.release();
  return { parameters: state.parameters, losses };
}

async function bothWays(model: Uint8Array, plan: TrainingPlan) {
  const cut = unwrap(compileFrontier(model, plan));
  const data = Float32Array.from(
    { length: STEPS * BATCH * elementCount(cut.sampleDims) },
    (_, at) => Math.sin(at * at),
  );
  const extractor = await createFeatureExtractor(runtime, cut);
  const features = await extractor.extract(data, STEPS * BATCH);
  await extractor.release();
  const parameters = unwrap(readParameters(model));
  return {
    cut,
    features,
    whole: await train(unwrap(compileTraining(model, plan)), parameters, data),
    tail: await train(cut.tail, parameters, features),
    trainTail: (other: Float32Array) => train(cut.tail, parameters, other),
  };
}

describe("frontier", () => {
  for (const { name, model, scope, features } of cases) {
    it(`[TC34] ${name}, ${JSON.stringify(scope)}: the tail on features learns what the whole graph learns`, async () => {
      const { cut, whole, tail } = await bothWays(model, planOf(scope));
      expect(cut.featureDims).toEqual(features);
      expect(tail.parameters.map((one) => one.name)).toEqual(
        whole.parameters.map((one) => one.name),
      );
      expect(relativeDifference(tail.losses, whole.losses)).toBeLessThanOrEqual(1e-5);
      tail.parameters.forEach(({ data }, index) => {
        const other = whole.parameters[index]?.data ?? [];
        expect(relativeDifference(data, other)).toBeLessThanOrEqual(1e-5);
      });
    });
  }

  it("[TC34] with a pull, distillation and weights of samples, too", async () => {
    const plan = planOf(
      { lastLayers: 2 },
      { loss: { kind: "crossEntropy", distillation: { weight: 0.5 } }, pullToBase: 0.1 },
    );
    const { whole, tail } = await bothWays(cnn, plan);
    tail.parameters.forEach(({ data }, index) => {
      expect(relativeDifference(data, whole.parameters[index]?.data ?? [])).toBeLessThanOrEqual(
        1e-5,
      );
    });
  });

  it("[TC34] nothing frozen is in the tail, nothing trained in the features", () => {
    const cut = unwrap(compileFrontier(cnn, planOf("head")));
    const tail = readModelFile(cut.tail.step);
    expect(tail.nodes.map(({ operator }) => operator)).not.toContain("Conv");
    expect(tail.initializers.some(({ name }) => name.startsWith("conv"))).toBe(false);
    expect(readModelFile(cut.features).initializers.map(({ name }) => name)).not.toContain(
      "head.weight",
    );
  });

  it("[TC34] a scope that reaches back to the input is refused", () => {
    for (const [model, scope] of [
      [cnn, "all"],
      [perceptron, { lastLayers: 3 }],
      [residual, "all"],
      [readParityCase("mlp").model, "all"],
    ] as const) {
      const outcome = compileFrontier(model, planOf(scope));
      expect(outcome.ok ? "" : outcome.refusal.code).toBe("model.plan_invalid");
    }
  });

  it("[TC35] features come back from int8 within half a scale, and train nearly as well", async () => {
    fc.assert(
      fc.property(
        fc.float32Array({ noNaN: true, noDefaultInfinity: true, minLength: 1, maxLength: 40 }),
        (features) => {
          const packed = packFeatures(features);
          const back = new Float32Array(features.length);
          unpackFeatures(packed, back);
          const scale = features.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127;
          features.forEach((value, index) => {
            expect(Math.abs((back[index] ?? 0) - value)).toBeLessThanOrEqual(
              0.5001 * scale + 1e-45,
            );
          });
        },
      ),
    );
    const { features, tail, trainTail } = await bothWays(cnn, planOf("head"));
    const size = features.length / (STEPS * BATCH);
    const back = new Float32Array(features.length);
    for (let at = 0; at < features.length; at += size) {
      unpackFeatures(packFeatures(features.subarray(at, at + size)), back.subarray(at, at + size));
    }
    const again = await trainTail(back);
    expect(relativeDifference(again.losses, tail.losses)).toBeLessThanOrEqual(0.02);
    expect(again.losses).not.toEqual(tail.losses);
    expect(() => packFeatures(Float32Array.of(1, Number.NaN))).toThrow(/features\.not_finite/);
    expect(() => unpackFeatures(packFeatures(new Float32Array(3)), new Float32Array(2))).toThrow(
      /features\.too_short/,
    );
  });
});
