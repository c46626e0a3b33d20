// Weights that a file stores in another form: made visible, trained, and told apart.
import { unwrap } from "@attune/protocol";
import { describe, expect, it } from "vitest";
import { batchFor, modelGradientError } from "../../../test/modelCheck.ts";
import { createModelWriter, inputValues } from "../../../test/modelWriter.ts";
import { relativeDifference } from "../../../test/torchParityCase.ts";
import { compileTraining } from "../compile/compileTraining.ts";
import { readModelFile } from "../onnx/modelFile.ts";
import { createTrainer } from "../session/createTrainer.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import { exposeParameters } from "./exposeParameters.ts";
import { readParameters } from "./parameterBytes.ts";

const runtime = await loadNodeOrt();
const names = (model: Uint8Array): string[] =>
  unwrap(readParameters(model)).map(({ name }) => name);

async function outputOf(model: Uint8Array): Promise<Float32Array> {
  const name = readModelFile(model).outputs[0]?.name ?? "";
  const graph = await runtime.load(model);
  const x = { type: "float32", dims: [2, 3], data: inputValues([2, 3]) } as const;
  const results = await graph.run({ x }, [name]);
  await graph.release();
  return results[name]?.data as Float32Array;
}

/** A layer whose weight is int8 by column and whose bias is int32, and a head in float16 behind a `Cast`. */
function compressed(): Uint8Array {
  const write = createModelWriter(13, ["n", 3]);
  const int8 = (name: string, dims: number[], values: number[]) =>
    write.tensor({
      name,
      type: "int8",
      dims,
      bytes: new Uint8Array(Int8Array.from(values).buffer),
    });
  const axis = { axis: { kind: "integer", value: -1 } } as const;
  const rounded = int8("body.weight", [3, 2], [100, -50, -128, 127, 3, 60]);
  const scale = write.floats("body.scale", [2], [0.01, 0.02]);
  const zero = int8("body.zero", [2], [0, -3]);
  const weight = write.node("DequantizeLinear", [rounded, scale, zero], axis);
  const exact = write.tensor({
    name: "body.bias",
    type: "int32",
    dims: [2],
    bytes: new Uint8Array(Int32Array.of(5000, -700).buffer),
  });
  const step = write.floats("bias.scale", [], [1e-4]);
  const bias = write.node("DequantizeLinear", [exact, step]);
  const hidden = write.node("Tanh", [write.node("Gemm", ["x", weight, bias])]);
  // 1, -0.5, 0.25, 2 as binary16.
  const half = write.tensor({
    name: "head.weight",
    type: "float16",
    dims: [2, 2],
    bytes: new Uint8Array(Uint16Array.of(0x3c00, 0xb800, 0x3400, 0x4000).buffer),
  });
  const wide = write.node("Cast", [half], { to: { kind: "integer", value: 1 } });
  return write.finish(write.node("MatMul", [hidden, wide]));
}

/** Two layers in int8, and every value between them, as a quantiser of ONNX Runtime writes it. */
function quantized(): Uint8Array {
  const write = createModelWriter(13, ["n", 3]);
  const int8 = (name: string, dims: number[], values: number[]) =>
    write.tensor({
      name,
      type: "int8",
      dims,
      bytes: new Uint8Array(Int8Array.from(values).buffer),
    });
  const zero = int8("zero", [], [0]);
  const scale = (name: string, value: number) => write.floats(name, [], [value]);
  const rounded = (value: string, step: string): string =>
    write.node("DequantizeLinear", [write.node("QuantizeLinear", [value, step, zero]), step, zero]);
  const weight = (name: string, dims: number[], step: string): string => {
    const count = dims.reduce((product, dim) => product * dim, 1);
    const values = Array.from({ length: count }, (_, at) => ((at * 37) % 101) - 50);
    return write.node("DequantizeLinear", [int8(name, dims, values), step, zero]);
  };
  const x = rounded("x", scale("x.scale", 0.01));
  const step = scale("weight.scale", 0.01);
  const hidden = write.node("Relu", [write.node("MatMul", [x, weight("w1", [3, 6], step)])]);
  const between = rounded(hidden, scale("hidden.scale", 0.02));
  return write.finish(write.node("MatMul", [between, weight("w2", [6, 2], step)]));
}

