// Operators that the engine has and this compiler does not: they run where nothing is differentiated, under declared shapes that are checked.
import { unwrap } from "@attune/protocol";
import * as web from "onnxruntime-web/wasm";
import { describe, expect, it } from "vitest";
import { modelGradientError } from "../../../test/modelCheck.ts";
import { inputValues } from "../../../test/modelWriter.ts";
import { relativeDifference } from "../../../test/torchParityCase.ts";
import { compileFrontier } from "../frontier/compileFrontier.ts";
import { createFeatureExtractor } from "../frontier/createFeatureExtractor.ts";
import { integer, integers } from "../graph/graphEmitter.ts";
import { writeModel } from "../onnx/modelFile.ts";
import type { OnnxAttribute, OnnxNode } from "../onnx/nodeMessage.ts";
import { floatTensor, type OnnxTensor } from "../onnx/tensorMessage.ts";
import { writeValue } from "../onnx/valueMessage.ts";
import { readParameters } from "../parameters/parameterBytes.ts";
import { createOrtRuntime } from "../session/createOrtRuntime.ts";
import { createPredictor } from "../session/createPredictor.ts";
import { createTrainer } from "../session/createTrainer.ts";
import { declareShapes } from "../session/declareShapes.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import { compileServing } from "./compileServing.ts";
import { compileTraining } from "./compileTraining.ts";
import { specializeModel } from "./specializeModel.ts";
import type { TrainingPlan } from "./trainingPlan.ts";

const runtime = await loadNodeOrt();
const wasm = createOrtRuntime(web);

const planOf = (scope: TrainingPlan["scope"]): TrainingPlan => ({
  scope,
  loss: { kind: "meanSquaredError" },
  optimizer: { kind: "sgd" },
});
const node = (
  operator: string,
  inputs: string[],
  outputs: string[],
  attributes: Record<string, OnnxAttribute> = {},
  domain = "",
): OnnxNode => ({
  name: `${operator} of ${outputs[0] ?? ""}`,
  operator,
  domain,
  inputs,
  outputs,
  attributes: new Map(Object.entries(attributes)),
});
const weight = (name: string, ...dims: number[]): OnnxTensor =>
  floatTensor(
    name,
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, at) => Math.sin(at * 2.1 + 1) / 2),
  );

interface Parts {
  readonly opset?: number;
  readonly input?: readonly (number | string)[];
  readonly nodes: readonly OnnxNode[];
  readonly tensors?: readonly OnnxTensor[];
  readonly values?: readonly Uint8Array[];
}

const modelOf = ({ opset = 17, input = ["batch", 6], nodes, tensors = [], values = [] }: Parts) =>
  writeModel(opset, {
    name: "exotic",
    nodes,
    initializers: tensors,
    inputs: [writeValue("x", "float32", input)],
    outputs: [writeValue("y", "float32", undefined)],
    values,
    domains: new Map([["com.microsoft", 1]]),
  });

/** A convolution, its answers normalised across channels, another one, and a head. */
const normalized = (...values: Uint8Array[]): Uint8Array =>
  modelOf({
    input: ["batch", 2, 6, 6],
    nodes: [
      node("Conv", ["x", "first"], ["a"], { kernel_shape: integers([3, 3]) }),
      node("LRN", ["a"], ["b"], { size: integer(3) }),
      node("Conv", ["b", "second"], ["c"], { kernel_shape: integers([3, 3]) }),
      node("Tanh", ["c"], ["d"]),
      node("Flatten", ["d"], ["e"], { axis: integer(1) }),
      node("Gemm", ["e", "last"], ["y"]),
    ],
    tensors: [weight("first", 4, 2, 3, 3), weight("second", 3, 4, 3, 3), weight("last", 12, 2)],
    values,
  });
const declared = writeValue("b", "float32", ["batch", 4, 4, 4]);

