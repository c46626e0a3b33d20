// What a loss works on: models that end in probabilities, in views of them, and in several outputs.
import { type Outcome, unwrap } from "@attune/protocol";
import { describe, expect, it } from "vitest";
import { modelGradientError } from "../../../test/modelCheck.ts";
import { createModelWriter, inputValues, type ModelWriter } from "../../../test/modelWriter.ts";
import { float, integer, integers } from "../graph/graphEmitter.ts";
import type { LossSpec } from "../losses/lossRule.ts";
import { readModelFile, writeModel } from "../onnx/modelFile.ts";
import { writeValue } from "../onnx/valueMessage.ts";
import { readParameters } from "../parameters/parameterBytes.ts";
import { createPredictor } from "../session/createPredictor.ts";
import { createTrainer } from "../session/createTrainer.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import { compileServing } from "./compileServing.ts";
import { compileTraining } from "./compileTraining.ts";

const runtime = await loadNodeOrt();
const BATCH = 3;
const data = inputValues([BATCH, 4]);

/** A model of four inputs whose scores go through what `end` writes. */
function endingIn(
  end: (write: ModelWriter, scores: string) => string,
  { units = 3, opset = 17 }: { units?: number; opset?: number } = {},
): Uint8Array {
  const write = createModelWriter(opset, ["n", 4]);
  const hidden = write.node("Relu", [
    write.node("Gemm", ["x", write.weight("w0", [4, 5]), write.weight("b0", [5])]),
  ]);
  const scores = write.node("Gemm", [hidden, write.weight("w1", [5, units], 2)]);
  return write.finish(end(write, scores));
}

/** What the file itself gives. */
async function outputOf(model: Uint8Array): Promise<Float32Array> {
  const [{ name } = { name: "" }] = readModelFile(model).outputs;
  const graph = await runtime.load(model);
  const { [name]: output } = await graph.run({ x: { type: "float32", dims: [BATCH, 4], data } }, [
    name,
  ]);
  await graph.release();
  return output?.data as Float32Array;
}

async function firstLoss(
  model: Uint8Array,
  loss: LossSpec,
  truth: Int32Array | Float32Array,
  output?: string,
): Promise<number> {
  const compiled = unwrap(
    compileTraining(model, {
      scope: "all",
      loss,
      optimizer: { kind: "sgd" },
      ...(output === undefined ? {} : { output }),
    }),
  );
  const trainer = await createTrainer(runtime, compiled);
  const state = trainer.begin(unwrap(readParameters(model)));
  const { losses } = await trainer.run(state, {
    stepCount: 1,
    batchSize: BATCH,
    data,
    truth,
    learningRate: 0.1,
  });
  await trainer.release();
  return losses[0] ?? Number.NaN;
}

async function served(model: Uint8Array, loss: LossSpec): Promise<Float32Array> {
  const compiled = unwrap(compileServing(model, { scope: "head", loss }));
  const predictor = await createPredictor(runtime, compiled);
  const logits = new Float32Array(BATCH * compiled.logitCount);
  await predictor.predict(data, BATCH, unwrap(readParameters(model)), { logits });
  await predictor.release();
  return logits;
}

const message = (outcome: Outcome<unknown>): string => {
  expect(outcome).toMatchObject({ ok: false, refusal: { code: "model.plan_invalid" } });
  return outcome.ok ? "" : outcome.refusal.message;
};

const planOf = (loss: LossSpec) => ({ scope: "all", loss, optimizer: { kind: "sgd" } }) as const;

