// Normalisation by the batch: what it computes, what it counts, where that ends, and where it is refused.
import { elementCount, type ParameterSet, parameterSetOf, unwrap } from "@attune/protocol";
import * as web from "onnxruntime-web/wasm";
import { describe, expect, it } from "vitest";
import { modelGradientError } from "../../../test/modelCheck.ts";
import { createModelWriter, inputValues } from "../../../test/modelWriter.ts";
import { runStep } from "../../../test/stepRunner.ts";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { buildNetwork } from "../build/buildNetwork.ts";
import { compileFrontier } from "../frontier/compileFrontier.ts";
import { float, integer } from "../graph/graphEmitter.ts";
import { readModelFile } from "../onnx/modelFile.ts";
import { exposeParameters } from "../parameters/exposeParameters.ts";
import { patchParameters, readParameters } from "../parameters/parameterBytes.ts";
import { reportPlan } from "../report/reportPlan.ts";
import { createOrtRuntime } from "../session/createOrtRuntime.ts";
import { createPredictor } from "../session/createPredictor.ts";
import { createTrainer, type TrainingSlice, type TrainingState } from "../session/createTrainer.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import { trainedParameters } from "../session/trainedParameters.ts";
import { compileServing } from "./compileServing.ts";
import { type CompiledTraining, compileTraining } from "./compileTraining.ts";
import { canonicalPlan, type TrainingPlan } from "./trainingPlan.ts";

const runtime = await loadNodeOrt();

const planOf = (more: Partial<TrainingPlan> = {}): TrainingPlan => ({
  scope: "all",
  loss: { kind: "crossEntropy" },
  optimizer: { kind: "sgd" },
  batchNormalization: "train",
  ...more,
});

/** Two convolutions, each with a normalisation, and a head. */
const network = buildNetwork(
  {
    input: [2, 12],
    layers: [
      { kind: "convolution", filters: 4, kernel: 3 },
      { kind: "batchNormalization", momentum: 0.8 },
      { kind: "activation", activation: "silu" },
      { kind: "convolution", filters: 5, kernel: 3, stride: 2 },
      { kind: "batchNormalization", momentum: 0.6 },
      { kind: "activation", activation: "tanh" },
      { kind: "globalAveragePool" },
      { kind: "dense", units: 3, name: "head" },
    ],
  },
  createSeededRandom("normalisation"),
);

/** A normalisation right behind the input, so that its batches are known, and a head. */
function normalizedInput(
  dims: readonly number[],
  momentum: number,
  batch: number | string = "batch",
  opset = 17,
): Uint8Array {
  const write = createModelWriter(opset, [batch, ...dims]);
  const [channels = 0] = dims;
  const normalized = write.node(
    "BatchNormalization",
    [
      "x",
      write.weight("n.scale", [channels]),
      write.weight("n.shift", [channels]),
      write.weight("n.mean", [channels]),
      write.floats(
        "n.variance",
        [channels],
        Array.from({ length: channels }, () => 2),
      ),
    ],
    { momentum: float(momentum), epsilon: float(1e-3) },
  );
  const flat = write.node("Flatten", [normalized]);
  const head = write.weight("head.weight", [elementCount(dims), 2]);
  return write.finish(write.node("Gemm", [flat, head, write.weight("head.bias", [2])]));
}

const STEPS = 6;
const BATCH = 5;

function sliceOf(
  sampleDims: readonly number[],
  classCount: number,
  [from, to]: readonly [number, number] = [0, STEPS],
  learningRate = 0.1,
): TrainingSlice & { readonly data: Float32Array } {
  const size = BATCH * elementCount(sampleDims);
  return {
    stepCount: to - from,
    batchSize: BATCH,
    data: inputValues([STEPS, BATCH, ...sampleDims]).subarray(from * size, to * size),
    truth: BigInt64Array.from({ length: (to - from) * BATCH }, (_, at) =>
      BigInt((from * BATCH + at) % classCount),
    ),
    learningRate,
  };
}

