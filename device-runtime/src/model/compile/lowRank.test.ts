// Low-rank patches: where they start, what they train, and what they add up to.
import { elementCount, type ParameterSet, parameterSetOf, unwrap } from "@attune/protocol";
import { describe, expect, it } from "vitest";
import { runStep } from "../../../test/stepRunner.ts";
import { relativeDifference } from "../../../test/torchParityCase.ts";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { buildCnn1d } from "../build/buildCnn1d.ts";
import { buildPerceptron } from "../build/buildPerceptron.ts";
import { integer } from "../graph/graphEmitter.ts";
import { writeModel } from "../onnx/modelFile.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { floatTensor, type OnnxTensor } from "../onnx/tensorMessage.ts";
import { writeValue } from "../onnx/valueMessage.ts";
import { patchParameters, readParameters } from "../parameters/parameterBytes.ts";
import type { LowRankScope } from "../parameters/parameterScope.ts";
import { createPredictor } from "../session/createPredictor.ts";
import { createTrainer, type TrainingState } from "../session/createTrainer.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import { trainedParameters } from "../session/trainedParameters.ts";
import { compileServing } from "./compileServing.ts";
import { type CompiledTraining, compileTraining } from "./compileTraining.ts";
import type { TrainingPlan } from "./trainingPlan.ts";

const runtime = await loadNodeOrt();
const BATCH = 6;

const node = (
  operator: string,
  inputs: string[],
  output: string,
  attributes: OnnxNode["attributes"] = new Map(),
): OnnxNode => ({ name: "", operator, domain: "", inputs, outputs: [output], attributes });
const weightOf = (name: string, ...dims: number[]): OnnxTensor =>
  floatTensor(
    name,
    dims,
    Float32Array.from({ length: elementCount(dims) }, (_, at) => 0.4 * Math.sin(at * 3.3 + 1)),
  );

/** Every layout: MatMul over time, Gemm with a transposed weight and a factor, Gemm without. */
const dense = writeModel(17, {
  name: "dense",
  nodes: [
    node("MatMul", ["x", "a"], "h1"),
    node("Tanh", ["h1"], "h2"),
    node("Flatten", ["h2"], "h3"),
    node(
      "Gemm",
      ["h3", "b", "b.bias"],
      "h4",
      new Map([
        ["transB", integer(1)],
        ["alpha", { kind: "float", value: 0.5 }],
      ]),
    ),
    node("Tanh", ["h4"], "h5"),
    node("Gemm", ["h5", "c"], "y"),
  ],
  initializers: [
    weightOf("a", 6, 7),
    weightOf("b", 8, 21),
    weightOf("b.bias", 8),
    weightOf("c", 8, 5),
  ],
  inputs: [writeValue("x", "float32", ["batch", 3, 6])],
  outputs: [writeValue("y", "float32", ["batch", 5])],
});
const convolutional = buildCnn1d(
  {
    channels: 4,
    length: 12,
    convolutions: [
      { filters: 8, kernel: 3, stride: 2 },
      { filters: 9, kernel: 5 },
    ],
    reduce: "flatten",
    dense: [],
    classCount: 5,
  },
  createSeededRandom("low rank"),
);
const models = [
  { name: "dense", model: dense, sample: 18 },
  { name: "convolutional", model: convolutional, sample: 48 },
];

const planOf = (scope: LowRankScope, more: Partial<TrainingPlan> = {}): TrainingPlan => ({
  scope,
  loss: { kind: "crossEntropy" },
  optimizer: { kind: "adam" },
  ...more,
});
const batchOf = (sample: number, steps = 1) => ({
  data: Float32Array.from({ length: steps * BATCH * sample }, (_, at) => Math.sin(at * at)),
  truth: Int32Array.from({ length: steps * BATCH }, (_, at) => (at * 3) % 5),
});

async function lossOf(model: Uint8Array, sample: number): Promise<number> {
  const compiled = unwrap(compileTraining(model, { ...planOf({ lowRank: 1 }), scope: "all" }));
  return stepLoss(compiled, unwrap(readParameters(model)), sample);
}