describe("a model that ends in probabilities", () => {
  const labels = Int32Array.of(2, 0, 1);
  const softmax = (write: ModelWriter, scores: string): string =>
    write.node("Softmax", [scores], { axis: integer(-1) });
  const apart = (write: ModelWriter, scores: string): string =>
    write.node("Reshape", [scores, write.integers("apart", [4], [-1, 3, 1, 1])]);
  const rows: Record<string, Parameters<typeof endingIn>[0]> = {
    Softmax: softmax,
    Identity: (write, scores) => write.node("Identity", [softmax(write, scores)]),
    Dropout: (write, scores) => write.node("Dropout", [softmax(write, scores)]),
    "Reshape that changes nothing": (write, scores) =>
      write.node("Reshape", [softmax(write, scores), write.integers("same", [2], [-1, 3])]),
    "Softmax over channels, flattened": (write, scores) =>
      write.node("Flatten", [write.node("Softmax", [apart(write, scores)], { axis: integer(1) })]),
  };

  for (const [name, end] of Object.entries(rows)) {
    it(`[TC70] trains by the cross-entropy of its probabilities: ${name}`, async () => {
      const model = endingIn(end);
      const probabilities = await outputOf(model);
      const wanted =
        labels.reduce((sum, label, at) => sum - Math.log(probabilities[3 * at + label] ?? 0), 0) /
        BATCH;
      expect(await firstLoss(model, { kind: "crossEntropy" }, labels)).toBeCloseTo(wanted, 5);
    });

    it(`[TC70] is served with its raw scores: ${name}`, async () => {
      const scores = await outputOf(endingIn((_, raw) => raw));
      const logits = await served(endingIn(end), { kind: "crossEntropy" });
      logits.forEach((value, at) => expect(value).toBeCloseTo(scores[at] ?? Number.NaN, 5));
    });
  }

  const squeezed = (write: ModelWriter, scores: string): string =>
    write.node("Squeeze", [write.node("Sigmoid", [scores]), write.integers("last", [1], [1])]);

  for (const [name, end, units] of [
    ["Sigmoid", (write: ModelWriter, scores: string) => write.node("Sigmoid", [scores]), 3],
    ["Sigmoid, squeezed", squeezed, 1],
  ] as const) {
    it(`[TC70] trains by the binary cross-entropy of its probabilities: ${name}`, async () => {
      const model = endingIn(end, { units });
      const probabilities = await outputOf(model);
      const truth = Float32Array.from(probabilities, (_, at) => (at % 2 === 0 ? 1 : 0.25));
      const wanted =
        probabilities.reduce(
          (sum, p, at) =>
            sum - (truth[at] ?? 0) * Math.log(p) - (1 - (truth[at] ?? 0)) * Math.log(1 - p),
          0,
        ) / probabilities.length;
      const loss = { kind: "binaryCrossEntropy" } as const;
      expect(await firstLoss(model, loss, truth)).toBeCloseTo(wanted, 5);
      const logits = await served(model, loss);
      logits.forEach((score, at) =>
        expect(1 / (1 + Math.exp(-score))).toBeCloseTo(probabilities[at] ?? Number.NaN, 5),
      );
    });
  }

  for (const kind of ["meanSquaredError", "huber"] as const) {
    it(`[TC70] is compared as it is: ${kind}`, async () => {
      const model = endingIn(softmax);
      const probabilities = await outputOf(model);
      const truth = Float32Array.from(probabilities, (_, at) => at % 2);
      const square =
        probabilities.reduce((sum, p, at) => sum + (p - (truth[at] ?? 0)) ** 2, 0) /
        probabilities.length;
      const wanted = kind === "huber" ? square / 2 : square;
      expect(await firstLoss(model, { kind }, truth)).toBeCloseTo(wanted, 5);
      expect(await served(model, { kind })).toEqual(probabilities);
    });
  }

  it("[TC70] goes back through a softmax that is compared as it is", async () => {
    const { worst } = await modelGradientError(runtime, { model: endingIn(softmax), scope: "all" });
    expect(worst).toBeLessThanOrEqual(1e-3);
  });

  it("[TC70] is refused where they can not be cut away", () => {
    const clipped = endingIn((write, scores) =>
      write.node("Clip", [
        softmax(write, scores),
        write.floats("low", [], [1e-7]),
        write.floats("high", [], [1]),
      ]),
    );
    const overBatch = endingIn((write, scores) =>
      write.node("Softmax", [scores], { axis: integer(0) }),
    );
    const turned = endingIn((write, scores) =>
      write.node("Transpose", [
        write.node("Softmax", [write.node("Transpose", [scores])], { axis: integer(-1) }),
      ]),
    );
    for (const model of [clipped, overBatch, turned]) {
      const plan = planOf({ kind: "crossEntropy" });
      for (const outcome of [compileTraining(model, plan), compileServing(model, plan)]) {
        expect(message(outcome)).toMatch(
          /^crossEntropy works on raw scores, and Softmax node ".*" makes probabilities of other rows .* meanSquaredError$/,
        );
      }
      // Without a loss it is served as it is.
      expect(compileServing(model).ok).toBe(true);
      unwrap(compileTraining(model, planOf({ kind: "meanSquaredError" })));
    }
  });

  it("[TC70] is refused for the loss of other probabilities", () => {
    const sigmoid = endingIn((write, scores) => write.node("Sigmoid", [scores]));
    expect(message(compileTraining(sigmoid, planOf({ kind: "crossEntropy" })))).toMatch(
      /Sigmoid node ".*"; take binaryCrossEntropy/,
    );
    expect(
      message(compileTraining(endingIn(softmax), planOf({ kind: "binaryCrossEntropy" }))),
    ).toMatch(/Softmax node ".*"; take crossEntropy/);
  });

  it("[TC70] another function of the same name is no such end", () => {
    const leaky = endingIn((write, scores) =>
      write.node("LeakyRelu", [softmax(write, scores)], { alpha: float(0.5) }),
    );
    unwrap(compileTraining(leaky, planOf({ kind: "crossEntropy" })));
    const { truth } = unwrap(
      compileTraining(
        endingIn((write, scores) =>
          write.node("ReduceMean", [softmax(write, apart(write, scores))], {
            axes: integers([2, 3]),
            keepdims: integer(0),
          }),
        ),
        planOf({ kind: "crossEntropy" }),
      ),
    );
    expect(truth.classCount).toBe(3);
  });
});