/** Trains slice by slice, each with a trainer of its own: nothing is kept but the state. */
async function train(
  model: Uint8Array,
  plan: TrainingPlan,
  slices: readonly TrainingSlice[],
  engine = runtime,
): Promise<{ readonly compiled: CompiledTraining; readonly state: TrainingState }> {
  const compiled = unwrap(compileTraining(model, plan));
  let state: TrainingState | undefined;
  for (const slice of slices) {
    const trainer = await createTrainer(engine, compiled);
    const before: TrainingState = state ?? trainer.begin(unwrap(readParameters(model)));
    state = structuredClone((await trainer.run(before, slice)).state);
    await trainer.release();
  }
  if (state === undefined) throw new Error("no slices");
  return { compiled, state };
}

const valuesOf = (parameters: ParameterSet, name: string): readonly number[] =>
  Array.from(parameters.find((one) => one.name === name)?.data ?? []);

const near = (values: readonly number[], digits = 5) =>
  values.map((value) => expect.closeTo(value, digits));

/** Mean and variance of each channel of a batch, the variance with `n - 1` below. */
function momentsOf(data: Float32Array, dims: readonly number[]) {
  const [channels = 1, ...sizes] = dims;
  const inner = elementCount(sizes);
  return Array.from({ length: channels }, (_, channel) => {
    const own = Array.from(data).filter(
      (_value, at) => Math.floor(at / inner) % channels === channel,
    );
    const mean = own.reduce((sum, value) => sum + value, 0) / own.length;
    const square = own.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    return { mean, variance: square / (own.length - 1) };
  });
}

