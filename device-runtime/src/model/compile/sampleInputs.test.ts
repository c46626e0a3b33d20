// Models of words and masks: several inputs, whole numbers and truth values, through training, its halves, serving and fitting.
import { type ParameterTensor, unwrap } from "@attune/protocol";
import { describe, expect, it } from "vitest";
import { exportedModels } from "../../../test/exportedModels.ts";
import { createModelWriter } from "../../../test/modelWriter.ts";
import { runStep } from "../../../test/stepRunner.ts";
import { relativeDifference } from "../../../test/torchParityCase.ts";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { buildNetwork } from "../build/buildNetwork.ts";
import { compileFrontier } from "../frontier/compileFrontier.ts";
import { createFeatureExtractor } from "../frontier/createFeatureExtractor.ts";
import { integer } from "../graph/graphEmitter.ts";
import type { ElementType } from "../onnx/elementType.ts";
import { floatTensor } from "../onnx/tensorMessage.ts";
import { readParameters } from "../parameters/parameterBytes.ts";
import { reportPlan } from "../report/reportPlan.ts";
import { createPredictor } from "../session/createPredictor.ts";
import { createTrainer, type TrainingSlice } from "../session/createTrainer.ts";
import { fitModel } from "../session/fitModel.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import type { SampleArray } from "../session/sampleData.ts";
import { compileServing } from "./compileServing.ts";
import { type CompiledTraining, compileTraining } from "./compileTraining.ts";
import type { TrainingPlan } from "./trainingPlan.ts";

const runtime = await loadNodeOrt();
const STEPS = 6;
const BATCH = 4;

const textModels = exportedModels.filter(({ data }) => data !== undefined);
const planOf = (scope: TrainingPlan["scope"], more: Partial<TrainingPlan> = {}): TrainingPlan => ({
  scope,
  loss: { kind: "crossEntropy" },
  optimizer: { kind: "momentum" },
  ...more,
});
const truth = Int32Array.from({ length: STEPS * BATCH }, (_, at) => (at * 5) % 2);

async function train(
  compiled: CompiledTraining,
  parameters: readonly ParameterTensor[],
  data: TrainingSlice["data"],
): Promise<{ readonly parameters: readonly ParameterTensor[]; readonly losses: Float32Array }> {
  const trainer = await createTrainer(runtime, compiled);
  const slice = { stepCount: STEPS, batchSize: BATCH, data, truth, learningRate: 0.05 };
  const { state, losses } = await trainer.run(trainer.begin(parameters), slice);
  await trainer.release();
  return { parameters: state.parameters, losses };
}

/** Steps `from` to `to` of all inputs. */
const part = (
  data: Readonly<Record<string, SampleArray>>,
  from: number,
  to: number,
): Record<string, SampleArray> =>
  Object.fromEntries(
    Object.entries(data).map(([name, array]) => {
      const size = array.length / STEPS;
      return [name, array.subarray(from * size, to * size)];
    }),
  );

