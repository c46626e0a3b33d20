// Forms of operations in whole trainings: asked for, named in the plan's text, left to the cost table, timed; and what WebGPU gets.

import { elementCount, unwrap } from "@attune/protocol";
import { describe, expect, it } from "vitest";
import { createModelWriter } from "../../../test/modelWriter.ts";
import { runStep } from "../../../test/stepRunner.ts";
import { relativeDifference } from "../../../test/torchParityCase.ts";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { buildNetwork } from "../build/buildNetwork.ts";
import type { LayerSpec } from "../build/networkSpec.ts";
import { integer } from "../graph/graphEmitter.ts";
import { type LoweringSpec, loweredOperations } from "../lowering/lowering.ts";
import { readModelFile } from "../onnx/modelFile.ts";
import { readParameters } from "../parameters/parameterBytes.ts";
import { createTrainer } from "../session/createTrainer.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import { timeLowerings } from "../session/timeLowerings.ts";
import { compileTraining } from "./compileTraining.ts";
import { listLowerings } from "./listLowerings.ts";
import { canonicalPlan, type TrainingPlan } from "./trainingPlan.ts";

const runtime = await loadNodeOrt();
const BATCH = 3;
const INPUT = [2, 12, 10];
const layers: readonly LayerSpec[] = [
  { kind: "convolution", filters: 6, kernel: 3, activation: "relu" },
  { kind: "maxPool", size: 2 },
  { kind: "convolution", filters: 6, kernel: 3, groups: 6, stride: 2, activation: "silu" },
  { kind: "convolution", filters: 8, kernel: 1, activation: "relu" },
  { kind: "groupNormalization", groups: 2 },
  { kind: "averagePool", size: [1, 2] },
  { kind: "globalMaxPool" },
  { kind: "dense", units: 4 },
];
const model = buildNetwork({ input: INPUT, layers }, createSeededRandom("lowering"));
/** As many numbers a sample, over one axis. */
const signalModel = buildNetwork(
  {
    input: [2, 120],
    layers: [
      { kind: "convolution", filters: 6, kernel: 5, activation: "relu" },
      { kind: "maxPool", size: 2 },
      { kind: "convolution", filters: 8, kernel: 3, activation: "relu" },
      { kind: "globalAveragePool" },
      { kind: "dense", units: 4 },
    ],
  },
  createSeededRandom("lowering"),
);
const modelWith = (operation: string): Uint8Array => (operation === "conv" ? signalModel : model);
const planWith = (lowering?: LoweringSpec): TrainingPlan => ({
  scope: "all",
  loss: { kind: "crossEntropy" },
  optimizer: { kind: "sgd" },
  ...(lowering === undefined ? {} : { lowering }),
});

/** Loss and gradients of one step. */
async function stepOf(
  lowering?: LoweringSpec,
  of: Uint8Array = model,
): Promise<{ loss: number; gradients: number[] }> {
  const compiled = unwrap(compileTraining(of, planWith(lowering)));
  const trainer = await createTrainer(runtime, compiled);
  const graph = await runtime.load(compiled.step);
  const random = createSeededRandom("lowering data");
  const found = await runStep(graph, compiled, trainer.begin(unwrap(readParameters(of))), {
    batchSize: BATCH,
    data: Float32Array.from(
      { length: BATCH * elementCount(INPUT) },
      () => random.nextUint32() / 2 ** 31 - 1,
    ),
    truth: BigInt64Array.of(0n, 3n, 1n),
    learningRate: 0.1,
  });
  await graph.release();
  await trainer.release();
  return {
    loss: found.loss,
    gradients: found.gradients.flatMap(({ data }) => Array.from(data)),
  };
}

const operatorsOf = (lowering?: LoweringSpec): string[] =>
  readModelFile(unwrap(compileTraining(model, planWith(lowering))).step).nodes.map(
    ({ operator }) => operator,
  );