describe("[TC48] a normalisation that goes by the batch", () => {
  it.each([
    ["values", [4], "batch"],
    ["series", [3, 7], "batch"],
    ["images of a fixed batch", [2, 3, 4], BATCH],
  ] as const)(
    "counts mean and variance of %s over steps as the formula says",
    async (_, dims, batch) => {
      const model = normalizedInput(dims, 0.7, batch);
      const begun = unwrap(readParameters(model));
      const slice = sliceOf(dims, 2);
      const { compiled, state } = await train(model, planOf(), [slice]);
      const size = BATCH * elementCount(dims);
      let mean = valuesOf(begun, "n.mean");
      let variance = valuesOf(begun, "n.variance");
      for (let step = 0; step < STEPS; step += 1) {
        const moments = momentsOf(slice.data.subarray(step * size, (step + 1) * size), dims);
        mean = mean.map((old, at) => 0.7 * old + 0.3 * (moments[at]?.mean ?? 0));
        variance = variance.map((old, at) => 0.7 * old + 0.3 * (moments[at]?.variance ?? 0));
      }
      expect(compiled.statistics).toEqual([
        { name: "n.mean", dims: [dims[0]] },
        { name: "n.variance", dims: [dims[0]] },
      ]);
      expect(valuesOf(state.parameters, "n.mean")).toEqual(near(mean));
      expect(valuesOf(state.parameters, "n.variance")).toEqual(near(variance));
    },
  );

  it("has the gradient of its loss, through batches and all", async () => {
    const { worst, names } = await modelGradientError(runtime, {
      model: network,
      scope: "all",
      loss: { kind: "crossEntropy" },
      batchNormalization: "train",
      batchSize: 4,
    });
    expect(names).toContain("conv1.weight");
    expect(worst).toBeLessThanOrEqual(1e-3);
  });

  it("is computed as the operator in training mode computes it", async () => {
    const marked = buildMarked();
    const byNode = unwrap(compileTraining(marked, planOf({ batchNormalization: "frozen" })));
    const losses = async (compiled: CompiledTraining, model: Uint8Array) => {
      const trainer = await createTrainer(runtime, compiled);
      const { losses: found } = await trainer.run(
        trainer.begin(unwrap(readParameters(model))),
        sliceOf([3, 7], 2),
      );
      await trainer.release();
      return Array.from(found);
    };
    const plain = normalizedInput([3, 7], 0.7);
    expect(await losses(unwrap(compileTraining(plain, planOf())), plain)).toEqual(
      near(await losses(byNode, marked)),
    );
    expect(byNode.statistics).toEqual([]);
  });

  it("is the same in WebAssembly", async () => {
    const slices = [sliceOf([2, 12], 3)];
    const { state } = await train(network, planOf(), slices);
    const other = await train(network, planOf(), slices, createOrtRuntime(web));
    for (const { name, data } of state.parameters) {
      expect(valuesOf(other.state.parameters, name), name).toEqual(near(Array.from(data)));
    }
  });

  it("counts where an older operator set or the node's own training mode says less of it", async () => {
    const plain = normalizedInput([3, 7], 0.7);
    const slices = [sliceOf([3, 7], 2)];
    const { state } = await train(plain, planOf(), slices);
    for (const model of [normalizedInput([3, 7], 0.7, "batch", 9), buildMarked()]) {
      const other = await train(model, planOf(), slices);
      for (const { name, data } of state.parameters) {
        expect(valuesOf(other.state.parameters, name), name).toEqual(Array.from(data));
      }
    }
  });

  it("counts even where nothing is learned, and where it counts in no other", async () => {
    const { state } = await train(network, planOf(), [sliceOf([2, 12], 3, [0, STEPS], 0)]);
    const begun = unwrap(readParameters(network));
    const changed = state.parameters.filter(
      ({ name, data }) => valuesOf(begun, name).join() !== Array.from(data).join(),
    );
    expect(changed.map(({ name }) => name)).toEqual([
      "norm1.mean",
      "norm1.variance",
      "norm2.mean",
      "norm2.variance",
    ]);
  });

  it.each<[TrainingPlan["scope"], string[]]>([
    ["all", ["norm1.mean", "norm1.variance", "norm2.mean", "norm2.variance"]],
    ["norm", ["norm1.mean", "norm1.variance", "norm2.mean", "norm2.variance"]],
    ["bias", ["norm1.mean", "norm1.variance", "norm2.mean", "norm2.variance"]],
    [{ lastLayers: 2 }, ["norm2.mean", "norm2.variance"]],
    [{ names: ["norm1.scale", "head.bias"] }, ["norm1.mean", "norm1.variance"]],
    [{ names: ["conv1.weight"] }, []],
    [{ lowRank: 1 }, []],
    ["head", []],
  ])("of scope %j only", async (scope, names) => {
    const { compiled, state } = await train(network, planOf({ scope }), [sliceOf([2, 12], 3)]);
    expect(compiled.statistics.map(({ name }) => name)).toEqual(names);
    // What is frozen stands in the graph, and what is not, does not.
    const constants = new Set(readModelFile(compiled.step).initializers.map(({ name }) => name));
    for (const name of ["norm1.mean", "norm2.variance"]) {
      expect(constants.has(name), name).toBe(!names.includes(name));
    }
    const changed = trainedParameters(compiled, state).map(({ name }) => name);
    expect(changed.filter((name) => /mean|variance/.test(name))).toEqual(names);
  });

  it("counts twice, one after the other, where a module is called twice", async () => {
    const write = createModelWriter(17, ["batch", 3]);
    const parameters = [
      write.weight("n.scale", [3]),
      write.weight("n.shift", [3]),
      write.weight("n.mean", [3]),
      write.floats("n.variance", [3], [1, 1, 1]),
    ];
    const settings = { momentum: float(0.5) };
    const once = write.node("BatchNormalization", ["x", ...parameters], settings);
    const doubled = write.node("Mul", ["x", write.floats("two", [1], [2])]);
    const twice = write.node("BatchNormalization", [doubled, ...parameters], settings);
    const model = write.finish(write.node("Add", [once, twice]));
    const slice = sliceOf([3], 3, [0, 1]);
    const { state } = await train(model, planOf(), [slice]);
    const moments = momentsOf(slice.data, [3]);
    const expected = valuesOf(unwrap(readParameters(model)), "n.mean").map((old, at) => {
      const batch = moments[at]?.mean ?? 0;
      return 0.5 * (0.5 * old + 0.5 * batch) + 0.5 * (2 * batch);
    });
    expect(valuesOf(state.parameters, "n.mean")).toEqual(near(expected));
  });

  it("leaves the teacher with the statistics of the base", async () => {
    const plan = planOf({ loss: { kind: "crossEntropy", distillation: { weight: 0.5 } } });
    const compiled = unwrap(compileTraining(network, plan));
    expect(compiled.base.map(({ name }) => name)).toContain("norm1.mean");
    const trainer = await createTrainer(runtime, compiled);
    const begun = trainer.begin(unwrap(readParameters(network)));
    const moved = (tensors: ParameterSet): ParameterSet =>
      tensors.map((one) =>
        one.name === "norm1.mean" ? { ...one, data: one.data.map((value) => value + 1) } : one,
      );
    const lossOf = async (state: typeof begun) =>
      Array.from((await trainer.run(state, sliceOf([2, 12], 3, [0, 1]))).losses);
    const loss = await lossOf(begun);
    expect(await lossOf({ ...begun, parameters: moved(begun.parameters) })).toEqual(loss);
    expect(await lossOf({ ...begun, base: moved(begun.base) })).not.toEqual(loss);
    await trainer.release();
  });

  it("is frozen where nothing is said, in the same graph and under the same text as ever", () => {
    const { batchNormalization: _, ...silent } = planOf();
    const frozen = { ...silent, batchNormalization: "frozen" } as const;
    expect(unwrap(compileTraining(network, frozen))).toEqual(
      unwrap(compileTraining(network, silent)),
    );
    expect(unwrap(canonicalPlan(frozen))).toBe(unwrap(canonicalPlan(silent)));
    expect(unwrap(canonicalPlan(silent))).not.toContain("batchNormalization");
    expect(unwrap(canonicalPlan(planOf()))).toContain('"batchNormalization":"train"');
    expect(unwrap(compileTraining(network, silent)).statistics).toEqual([]);
  });
});