/** Rows of length 1 in front of two layers, by an operator that holds no weight. */
const scaled = modelOf({
  nodes: [
    node("LpNormalization", ["x"], ["a"], { axis: integer(-1), p: integer(2) }),
    node("Gemm", ["a", "first"], ["b"]),
    node("Tanh", ["b"], ["c"]),
    node("Gemm", ["c", "last"], ["y"]),
  ],
  tensors: [weight("first", 6, 5), weight("last", 5, 2)],
  values: [writeValue("a", "float32", ["batch", 6])],
});

/** A fused layer of another domain, which holds a bias. */
const fused = (domain: string): Uint8Array =>
  modelOf({
    nodes: [
      node("MatMul", ["x", "first"], ["a"]),
      node("BiasGelu", ["a", "bias"], ["b"], {}, domain),
      node("Gemm", ["b", "last"], ["y"]),
    ],
    tensors: [weight("first", 6, 5), weight("bias", 5), weight("last", 5, 2)],
  });

const messageOf = (model: Uint8Array, scope: TrainingPlan["scope"]): string => {
  const outcome = compileTraining(model, planOf(scope));
  return outcome.ok ? "" : outcome.refusal.message;
};

describe("an operator without a rule", () => {
  it("[TC57] runs frozen where the file declares its shape; a scope that goes back through it is refused with those that do not", async () => {
    const model = normalized(declared);
    for (const scope of ["head", { lastLayers: 2 }] as const) {
      const { worst } = await modelGradientError(runtime, { model, scope });
      expect(worst).toBeLessThanOrEqual(5e-3);
    }
    expect(messageOf(model, "all")).toBe(
      'LRN node "LRN of b": no gradient rule for LRN; scopes that avoid it: "head", {"lastLayers":2}',
    );
  });

  it("[TC57] does not stand in the way of anything behind it", async () => {
    const { worst, names } = await modelGradientError(runtime, { model: scaled, scope: "all" });
    expect(names).toEqual(["first", "last"]);
    expect(worst).toBeLessThanOrEqual(5e-3);
  });

  it("[TC57] holds no weight that a scope would pass over unseen", async () => {
    const model = unwrap(await declareShapes(runtime, fused("com.microsoft")));
    expect(messageOf(model, "head")).toBe("");
    expect(messageOf(model, "all")).toBe(
      'BiasGelu node "BiasGelu of b": operator BiasGelu can only run frozen, and holds bias, which scope "all" would pass over; scopes that avoid it: "head"',
    );
  });

  it("[TC57] is cut off at the frontier, served, and fixed like any other", async () => {
    const model = normalized(declared);
    const specialized = unwrap(specializeModel(model, { dims: { batch: 3 } }));
    const data = inputValues([3, 2, 6, 6]);
    const truth = inputValues([3, 2], 9);
    const trained = async (whole: Uint8Array, samples: Float32Array, isTail: boolean) => {
      const compiled = isTail
        ? unwrap(compileFrontier(whole, planOf({ lastLayers: 2 }))).tail
        : unwrap(compileTraining(whole, planOf({ lastLayers: 2 })));
      const trainer = await createTrainer(runtime, compiled);
      const begun = trainer.begin(unwrap(readParameters(whole)));
      const slice = { stepCount: 1, batchSize: 3, data: samples, truth, learningRate: 0.1 };
      const { state } = await trainer.run(begun, slice);
      await trainer.release();
      return state.parameters.flatMap((one) => Array.from(one.data));
    };
    const cut = unwrap(compileFrontier(model, planOf({ lastLayers: 2 })));
    const extractor = await createFeatureExtractor(runtime, cut);
    const features = await extractor.extract(data, 3);
    await extractor.release();
    const whole = await trained(model, data, false);
    expect(relativeDifference(await trained(model, features, true), whole)).toBeLessThan(1e-5);
    expect(relativeDifference(await trained(specialized, data, false), whole)).toBeLessThan(1e-5);
    const serving = unwrap(compileServing(model, { scope: "head" }));
    const predictor = await createPredictor(runtime, serving);
    const logits = new Float32Array(6);
    await predictor.predict(data, 3, unwrap(readParameters(model)), { logits });
    await predictor.release();
    expect(logits.every((value) => value !== 0)).toBe(true);
  });
});

