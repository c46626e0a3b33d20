// Teaching by the base inside whole trainings: the base runs beside what is trained, and only what differs runs twice.
import { type ParameterTensor, unwrap } from "@attune/protocol";
import { expect, it } from "vitest";
import { runLoss } from "../../../test/lossCheck.ts";
import { createModelWriter } from "../../../test/modelWriter.ts";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { buildCnn1d } from "../build/buildCnn1d.ts";
import { compileServing } from "../compile/compileServing.ts";
import { compileTraining } from "../compile/compileTraining.ts";
import type { TrainingPlan } from "../compile/trainingPlan.ts";
import { readModelFile } from "../onnx/modelFile.ts";
import { patchParameters, readParameters } from "../parameters/parameterBytes.ts";
import { createPredictor } from "../session/createPredictor.ts";
import { createTrainer } from "../session/createTrainer.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";

const runtime = await loadNodeOrt();
const BATCH = 4;
const model = buildCnn1d(
  {
    channels: 2,
    length: 12,
    convolutions: [{ filters: 6, kernel: 3, pool: 2 }],
    reduce: "flatten",
    dense: [8],
    classCount: 3,
  },
  createSeededRandom("distil"),
);
const base = unwrap(readParameters(model));
const current = base.map((one) => ({ ...one, data: one.data.map((v) => v * 0.5 + 0.02) }));
const slice = {
  stepCount: 1,
  batchSize: BATCH,
  data: Float32Array.from({ length: BATCH * 24 }, (_, at) => Math.sin(at * at)),
  truth: Int32Array.of(0, 2, 1, 0),
  learningRate: 0,
};
const distillation = { weight: 0.6, temperature: 3 };
const planOf = (scope: TrainingPlan["scope"]): TrainingPlan => ({
  scope,
  loss: { kind: "crossEntropy", distillation },
  optimizer: { kind: "sgd" },
});

async function logitsOf(parameters: readonly ParameterTensor[]): Promise<Float32Array> {
  const file = unwrap(patchParameters(model, parameters));
  const predictor = await createPredictor(runtime, unwrap(compileServing(file)));
  const logits = new Float32Array(BATCH * 3);
  await predictor.predict(slice.data, BATCH, [], { logits });
  await predictor.release();
  return logits;
}

for (const scope of ["head", { lastLayers: 2 }, "all", { lowRank: 1 }] as const) {
  it(`[TC30] ${JSON.stringify(scope)}: the teacher is the base, whatever is trained`, async () => {
    const compiled = unwrap(compileTraining(model, planOf(scope)));
    const trainer = await createTrainer(runtime, compiled);
    const isPatch = compiled.patches.length > 0;
    const begun = trainer.begin(isPatch ? base : current, base);
    const { losses, state } = await trainer.run(begun, slice);
    await trainer.release();
    expect(state.base.map(({ name }) => name)).toEqual(compiled.base.map(({ name }) => name));
    const trained = new Set(compiled.parameters.map(({ name }) => name));
    const student = base.map((one) =>
      trained.has(one.name) ? (current.find(({ name }) => name === one.name) ?? one) : one,
    );
    const { loss } = await runLoss(runtime, {
      spec: { kind: "crossEntropy", distillation },
      dims: [BATCH, 3],
      scores: await logitsOf(student),
      teacher: await logitsOf(base),
      truth: [...slice.truth],
    });
    expect(losses[0]).toBeCloseTo(loss, 5);
  });
}

it("[TC30] nodes keep their names for the student alone: the engine takes each name once", async () => {
  const write = createModelWriter(17, ["batch", 4]);
  const hidden = write.node("Tanh", [write.node("MatMul", ["x", write.weight("first", [4, 5])])]);
  const named = write.finish(write.node("MatMul", [hidden, write.weight("last", [5, 3])]));
  const { step } = unwrap(compileTraining(named, planOf("all")));
  const given = readModelFile(step).nodes.flatMap(({ name }) => (name === "" ? [] : name));
  expect(given).toEqual([...new Set(given)]);
  await (await runtime.load(step)).release();
});

it("[TC11] what is frozen runs once for both: with a head, only the head runs twice", () => {
  const operators = (scope: TrainingPlan["scope"]): string[] =>
    readModelFile(unwrap(compileTraining(model, planOf(scope))).step).nodes.map(
      (node) => node.operator,
    );
  expect(operators("head").filter((one) => one === "Conv")).toHaveLength(1);
  expect(operators("all").filter((one) => one === "MaxPool").length).toBeGreaterThanOrEqual(2);
});