/** The network of {@link normalizedInput} whose node says by itself that it goes by the batch. */
function buildMarked(): Uint8Array {
  const write = createModelWriter(17, ["batch", 3, 7]);
  write.nodeOf(
    "BatchNormalization",
    [
      "x",
      write.weight("n.scale", [3]),
      write.weight("n.shift", [3]),
      write.weight("n.mean", [3]),
      write.floats("n.variance", [3], [2, 2, 2]),
    ],
    ["normalized", "runningMean", "runningVariance"],
    { momentum: float(0.7), epsilon: float(1e-3), training_mode: integer(1) },
  );
  const flat = write.node("Flatten", ["normalized"]);
  const head = write.weight("head.weight", [21, 2]);
  return write.finish(write.node("Gemm", [flat, head, write.weight("head.bias", [2])]));
}

describe("[TC49] running statistics", () => {
  const slice = sliceOf([2, 12], 3);
  const plan = planOf({ optimizer: { kind: "adam" } });

  it("are the same after a Scan of some steps as after as many single steps", async () => {
    const { compiled, state: whole } = await train(network, plan, [slice]);
    const graph = await runtime.load(compiled.step);
    const trainer = await createTrainer(runtime, compiled);
    let state = trainer.begin(unwrap(readParameters(network)));
    for (let step = 0; step < STEPS; step += 1) {
      const { data, truth } = sliceOf([2, 12], 3, [step, step + 1]);
      const batch = { batchSize: BATCH, data, truth: truth as BigInt64Array, learningRate: 0.1 };
      ({ state } = await runStep(graph, compiled, state, batch));
    }
    await graph.release();
    await trainer.release();
    expect(state).toEqual(whole);
  });

  it("are the same however a training is cut, stored and resumed", async () => {
    const { state: whole } = await train(network, plan, [slice]);
    const parts = (
      [
        [0, 1],
        [1, 4],
        [4, 6],
      ] as const
    ).map((cut) => sliceOf([2, 12], 3, cut));
    const { state } = await train(network, plan, parts);
    expect(state).toEqual(whole);
    expect(state.parameters.map(({ name }) => name)).toEqual(
      unwrap(readParameters(network)).map(({ name }) => name),
    );
    // An optimizer keeps nothing for them.
    expect(state.optimizer.some(({ name }) => name.includes("mean"))).toBe(false);
  });

  it("end in the model and are what it is served by", async () => {
    const { compiled, state } = await train(network, plan, [slice]);
    const parameters = parameterSetOf(trainedParameters(compiled, state));
    const patched = unwrap(patchParameters(network, parameters));
    expect(unwrap(readParameters(patched))).toEqual(parameters);
    const data = inputValues([BATCH, 2, 12], 9);
    const served = async (...given: Parameters<typeof compileServing>) => {
      const serving = unwrap(compileServing(...given));
      const predictor = await createPredictor(runtime, serving);
      const logits = new Float32Array(BATCH * 3);
      const fed = serving.parameters.map(
        ({ name }) => parameters.find((one) => one.name === name) ?? { name, dims: [], data },
      );
      await predictor.predict(data, BATCH, fed, { logits });
      await predictor.release();
      return logits;
    };
    // What a device starts from is what its training takes.
    const asked = unwrap(compileServing(network, plan)).parameters.map(({ name }) => name);
    expect(asked).toEqual(state.parameters.map(({ name }) => name));
    const expected = near(Array.from(await served(patched)));
    const byInputs = await served(network, { scope: "all", batchNormalization: "train" });
    expect(Array.from(byInputs)).toEqual(expected);
    expect(Array.from(await served(network, { scope: "all" }))).not.toEqual(expected);
  });

  it("train behind a frontier as in the whole", async () => {
    const cut = unwrap(compileFrontier(network, planOf({ scope: { lastLayers: 2 } })));
    expect(cut.tail.statistics.map(({ name }) => name)).toEqual(["norm2.mean", "norm2.variance"]);
    const features = await runtime.load(cut.features);
    const { data } = sliceOf([2, 12], 3);
    const results = await features.run(
      { [cut.names.data]: { type: "float32", dims: [STEPS * BATCH, 2, 12], data } },
      [cut.names.features],
    );
    await features.release();
    const trainer = await createTrainer(runtime, cut.tail);
    const { state } = await trainer.run(trainer.begin(unwrap(readParameters(network))), {
      ...slice,
      data: results[cut.names.features]?.data as Float32Array,
    });
    await trainer.release();
    const { state: whole } = await train(network, planOf({ scope: { lastLayers: 2 } }), [slice]);
    for (const { name, data: values } of state.parameters) {
      expect(Array.from(values), name).toEqual(near(valuesOf(whole.parameters, name)));
    }
  });

  it("are counted by the report, and stand in graphs for every engine", async () => {
    const counted = unwrap(reportPlan(network, planOf()));
    const frozen = unwrap(reportPlan(network, planOf({ batchNormalization: "frozen" })));
    expect(counted.trainedCount).toBe(frozen.trainedCount);
    expect(counted.changedCount).toBe(frozen.changedCount + 2 * 4 + 2 * 5);
    expect(counted.deltaBytes).toBe(frozen.deltaBytes + 4 * 6 + 18);
    expect(counted.peakBytes).toBeGreaterThan(frozen.peakBytes);
    const gpu = unwrap(compileTraining(network, planOf({ lowering: { engine: "webgpu" } })));
    const operators = readModelFile(gpu.step).nodes.map(({ operator }) => operator);
    expect(operators).not.toContain("BatchNormalization");
    const graph = await runtime.load(gpu.step);
    const trainer = await createTrainer(runtime, gpu);
    const { data, truth } = sliceOf([2, 12], 3, [0, 1]);
    const { state } = await runStep(graph, gpu, trainer.begin(unwrap(readParameters(network))), {
      batchSize: BATCH,
      data,
      truth: truth as BigInt64Array,
      learningRate: 0.1,
    });
    await graph.release();
    await trainer.release();
    const plain = await train(network, planOf(), [sliceOf([2, 12], 3, [0, 1])]);
    for (const { name, data: values } of state.parameters) {
      expect(Array.from(values), name).toEqual(near(valuesOf(plain.state.parameters, name)));
    }
  });
});