for (const { name, model, dims = {}, data: dataOf } of textModels) {
  const data = dataOf?.(STEPS * BATCH) ?? {};
  const parameters = unwrap(readParameters(model));

  describe(`a model: ${name}`, () => {
    it("[TC56] a Scan over words and masks gives the bytes of single steps", async () => {
      const compiled = unwrap(compileTraining(model, planOf("all", { dims })));
      const whole = await train(compiled, parameters, data);
      const trainer = await createTrainer(runtime, compiled);
      const graph = await runtime.load(compiled.step);
      let state = trainer.begin(parameters);
      const losses = new Float32Array(STEPS);
      for (let step = 0; step < STEPS; step += 1) {
        const result = await runStep(graph, compiled, state, {
          batchSize: BATCH,
          data: part(data, step, step + 1),
          truth: BigInt64Array.from(truth.subarray(step * BATCH, (step + 1) * BATCH), BigInt),
          learningRate: 0.05,
        });
        losses[step] = result.loss;
        state = result.state;
      }
      await graph.release();
      await trainer.release();
      expect(losses).toEqual(whole.losses);
      expect(state.parameters).toEqual(whole.parameters);
    });

    it("[TC56] a training that is cut learns what the whole one does; what its tail reads of a mask stays an input", async () => {
      for (const scope of ["head", { lastLayers: 2 }] as const) {
        const plan = planOf(scope, { dims });
        const cut = unwrap(compileFrontier(model, plan));
        const extractor = await createFeatureExtractor(runtime, cut);
        const features = await extractor.extract(data, STEPS * BATCH);
        await extractor.release();
        const [first, ...others] = cut.tail.inputs;
        expect(first).toEqual({
          name: cut.names.features,
          type: "float32",
          dims: cut.featureDims,
        });
        const asked: Record<string, SampleArray> = { [cut.names.features]: features };
        for (const { name: mask } of others) asked[mask] = data[mask] as SampleArray;
        const whole = await train(unwrap(compileTraining(model, plan)), parameters, data);
        const tail = await train(cut.tail, parameters, asked);
        expect(relativeDifference(tail.losses, whole.losses)).toBeLessThanOrEqual(1e-5);
        for (const [index, { data: values }] of tail.parameters.entries()) {
          const other = whole.parameters[index]?.data ?? [];
          expect(relativeDifference(values, other)).toBeLessThanOrEqual(1e-5);
        }
      }
    });

    it("[TC56] is served by the names of its inputs, and its cost counts them all", async () => {
      const serving = unwrap(compileServing(model, { scope: "head", dims }));
      expect(serving.inputs.map((input) => input.name)).toEqual(Object.keys(data));
      const predictor = await createPredictor(runtime, serving);
      const scores = (count: number) => new Float32Array(count * serving.logitCount);
      const [all, one] = [scores(BATCH), scores(1)];
      await predictor.predict(part(data, 0, 1), BATCH, parameters, { logits: all });
      await predictor.predict(data, 1, parameters, { logits: one });
      expect(relativeDifference(all.subarray(0, serving.logitCount), one)).toBeLessThan(1e-6);
      await predictor.release();
      expect(unwrap(reportPlan(model, planOf("all", { dims }))).peakBytes).toBeGreaterThan(0);
    });
  });
}

const [words] = textModels;