describe("expose", () => {
  it("[TC42] int8, int32 and float16 weights become parameters, and the model computes what it did", async () => {
    const model = compressed();
    expect(names(model)).toEqual([]);
    const exposed = unwrap(exposeParameters(model));
    expect(names(exposed)).toEqual(["body.bias", "body.weight", "head.weight"]);
    expect(relativeDifference(await outputOf(exposed), await outputOf(model))).toBeLessThan(1e-6);
    expect(unwrap(readParameters(exposed)).at(2)?.data).toEqual(Float32Array.of(1, -0.5, 0.25, 2));
  });

  it("[TC42] what is exposed trains", async () => {
    const model = unwrap(exposeParameters(compressed()));
    // The rounded weight has no derivative to compare with.
    const { worst } = await modelGradientError(runtime, {
      model,
      scope: { names: ["body.bias", "head.weight"] },
    });
    expect(worst).toBeLessThanOrEqual(1e-3);
  });

  it("[TC42] a network quantised throughout learns, and what it learned survives rounding", async () => {
    const model = unwrap(exposeParameters(quantized()));
    const compiled = unwrap(
      compileTraining(model, {
        scope: "all",
        loss: { kind: "meanSquaredError" },
        optimizer: { kind: "adam" },
      }),
    );
    const batch = batchFor(compiled, 8);
    const trainer = await createTrainer(runtime, compiled);
    const steps = 60;
    const { losses } = await trainer.run(trainer.begin(unwrap(readParameters(model))), {
      stepCount: steps,
      batchSize: 8,
      data: Float32Array.from({ length: steps * 24 }, (_, at) => batch.data[at % 24] ?? 0),
      truth: Float32Array.from({ length: steps * 16 }, (_, at) =>
        Number(batch.truth[at % 16] ?? 0),
      ),
      learningRate: 0.02,
    });
    await trainer.release();
    expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) / 2);
  });

  it("[TC42] a model that hides nothing comes back as it is", () => {
    const write = createModelWriter(17, ["n", 3]);
    const model = write.finish(write.node("MatMul", ["x", write.weight("w", [3, 2])]));
    expect(unwrap(exposeParameters(model, { untie: true }))).toBe(model);
  });

  it("[TC42] one weight under two names is one parameter, with the sum of both gradients, until it is untied", async () => {
    const write = createModelWriter(17, ["n", 2]);
    const first = write.weight("w", [2, 2]);
    const second = write.node("Identity", [first]);
    const hidden = write.node("Sigmoid", [write.node("MatMul", ["x", first])]);
    const model = write.finish(write.node("MatMul", [hidden, second]));
    expect(names(model)).toEqual(["w"]);
    const tied = await modelGradientError(runtime, { model, scope: "all" });
    expect(tied.worst).toBeLessThanOrEqual(1e-3);
    const apart = unwrap(exposeParameters(model, { untie: true }));
    expect(names(apart)).toEqual([second, "w"]);
    const untied = await modelGradientError(runtime, { model: apart, scope: "all" });
    expect(untied.worst).toBeLessThanOrEqual(1e-3);
  });

  it("[TC42] a fresh normalisation, whose equal tensors are one, says how to tell them apart", async () => {
    const write = createModelWriter(17, ["n", 2]);
    const hidden = write.node("MatMul", ["x", write.weight("w", [2, 3])]);
    const scale = write.floats("gamma", [3], [1, 1, 1]);
    const shift = write.floats("beta", [3], [0, 0, 0]);
    const mean = write.node("Identity", [shift]);
    const variance = write.node("Identity", [scale]);
    const normal = write.node("BatchNormalization", [hidden, scale, shift, mean, variance]);
    const model = write.finish(write.node("MatMul", [normal, write.weight("v", [3, 2])]));
    const plan = {
      scope: "all",
      loss: { kind: "meanSquaredError" },
      optimizer: { kind: "sgd" },
    } as const;
    const refused = compileTraining(model, plan);
    expect(refused.ok ? "" : refused.refusal.message).toMatch(
      /^BatchNormalization node ".*" has no running mean and variance of its own: .* exposeParameters with untie/,
    );
    const apart = unwrap(exposeParameters(model, { untie: true }));
    expect(names(apart)).toEqual(["beta", "gamma", "v", mean, variance, "w"]);
    const { worst } = await modelGradientError(runtime, { model: apart, scope: "all" });
    expect(worst).toBeLessThanOrEqual(1e-3);
  });

  it("[TC2] what is quantised by blocks is refused by name", () => {
    const write = createModelWriter(21, ["n", 2]);
    const blocked = write.tensor({
      name: "w",
      type: "int8",
      dims: [2, 2],
      bytes: Uint8Array.of(1, 2, 3, 4),
    });
    const scale = write.floats("s", [1, 2], [1, 1]);
    const weight = write.node("DequantizeLinear", [blocked, scale], {
      block_size: { kind: "integer", value: 2 },
      axis: { kind: "integer", value: 0 },
    });
    const outcome = exposeParameters(write.finish(write.node("MatMul", ["x", weight])));
    expect(outcome.ok ? "" : outcome.refusal.code).toBe("model.operator_unsupported");
    expect(outcome.ok ? "" : outcome.refusal.message).toContain("DequantizeLinear");
  });
});