describe("[TC50] what can not go by its batch is refused by name", () => {
  const refusal = (model: Uint8Array, plan = planOf()) => {
    const compiled = compileTraining(model, plan);
    return compiled.ok ? "" : `${compiled.refusal.code}: ${compiled.refusal.message}`;
  };

  it("a mode that there is not", () => {
    const plan = { ...planOf(), batchNormalization: "renorm" } as unknown as TrainingPlan;
    expect(refusal(network, plan)).toContain('model.plan_invalid: batchNormalization is "renorm"');
  });

  it("a model without such nodes", () => {
    const plain = buildNetwork(
      { input: [3], layers: [{ kind: "dense", units: 2 }] },
      createSeededRandom(1),
    );
    expect(refusal(plain)).toContain("model.plan_invalid: batchNormalization");
  });

  it("a fixed batch of one value, but not one of one image", () => {
    expect(refusal(normalizedInput([4], 0.9, 1))).toMatch(
      /model.operator_unsupported: BatchNormalization node "BatchNormalization_0" sees one value a channel and batch, .* leave batchNormalization out/,
    );
    expect(refusal(normalizedInput([2, 3], 0.9, 1))).toBe("");
  });

  it("a batch of one value when it comes", async () => {
    const compiled = unwrap(compileTraining(normalizedInput([4], 0.9), planOf()));
    expect(compiled.batchSizeMin).toBe(2);
    expect(unwrap(compileTraining(network, planOf())).batchSizeMin).toBe(1);
    const trainer = await createTrainer(runtime, compiled);
    const state = trainer.begin(unwrap(readParameters(normalizedInput([4], 0.9))));
    const slice = { stepCount: 1, batchSize: 1, data: new Float32Array(4), learningRate: 0.1 };
    await expect(trainer.run(state, { ...slice, truth: Int32Array.of(0) })).rejects.toThrow(
      "trainer.shape_mismatch",
    );
    await trainer.release();
  });

  /** A normalisation with these names for its shift and its statistics, and what else is to be there. */
  function sharing(
    [shift, mean]: readonly [string, string],
    more: (write: ReturnType<typeof createModelWriter>) => void = () => undefined,
  ): Uint8Array {
    const write = createModelWriter(17, ["batch", 3]);
    write.floats("n.shift", [3], [0, 0, 0]);
    write.floats("n.variance", [3], [1, 1, 1]);
    more(write);
    const parameters = [write.weight("n.scale", [3]), shift, mean, "n.variance"];
    return write.finish(write.node("BatchNormalization", ["x", ...parameters]));
  }

  it("statistics that are computed, aliases, or something else as well", () => {
    const computed = sharing(["n.shift", "mean"], (write) =>
      write.nodeOf("Neg", ["n.shift"], ["mean"]),
    );
    expect(refusal(computed)).toContain("no parameter of its own for its running mean (mean)");
    const alias = sharing(["n.shift", "mean"], (write) =>
      write.nodeOf("Identity", ["n.shift"], ["mean"]),
    );
    expect(refusal(alias)).toContain("exposeParameters with untie");
    expect(refusal(unwrap(exposeParameters(alias, { untie: true })))).toBe("");
    expect(refusal(sharing(["n.shift", "n.shift"]))).toContain(
      "reads the running statistic n.shift as something else",
    );
  });
});