describe("shapes that nothing but the file says", () => {
  it("[TC57] are learned by running the model, to the same training as from the file's own", async () => {
    const learned = unwrap(await declareShapes(runtime, normalized()));
    expect(learned).toEqual(normalized(declared));
    expect(unwrap(await declareShapes(wasm, normalized()))).toEqual(learned);
    expect(messageOf(normalized(), "head")).toContain(
      "the file declares no type and shape of its output b; declareShapes learns them",
    );
  });

  it("[TC57] that are no samples' are refused before anything runs: another batch", () => {
    const model = modelOf({
      input: ["batch", 4, 4, 4],
      nodes: [
        node("LRN", ["x"], ["b"], { size: integer(3) }),
        node("Flatten", ["b"], ["c"], { axis: integer(1) }),
        node("ReduceMean", ["c"], ["d"], { axes: integers([1]), keepdims: integer(1) }),
        node("Gemm", ["d", "last"], ["y"]),
      ],
      tensors: [weight("last", 1, 2)],
      values: [writeValue("b", "float32", ["2*batch", 4, 4, 4])],
    });
    expect(messageOf(model, "head")).toContain("first size must be the batch");
  });

  it.each([
    ["another size", ["batch", 4, 4, 5]],
    ["sizes in another order", ["batch", 4, 2, 8]],
    ["another rank", ["batch", 64]],
  ])("[TC57] end the run by name where they are wrong: %s", async (_, dims) => {
    const wrong = writeValue("b", "float32", dims);
    const nodes = [
      node("LRN", ["x"], ["b"], { size: integer(3) }),
      node("Flatten", ["b"], ["c"], { axis: integer(1) }),
      node("ReduceMean", ["c"], ["d"], { axes: integers([1]), keepdims: integer(1) }),
      node("Gemm", ["d", "last"], ["y"]),
    ];
    const model = modelOf({
      input: ["batch", 4, 4, 4],
      nodes,
      tensors: [weight("last", 1, 2)],
      values: [wrong],
    });
    const compiled = unwrap(compileTraining(model, planOf("head")));
    const [data, truth] = [inputValues([3, 4, 4, 4]), new Float32Array(6)];
    for (const engine of [runtime, wasm]) {
      const attempt = async (): Promise<string> => {
        const trainer = await createTrainer(engine, compiled);
        const slice = { stepCount: 1, batchSize: 3, data, truth, learningRate: 0.1 };
        await trainer.run(trainer.begin(unwrap(readParameters(model))), slice);
        return "it ran";
      };
      const cause = await attempt().catch((error: Error) => String(error.cause));
      // Another rank shows when the graph is loaded, sizes when it runs.
      expect(cause).toMatch(/the shape that the file declares of b|Incompatible dimensions/);
    }
  });

  it("[TC57] are not declared where they depend on the data, and operators of unknown form are refused", async () => {
    const picking = modelOf({
      nodes: [node("NonZero", ["x"], ["a"]), node("Cast", ["a"], ["y"], { to: integer(1) })],
    });
    const outcome = await declareShapes(runtime, picking);
    expect(outcome).toMatchObject({ ok: false, refusal: { code: "model.shape_unknown" } });
    expect(outcome.ok ? "" : outcome.refusal.message).toContain("depends on the values");
    const old = modelOf({
      opset: 11,
      nodes: [node("Hardmax", ["x"], ["a"]), node("Gemm", ["a", "last"], ["y"])],
      tensors: [weight("last", 6, 2)],
      values: [writeValue("a", "float32", ["batch", 6])],
    });
    expect(messageOf(old, "head")).toContain("export the model with opset_version=13 or newer");
    expect(messageOf(fused("org.example"), "head")).toContain(
      "org.example.BiasGelu is not supported",
    );
  });
});