describe("a model with several outputs", () => {
  const write = createModelWriter(17, ["n", 4]);
  const hidden = write.node("Relu", [write.node("MatMul", ["x", write.weight("body", [4, 5])])]);
  const first = write.node("MatMul", [hidden, write.weight("first", [5, 3])]);
  const second = write.node("MatMul", [hidden, write.weight("second", [5, 2])]);
  const file = readModelFile(write.finish(first));
  const model = writeModel(17, {
    name: "heads",
    nodes: file.nodes,
    initializers: file.initializers,
    inputs: [writeValue("x", "float32", ["n", 4])],
    outputs: [first, second].map((name) => writeValue(name, "float32", undefined)),
  });
  const trained = (output?: string) => {
    const compiled = unwrap(
      compileTraining(model, {
        ...planOf({ kind: "crossEntropy" }),
        ...(output === undefined ? {} : { output }),
      }),
    );
    return [compiled.truth.classCount, ...compiled.parameters.map(({ name }) => name)];
  };

  it("[TC71] trains and serves the one that the plan names, else the first", () => {
    expect(trained()).toEqual([3, "body", "first"]);
    expect(trained(first)).toEqual([3, "body", "first"]);
    expect(trained(second)).toEqual([2, "body", "second"]);
    expect(unwrap(compileServing(model, { output: second })).logitCount).toBe(2);
    expect(unwrap(compileServing(model)).logitCount).toBe(3);
  });

  it("[TC71] refuses a name that no output has", () => {
    const plan = { ...planOf({ kind: "crossEntropy" }), output: hidden };
    expect(message(compileTraining(model, plan))).toBe(
      `the model has no output ${hidden}; it has ${first}, ${second}`,
    );
  });
});

describe("an output whose first size is not the batch", () => {
  const rowsOf = (make: (write: ModelWriter) => string, size: number | string = "n") => {
    const write = createModelWriter(17, [size, 4]);
    return write.finish(make(write));
  };
  const weight = (write: ModelWriter): string => write.weight("w", [2, 3]);
  const models: Record<string, Uint8Array> = {
    "several rows a sample": rowsOf((write) =>
      write.node("MatMul", [
        write.node("Reshape", ["x", write.integers("rows", [2], [-1, 2])]),
        weight(write),
      ]),
    ),
    "all samples in one row": rowsOf((write) =>
      write.node("Reshape", [
        write.node("MatMul", ["x", write.weight("w", [4, 3])]),
        write.integers("row", [2], [1, -1]),
      ]),
    ),
    "rows of a constant": rowsOf((write) =>
      write.node("Add", [
        write.node("MatMul", ["x", write.weight("w", [4, 3])]),
        write.floats(
          "table",
          [5, 3],
          Array.from({ length: 15 }, (_, at) => at),
        ),
      ]),
    ),
    "the batch as its columns": rowsOf((write) =>
      write.node("Gemm", [write.weight("w", [3, 4]), "x"], { transB: integer(1) }),
    ),
    "rows of a fixed batch": rowsOf(
      (write) =>
        write.node("MatMul", [
          write.node("Reshape", ["x", write.integers("rows", [2], [-1, 2])]),
          weight(write),
        ]),
      2,
    ),
    "a number": rowsOf((write) =>
      write.node("ReduceSum", [write.node("MatMul", ["x", write.weight("w", [4, 3])])], {
        keepdims: integer(0),
      }),
    ),
  };
  for (const [name, model] of Object.entries(models)) {
    it(`[TC71] is refused: ${name}`, () => {
      for (const kind of ["meanSquaredError", "crossEntropy"] as const) {
        for (const outcome of [
          compileTraining(model, planOf({ kind })),
          compileServing(model, { loss: { kind } }),
        ]) {
          expect(outcome).toMatchObject({
            ok: false,
            refusal: {
              code: "model.shape_invalid",
              message: expect.stringMatching(
                /^output \w+ is \[.*first size must be the batch, [n2];/,
              ),
            },
          });
        }
      }
    });
  }
});

describe("the type of an output", () => {
  it("[TC61] an output of integers is refused by name, in training and in serving", () => {
    const model = endingIn((write, scores) => write.node("Cast", [scores], { to: integer(7) }));
    const [{ name } = { name: "" }] = readModelFile(model).outputs;
    const trained = compileTraining(model, {
      scope: "all",
      loss: { kind: "meanSquaredError" },
      optimizer: { kind: "sgd" },
    });
    const serving = compileServing(model);
    for (const outcome of [trained, serving]) {
      expect(outcome.ok ? "" : outcome.refusal.message).toContain(`output ${name} is int64`);
    }
  });
});