async function stepLoss(
  compiled: CompiledTraining,
  parameters: ParameterSet,
  sample: number,
  from?: TrainingState,
): Promise<number> {
  const trainer = await createTrainer(runtime, compiled);
  const { losses } = await trainer.run(from ?? trainer.begin(parameters), {
    stepCount: 1,
    batchSize: BATCH,
    ...batchOf(sample),
    learningRate: 0,
  });
  await trainer.release();
  return losses[0] ?? Number.NaN;
}

describe("low-rank patches", () => {
  for (const { name, model, sample } of models) {
    const base = unwrap(readParameters(model));

    it(`[TC33] ${name}: start as no patch, learn, and serve what they learned once they are merged`, async () => {
      const compiled = unwrap(compileTraining(model, planOf({ lowRank: 2, scale: 1.5 })));
      const trainer = await createTrainer(runtime, compiled);
      const begun = trainer.begin(base);
      expect(trainedParameters(compiled, begun)).toEqual(
        base.filter((one) => compiled.base.some((kept) => kept.name === one.name)),
      );
      const { state, losses } = await trainer.run(begun, {
        stepCount: 20,
        batchSize: BATCH,
        data: Float32Array.from({ length: 20 * BATCH * sample }, (_, at) =>
          Math.sin((at % (BATCH * sample)) ** 2),
        ),
        truth: Int32Array.from({ length: 20 * BATCH }, (_, at) => ((at % BATCH) * 3) % 5),
        learningRate: 0.05,
      });
      expect(losses[0]).toBeCloseTo(await lossOf(model, sample), 5);
      expect(losses.at(-1)).toBeLessThan(0.7 * (losses[0] ?? 0));
      await trainer.release();
      const merged = parameterSetOf(trainedParameters(compiled, state));
      const served = unwrap(patchParameters(model, merged));
      expect(await stepLoss(compiled, base, sample, state)).toBeCloseTo(
        await lossOf(served, sample),
        5,
      );
    });

    it(`[TC33] ${name}: gradients by the factors are those of the merged weight, through the factors`, async () => {
      const compiled = unwrap(compileTraining(model, planOf({ lowRank: 2, scale: 0.7 })));
      const trainer = await createTrainer(runtime, compiled);
      const random = createSeededRandom("factors");
      const begun = trainer.begin(base);
      const state = {
        ...begun,
        parameters: begun.parameters.map((one) => ({
          ...one,
          data: one.data.map(() => (random.nextUint32() / 2 ** 32 - 0.5) * 0.3),
        })),
      };
      const { data, truth } = batchOf(sample);
      const run = async (what: CompiledTraining, at: TrainingState) => {
        const graph = await runtime.load(what.step);
        const result = await runStep(graph, what, at, {
          batchSize: BATCH,
          data,
          truth: BigInt64Array.from(truth, BigInt),
          learningRate: 0,
        });
        await graph.release();
        return result;
      };
      const { gradients } = await run(compiled, state);
      const served = unwrap(
        patchParameters(model, parameterSetOf(trainedParameters(compiled, state))),
      );
      const names = compiled.base.map((one) => one.name);
      const whole = unwrap(
        compileTraining(served, { ...planOf({ lowRank: 1 }), scope: { names } }),
      );
      const wholeTrainer = await createTrainer(runtime, whole);
      const full = await run(whole, wholeTrainer.begin(unwrap(readParameters(served))));
      await wholeTrainer.release();
      await trainer.release();
      for (const { weight, down, up, layout, scale } of compiled.patches) {
        const of = (list: readonly { name: string; data: Float32Array }[], wanted: string) =>
          list.find((one) => one.name === wanted)?.data ?? new Float32Array();
        const slope = of(full.gradients, weight.name);
        // As matrices [rows, columns] = left x right: W is left·right in every layout, transposed for outIn.
        const [rows = 1] = weight.dims;
        const columns = elementCount(weight.dims) / rows;
        const rank = 2;
        const at = (row: number, column: number): number => slope[row * columns + column] ?? 0;
        const isConvolution = layout === "convolution";
        const thin = of(state.parameters, isConvolution ? up.name : down.name);
        const wide = of(state.parameters, isConvolution ? down.name : up.name);
        const byThin = new Float32Array(thin.length);
        const byWide = new Float32Array(wide.length);
        for (let row = 0; row < rows; row += 1) {
          for (let column = 0; column < columns; column += 1) {
            for (let r = 0; r < rank; r += 1) {
              const thinAt = layout === "outIn" ? column * rank + r : row * rank + r;
              const wideAt = layout === "outIn" ? r * rows + row : r * columns + column;
              byThin[thinAt] =
                (byThin[thinAt] ?? 0) + scale * at(row, column) * (wide[wideAt] ?? 0);
              byWide[wideAt] =
                (byWide[wideAt] ?? 0) + scale * at(row, column) * (thin[thinAt] ?? 0);
            }
          }
        }
        const [thinName, wideName] = isConvolution ? [up.name, down.name] : [down.name, up.name];
        expect(relativeDifference(of(gradients, thinName), byThin)).toBeLessThanOrEqual(1e-4);
        expect(relativeDifference(of(gradients, wideName), byWide)).toBeLessThanOrEqual(1e-4);
      }
    });
  }

  it("[TC33] a patch lies on the parameters that the training begins with, not on those in the file or of the base", async () => {
    const compiled = unwrap(compileTraining(dense, planOf({ lowRank: 1 })));
    const base = unwrap(readParameters(dense));
    const other = parameterSetOf(base.map((one) => ({ ...one, data: one.data.map((v) => v / 2) })));
    const biasOfFile = base.filter((one) => one.name === "b.bias");
    const mixed = parameterSetOf([...other.filter((one) => one.name !== "b.bias"), ...biasOfFile]);
    const trainer = await createTrainer(runtime, compiled);
    expect(trainer.begin(other, base)).toEqual(trainer.begin(other));
    await trainer.release();
    expect(await stepLoss(compiled, other, 18)).toBeCloseTo(
      await lossOf(unwrap(patchParameters(dense, mixed)), 18),
      5,
    );
  });

  it("[TC33] weights that no patch fits are left alone, or turned away where they are named", () => {
    const codeOf = (scope: LowRankScope, more: Partial<TrainingPlan> = {}): string => {
      const outcome = compileTraining(dense, planOf(scope, more));
      return outcome.ok ? "" : outcome.refusal.code;
    };
    const patched = (lowRank: number): string[] =>
      unwrap(compileTraining(dense, planOf({ lowRank }))).patches.map((one) => one.weight.name);
    expect(patched(2)).toEqual(["a", "b", "c"]);
    expect(patched(4)).toEqual(["b"]);
    expect(codeOf({ lowRank: 3, weights: ["a"] })).toBe("");
    expect(codeOf({ lowRank: 4, weights: ["a"] })).toBe("model.plan_invalid");
    expect(codeOf({ lowRank: 50 })).toBe("model.plan_invalid");
    expect(codeOf({ lowRank: 1.5 })).toBe("model.plan_invalid");
    expect(codeOf({ lowRank: 1, scale: 0 })).toBe("model.plan_invalid");
    expect(codeOf({ lowRank: 1, weights: ["nose"] })).toBe("model.parameter_unknown");
    expect(codeOf({ lowRank: 1 }, { pullToBase: 0.1 })).toBe("model.plan_invalid");
    const tiny = buildPerceptron(
      { inputSize: 2, hidden: [], classCount: 2 },
      createSeededRandom(1),
    );
    const messageOf = (lowRank: number): string => {
      const outcome = compileTraining(tiny, planOf({ lowRank }));
      return outcome.ok ? "" : outcome.refusal.message;
    };
    expect(messageOf(2)).toContain("take a lower rank");
    expect(messageOf(1)).toContain('the factors would be as large; take the scope "all"');
  });

  it("[TC33] a serving graph with this scope takes the merged weights as inputs", async () => {
    const serving = unwrap(compileServing(dense, { scope: { lowRank: 2 } }));
    expect(serving.parameters.map((one) => one.name)).toEqual(["a", "b", "c"]);
    const predictor = await createPredictor(runtime, serving);
    const logits = new Float32Array(5);
    await predictor.predict(new Float32Array(18).fill(1), 1, unwrap(readParameters(dense)), {
      logits,
    });
    expect(logits.some((value) => value !== 0)).toBe(true);
    await predictor.release();
  });
});