describe("lowering", () => {
  it("[TC51] every form can be asked for, is then what is written, and trains alike", async () => {
    for (const [operation, forms] of Object.entries(loweredOperations)) {
      const of = modelWith(operation);
      const expected = await stepOf({}, of);
      const graphs = new Set<string>();
      for (const form of forms) {
        const lowering = { forms: { [operation]: form } };
        graphs.add(unwrap(compileTraining(of, planWith(lowering))).step.join());
        const found = await stepOf(lowering, of);
        expect(found.loss).toBeCloseTo(expected.loss, 5);
        expect(
          relativeDifference(found.gradients, expected.gradients),
          `${operation} ${form}`,
        ).toBeLessThanOrEqual(1e-5);
      }
      expect(graphs.size, operation).toBeGreaterThanOrEqual(2);
    }
  });

  it("[TC12] [TC51] the plan's text names engine, batch size and forms", () => {
    const texts = [
      planWith(),
      planWith({ engine: "wasm" }),
      planWith({ batchSize: 32 }),
      planWith({ forms: { "conv.weight": "unfold" } }),
    ].map((plan) => unwrap(canonicalPlan(plan)));
    expect(new Set(texts).size).toBe(4);
    expect(texts[3]).toContain('"forms":{"conv.weight":"unfold"}');
    expect(unwrap(canonicalPlan(planWith({})))).toBe(texts[0]);
  });

  it("[TC2] [TC51] engines, operations and forms that are not known are refused", () => {
    for (const lowering of [
      { engine: "cuda" },
      { batchSize: 0 },
      { batchSize: 1.5 },
      { forms: { "conv.bias": "unfold" } },
      { forms: { "conv.weight": "fold" } },
      { forms: { constructor: "unfold" } },
    ]) {
      expect(compileTraining(model, planWith(lowering as LoweringSpec))).toMatchObject({
        ok: false,
        refusal: { code: "model.plan_invalid" },
      });
    }
  });

  it("[TC46] for WebGPU a step holds nothing that WebGPU lacks, and trains alike", async () => {
    const missing = ["Scan", "ScatterElements", "OneHot", "LogSoftmax"];
    const written = operatorsOf({ engine: "webgpu" });
    expect(written.filter((operator) => missing.includes(operator))).toEqual([]);
    // The same plan for another engine does hold some of them: this test can fail.
    const scattered = operatorsOf({ forms: { "maxPool.data": "scatter" } });
    expect(missing.filter((operator) => scattered.includes(operator))).toEqual([
      "ScatterElements",
      "OneHot",
      "LogSoftmax",
    ]);
    const expected = await stepOf();
    const found = await stepOf({ engine: "webgpu" });
    expect(found.loss).toBeCloseTo(expected.loss, 5);
    expect(relativeDifference(found.gradients, expected.gradients)).toBeLessThanOrEqual(1e-5);
  });

  it("[TC46] what WebGPU lacks is refused by the node of the model that asks for it", () => {
    const write = createModelWriter(17, ["n", 4]);
    const hidden = write.node("MatMul", ["x", write.weight("w", [4, 3])]);
    const picked = write.node(
      "GatherElements",
      [
        write.node("Reshape", [hidden, write.integers("one", [2], [1, 3])]),
        write.integers("places", [1, 2], [2, 0]),
      ],
      { axis: integer(1) },
    );
    const outcome = compileTraining(write.finish(picked), {
      scope: "all",
      loss: { kind: "meanSquaredError" },
      optimizer: { kind: "sgd" },
      dims: { n: 1 },
      lowering: { engine: "webgpu" },
    });
    expect(outcome.ok ? "" : outcome.refusal.message).toMatch(
      /^GatherElements node "GatherElements_\d": training writes ScatterElements, which WebGPU does not have/,
    );
  });

  it("[TC47] a device times every form, and its choices compile as they are named", async () => {
    const plan = planWith({ batchSize: BATCH });
    const models = [model, signalModel];
    const choices = models.flatMap((one) => unwrap(listLowerings(one, plan)));
    expect(new Set(choices.map(({ operation }) => operation))).toEqual(
      new Set(Object.keys(loweredOperations)),
    );
    const timed = await timeLowerings(runtime, choices, {
      siteMs: 0,
      nowMs: () => performance.now(),
    });
    for (const { site, forms } of choices) {
      expect(forms.map(({ name }) => name)).toContain(timed.forms[site]);
      expect(Object.keys(timed.runMs[site] ?? {}).sort()).toEqual(
        forms.map(({ name }) => name).sort(),
      );
    }
    const slowest = Object.fromEntries(
      choices.map(({ site, forms }) => [site, forms.at(-1)?.name ?? ""]),
    );
    const asked = planWith({ batchSize: BATCH, forms: slowest });
    const chosen = models.flatMap((one) => unwrap(listLowerings(one, asked)));
    expect(Object.fromEntries(chosen.map(({ site, chosen: form }) => [site, form]))).toEqual(
      slowest,
    );
  });
});