describe("samples", () => {
  const model = words?.model ?? new Uint8Array();
  const dims = words?.dims ?? {};
  const data = words?.data?.(STEPS * BATCH) ?? {};
  const parameters = unwrap(readParameters(model));

  it("[TC56] ids are taken as 32 or 64 bits, to the same bytes", async () => {
    const compiled = unwrap(compileTraining(model, planOf("all", { dims })));
    const narrow = Object.fromEntries(
      Object.entries(data).map(([name, array]) => [name, Int32Array.from(array, Number)]),
    );
    const [wide, short] = [
      await train(compiled, parameters, data),
      await train(compiled, parameters, narrow),
    ];
    expect(short.parameters).toEqual(wide.parameters);
  });

  it("[TC56] only words that occur learn, without a state that moves the others", async () => {
    const plan = planOf("all", { dims, optimizer: { kind: "sgd" } });
    const compiled = unwrap(compileTraining(model, plan));
    const ids = BigInt64Array.from({ length: STEPS * BATCH * 5 }, (_, at) =>
      at % 3 === 0 ? 2n : 5n,
    );
    const { parameters: after } = await train(compiled, parameters, { ...data, input_ids: ids });
    const rows = (tensors: readonly ParameterTensor[]) => {
      const table = tensors.find(({ name }) => name === "embeddings.word.weight")?.data ?? [];
      return Array.from({ length: 7 }, (_, row) => table.slice(4 * row, 4 * row + 4).join());
    };
    const [before, now] = [rows(parameters), rows(after)];
    const moved = now.flatMap((row, at) => (row === before[at] ? [] : at));
    expect(moved).toEqual([2, 5]);
  });

  it("[TC56] arrays that are missing, short or of another type are defects that name the input", async () => {
    const trainer = await createTrainer(
      runtime,
      unwrap(compileTraining(model, planOf("head", { dims }))),
    );
    const run = (given: TrainingSlice["data"]) =>
      trainer.run(trainer.begin(parameters), {
        stepCount: STEPS,
        batchSize: BATCH,
        data: given,
        truth,
        learningRate: 0.1,
      });
    const { input_ids: ids = new Int32Array(), attention_mask: mask = new Int32Array() } = data;
    await expect(run(ids)).rejects.toThrow("input_ids has 0 values");
    await expect(run({ input_ids: ids })).rejects.toThrow("attention_mask has 0 values");
    await expect(run({ input_ids: ids, attention_mask: mask.subarray(1) })).rejects.toThrow(
      "attention_mask has 119 values, [6, 4, 5] needs 120",
    );
    const floats = new Float32Array(ids.length);
    await expect(run({ input_ids: floats, attention_mask: mask })).rejects.toThrow(
      "input input_ids takes int64, it is given a Float32Array",
    );
    await trainer.release();
  });

  it("[TC56] types that are no data, and inputs that are not one for each sample, are refused by name", () => {
    const written = (type: ElementType, second: readonly (number | string)[]): Uint8Array => {
      const write = createModelWriter(
        17,
        [],
        [
          { name: "x", type: "float32", dims: ["batch", 2] },
          { name: "other", type, dims: second },
        ],
      );
      const cast = write.node("Cast", ["other"], { to: integer(1) });
      const sum = write.node("Add", ["x", cast]);
      const weight = write.tensor(floatTensor("w", [2, 2], [1, 2, 3, 4]));
      return write.finish(write.node("MatMul", [sum, weight]));
    };
    const messageOf = (odd: Uint8Array): string => {
      const outcome = compileTraining(odd, planOf("all"));
      return outcome.ok ? "" : outcome.refusal.message;
    };
    expect(messageOf(written("int32", ["batch", 2]))).toBe("");
    expect(messageOf(written("float64", ["batch", 2]))).toBe(
      "input other is float64, must be float32, int32, int64 or bool",
    );
    expect(messageOf(written("int64", []))).toContain("input other is [], so it is not one for");
    expect(messageOf(written("int64", [3, 2]))).toContain("specializeModel");
    expect(messageOf(written("int64", ["batch", "time"]))).toContain("fix the others by dims");
  });
});

it("[TC56] a built network of words is fitted: the order of two words decides", async () => {
  const network = buildNetwork(
    {
      input: [6],
      layers: [
        { kind: "embedding", entries: 12, units: 8 },
        { kind: "gru", units: 12 },
        { kind: "dense", units: 2, name: "head" },
      ],
    },
    createSeededRandom(4),
  );
  const draw = createSeededRandom(5);
  const sentences = Array.from({ length: 96 }, (_, index) => {
    const ids = Int32Array.from({ length: 6 }, () => 2 + (draw.nextUint32() % 10));
    const place = draw.nextUint32() % 5;
    ids.set(index % 2 === 0 ? [0, 1] : [1, 0], place);
    return ids;
  });
  const fitted = await fitModel(runtime, network, {
    plan: { scope: "all", loss: { kind: "crossEntropy" }, optimizer: { kind: "adam" } },
    sampleCount: sentences.length,
    readSample: (index, into: Int32Array) => into.set(sentences[index] ?? []),
    truth: Int32Array.from(sentences, (_, index) => index % 2),
    epochs: 60,
    batchSize: 16,
    learningRate: 0.02,
    random: createSeededRandom(6),
  });
  expect(fitted.losses[0]).toBeGreaterThan(0.5);
  expect(fitted.losses.at(-1)).toBeLessThan(0.1);
});
