// What a compiled training promises beside its numbers: slices, resumption, determinism, scopes, pull, weights.
import { elementCount, type ParameterTensor, unwrap } from "@attune/protocol";
import { describe, expect, it } from "vitest";
import { runStep } from "../../../test/stepRunner.ts";
import { readParityCase } from "../../../test/torchParityCase.ts";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { buildCnn1d } from "../build/buildCnn1d.ts";
import { buildPerceptron } from "../build/buildPerceptron.ts";
import { readModelFile } from "../onnx/modelFile.ts";
import type { OptimizerSpec } from "../optimizers/optimizerRule.ts";
import { readParameters } from "../parameters/parameterBytes.ts";
import { createTrainer, type Trainer, type TrainingSlice } from "../session/createTrainer.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import { compileTraining } from "./compileTraining.ts";
import { canonicalPlan, type TrainingPlan } from "./trainingPlan.ts";

const runtime = await loadNodeOrt();
const optimizers: readonly OptimizerSpec[] = [
  { kind: "sgd" },
  { kind: "momentum" },
  { kind: "adam" },
  { kind: "adamw" },
];
const cases = ["mlp", "cnn1d"].map((name) => ({ name, parity: readParityCase(name) }));

const bytesOf = (tensors: readonly ParameterTensor[]): string =>
  tensors
    .map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("hex"))
    .join();

const plan = (optimizer: OptimizerSpec, more: Partial<TrainingPlan> = {}): TrainingPlan => ({
  scope: "all",
  loss: { kind: "crossEntropy" },
  optimizer,
  ...more,
});

/** Steps `from` to `to` of a trajectory. */
function cut(
  { parity }: (typeof cases)[number],
  from: number,
  to: number,
  learningRate = 0.02,
): TrainingSlice & { readonly data: Float32Array } {
  const size = parity.batch * elementCount(parity.inputShape);
  return {
    stepCount: to - from,
    batchSize: parity.batch,
    data: parity.data.subarray(from * size, to * size),
    truth: parity.labels.subarray(from * parity.batch, to * parity.batch),
    learningRate,
  };
}

async function withTrainer<T>(
  model: Uint8Array,
  chosen: TrainingPlan,
  use: (trainer: Trainer) => Promise<T>,
): Promise<T> {
  const trainer = await createTrainer(runtime, unwrap(compileTraining(model, chosen)));
  try {
    return await use(trainer);
  } finally {
    await trainer.release();
  }
}

describe("slices", () => {
  for (const one of cases) {
    const { name, parity } = one;
    const parameters = unwrap(readParameters(parity.model));
    for (const optimizer of optimizers) {
      it(`[TC7] ${name} ${optimizer.kind}: a Scan of 12 steps gives the bytes of 12 single steps`, () =>
        withTrainer(parity.model, plan(optimizer), async (trainer) => {
          const whole = await trainer.run(trainer.begin(parameters), cut(one, 0, 12));
          const graph = await runtime.load(trainer.compiled.step);
          let state = trainer.begin(parameters);
          const losses = new Float32Array(12);
          for (let step = 0; step < 12; step += 1) {
            const { data, truth } = cut(one, step, step + 1);
            const result = await runStep(graph, trainer.compiled, state, {
              batchSize: parity.batch,
              data,
              truth: truth as BigInt64Array,
              learningRate: 0.02,
            });
            losses[step] = result.loss;
            state = result.state;
          }
          await graph.release();
          expect(losses).toEqual(whole.losses);
          expect(bytesOf(state.parameters)).toBe(bytesOf(whole.state.parameters));
          expect(bytesOf(state.optimizer)).toBe(bytesOf(whole.state.optimizer));
        }));

      it(`[TC8] ${name} ${optimizer.kind}: interrupted, stored and resumed elsewhere gives the same bytes`, async () => {
        const whole = await withTrainer(parity.model, plan(optimizer), (trainer) =>
          trainer.run(trainer.begin(parameters), cut(one, 0, 12)),
        );
        const stored = await withTrainer(parity.model, plan(optimizer), async (trainer) => {
          const first = await trainer.run(trainer.begin(parameters), cut(one, 0, 1));
          const { state } = await trainer.run(first.state, cut(one, 1, 5));
          return structuredClone(state);
        });
        const resumed = await withTrainer(parity.model, plan(optimizer), (trainer) =>
          trainer.run(stored, cut(one, 5, 12)),
        );
        expect(resumed.state.stepCount).toBe(12);
        expect(bytesOf(resumed.state.parameters)).toBe(bytesOf(whole.state.parameters));
        expect(bytesOf(resumed.state.optimizer)).toBe(bytesOf(whole.state.optimizer));
        expect(resumed.losses).toEqual(whole.losses.slice(5));
      });
    }
  }

  it("[TC8] a run leaves its state and its batches as they were", () => {
    const [one] = cases;
    if (one === undefined) throw new Error("no case");
    return withTrainer(one.parity.model, plan({ kind: "adam" }), async (trainer) => {
      const begun = trainer.begin(unwrap(readParameters(one.parity.model)));
      const before = structuredClone(begun);
      const data = one.parity.data.slice();
      await trainer.run(begun, cut(one, 0, 12));
      expect(begun).toEqual(before);
      expect(one.parity.data).toEqual(data);
    });
  });
});

describe("state of the optimizer", () => {
  const [one] = cases;
  if (one === undefined) throw new Error("no case");
  const parameters = unwrap(readParameters(one.parity.model));

  for (const kind of ["momentum", "adam", "adamw"] as const) {
    it(`[TC9] ${kind}: forgetting the state between slices changes the result`, () =>
      withTrainer(one.parity.model, plan({ kind }), async (trainer) => {
        const first = await trainer.run(trainer.begin(parameters), cut(one, 0, 6));
        const kept = await trainer.run(first.state, cut(one, 6, 12));
        const forgotten = await trainer.run(trainer.begin(first.state.parameters), cut(one, 6, 12));
        expect(first.state.optimizer.every(({ data }) => data.some((value) => value !== 0))).toBe(
          true,
        );
        expect(bytesOf(forgotten.state.parameters)).not.toBe(bytesOf(kept.state.parameters));
      }));
  }

  it("[TC9] the step count alone changes Adam's next step", () =>
    withTrainer(one.parity.model, plan({ kind: "adam" }), async (trainer) => {
      const { state } = await trainer.run(trainer.begin(parameters), cut(one, 0, 1));
      const right = await trainer.run(state, cut(one, 1, 2));
      const wrong = await trainer.run({ ...state, stepCount: 0 }, cut(one, 1, 2));
      expect(bytesOf(wrong.state.parameters)).not.toBe(bytesOf(right.state.parameters));
    }));

  it("[TC9] learning rates are data: one a step, and 0 changes nothing", () =>
    withTrainer(one.parity.model, plan({ kind: "sgd" }), async (trainer) => {
      const slice = { ...cut(one, 0, 3), learningRate: Float32Array.of(0.02, 0.01, 0) };
      const { state } = await trainer.run(trainer.begin(parameters), slice);
      const two = await trainer.run(trainer.begin(parameters), {
        ...cut(one, 0, 2),
        learningRate: Float32Array.of(0.02, 0.01),
      });
      const constant = await trainer.run(trainer.begin(parameters), cut(one, 0, 2));
      expect(bytesOf(state.parameters)).toBe(bytesOf(two.state.parameters));
      expect(bytesOf(two.state.parameters)).not.toBe(bytesOf(constant.state.parameters));
    }));
});

describe("pull and weights", () => {
  const [one] = cases;
  if (one === undefined) throw new Error("no case");
  const parameters = unwrap(readParameters(one.parity.model));
  const distance = (a: readonly ParameterTensor[], b: readonly ParameterTensor[]): number =>
    Math.sqrt(
      a
        .flatMap(({ data }, tensor) =>
          Array.from(data, (value, at) => (value - (b[tensor]?.data[at] ?? 0)) ** 2),
        )
        .reduce((sum, square) => sum + square, 0),
    );

  it("[TC10] a pull keeps the parameters nearer to the base, and none is the same as a pull of 0", async () => {
    const train = (pullToBase?: number) =>
      withTrainer(
        one.parity.model,
        plan({ kind: "sgd" }, pullToBase === undefined ? {} : { pullToBase }),
        async (trainer) =>
          (await trainer.run(trainer.begin(parameters), cut(one, 0, 12, 0.5))).state,
      );
    const free = await train();
    const held = await train(0.5);
    expect(distance(held.parameters, parameters)).toBeLessThan(
      0.8 * distance(free.parameters, parameters),
    );
    expect(bytesOf((await train(0)).parameters)).toBe(bytesOf(free.parameters));
    expect(free.base).toEqual([]);
  });

  it("[TC10] one step adds exactly pull (w - base) to the gradient", () =>
    withTrainer(one.parity.model, plan({ kind: "sgd" }, { pullToBase: 0.25 }), async (trainer) => {
      const base = parameters.map((tensor) => ({ ...tensor, data: tensor.data.map((v) => v + 1) }));
      const rate = 0.5;
      const near = await trainer.run(trainer.begin(parameters), cut(one, 0, 1, rate));
      const far = await trainer.run(trainer.begin(parameters, base), cut(one, 0, 1, rate));
      far.state.parameters.forEach(({ data }, tensor) => {
        data.forEach((value, at) => {
          const moved = value - (near.state.parameters[tensor]?.data[at] ?? 0);
          expect(moved).toBeCloseTo(rate * 0.25, 6);
        });
      });
      expect(far.losses).toEqual(near.losses);
    }));

  it("[TC10] equal weights change nothing but rounding, weight 0 takes a sample out", async () => {
    const weighted = plan({ kind: "sgd" }, { loss: { kind: "crossEntropy", sampleWeights: true } });
    const { batch, inputShape } = one.parity;
    const half = batch / 2;
    const plain = await withTrainer(one.parity.model, plan({ kind: "sgd" }), async (trainer) => ({
      full: await trainer.run(trainer.begin(parameters), cut(one, 0, 1)),
      half: await trainer.run(trainer.begin(parameters), {
        stepCount: 1,
        batchSize: half,
        data: one.parity.data.subarray(0, half * elementCount(inputShape)),
        truth: one.parity.labels.subarray(0, half),
        learningRate: 0.02,
      }),
    }));
    await withTrainer(one.parity.model, weighted, async (trainer) => {
      const run = (weights: Float32Array) =>
        trainer.run(trainer.begin(parameters), { ...cut(one, 0, 1), sampleWeights: weights });
      const full = await run(new Float32Array(batch).fill(3));
      expect(full.losses[0]).toBeCloseTo(plain.full.losses[0] ?? 0, 5);
      expect(distance(full.state.parameters, plain.full.state.parameters)).toBeLessThan(1e-6);
      const masked = await run(new Float32Array(batch).fill(1, 0, half));
      expect(masked.losses[0]).toBeCloseTo(plain.half.losses[0] ?? 0, 5);
      expect(distance(masked.state.parameters, plain.half.state.parameters)).toBeLessThan(1e-6);
      const none = await run(new Float32Array(batch));
      expect(none.losses[0]).toBe(0);
      expect(bytesOf(none.state.parameters)).toBe(bytesOf(parameters));
    });
  });

  it("[TC10] mean squared error falls, and is the mean over batch and elements", () =>
    withTrainer(
      one.parity.model,
      plan({ kind: "sgd" }, { loss: { kind: "meanSquaredError" } }),
      async (trainer) => {
        const { batch } = one.parity;
        const slice = {
          ...cut(one, 0, 1, 0),
          truth: new Float32Array(batch * 5),
        };
        const { losses } = await trainer.run(trainer.begin(parameters), slice);
        const squares = one.parity.logits.reduce((sum, value) => sum + value * value, 0);
        expect(losses[0]).toBeCloseTo(squares / one.parity.logits.length, 5);
        let state = trainer.begin(parameters);
        let last = Number.POSITIVE_INFINITY;
        for (let step = 0; step < 5; step += 1) {
          const trained = await trainer.run(state, { ...slice, learningRate: 0.5 });
          expect(trained.losses[0]).toBeLessThan(last);
          last = trained.losses[0] ?? 0;
          state = trained.state;
        }
      },
    ));
});

describe("scopes", () => {
  const random = () => createSeededRandom(11);
  const model = buildCnn1d(
    {
      channels: 2,
      length: 16,
      convolutions: [
        { filters: 4, kernel: 3, pool: 2 },
        { filters: 6, kernel: 3 },
      ],
      reduce: "average",
      dense: [5],
      classCount: 3,
    },
    random(),
  );
  const operators = (graph: Uint8Array): string[] =>
    readModelFile(graph).nodes.map((node) => node.operator);
  const compiled = (scope: TrainingPlan["scope"]) =>
    unwrap(compileTraining(model, plan({ kind: "sgd" }, { scope })));

  it("[TC11] head: only the last layer is an input, nothing before it is differentiated", () => {
    const { step, parameters } = compiled("head");
    expect(parameters.map(({ name }) => name)).toEqual(["head.bias", "head.weight"]);
    const file = readModelFile(step);
    expect(file.initializers.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["conv1.weight", "conv2.bias", "hidden1.weight"]),
    );
    const inputs = file.inputs.map(({ name }) => name);
    expect(inputs.filter((name) => name.startsWith("train:parameter:"))).toHaveLength(2);
    // Two forward convolutions, no backward ones.
    expect(operators(step).filter((one) => one === "Conv")).toHaveLength(2);
    expect(operators(step)).not.toContain("ConvTranspose");
    expect(operators(step)).not.toContain("ScatterElements");
  });

  it("[TC11] a larger scope only adds to the backward graph", () => {
    const counts = (["head", { lastLayers: 2 }, { lastLayers: 3 }, "all"] as const).map(
      (scope) => operators(compiled(scope).step).length,
    );
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(new Set(counts).size).toBe(4);
  });

  it("[TC11] what is not in the scope does not move, what is in it does", async () => {
    const parameters = unwrap(readParameters(model));
    for (const scope of ["head", "bias", { names: ["conv2.weight"] }, "all"] as const) {
      await withTrainer(model, plan({ kind: "sgd" }, { scope }), async (trainer) => {
        const { state } = await trainer.run(trainer.begin(parameters), {
          stepCount: 2,
          batchSize: 2,
          data: Float32Array.from({ length: 2 * 2 * 32 }, (_, at) => Math.sin(at)),
          truth: Int32Array.of(0, 1, 2, 0),
          learningRate: 0.1,
        });
        for (const { name, data } of state.parameters) {
          expect(data, name).not.toEqual(parameters.find((one) => one.name === name)?.data);
        }
      });
    }
  });

  it("[TC12] same model and plan, same bytes", () => {
    const again = (scope: TrainingPlan["scope"]) => [compiled(scope), compiled(scope)];
    for (const scope of ["head", "all"] as const) {
      const [first, second] = again(scope);
      expect(second).toEqual(first);
    }
  });

  it("[TC12] the plan's text does not depend on the order of keys or on defaults, but on every setting", () => {
    const text = (chosen: TrainingPlan) => unwrap(canonicalPlan(chosen));
    const base = text({
      scope: "head",
      loss: { kind: "crossEntropy" },
      optimizer: { kind: "adam" },
    });
    expect(
      text({
        optimizer: { beta2: 0.999, kind: "adam", beta1: 0.9 },
        pullToBase: 0,
        loss: { sampleWeights: false, kind: "crossEntropy" },
        scope: "head",
      }),
    ).toBe(base);
    const others: TrainingPlan[] = [
      { scope: "all", loss: { kind: "crossEntropy" }, optimizer: { kind: "adam" } },
      { scope: "head", loss: { kind: "meanSquaredError" }, optimizer: { kind: "adam" } },
      {
        scope: "head",
        loss: { kind: "crossEntropy", sampleWeights: true },
        optimizer: { kind: "adam" },
      },
      { scope: "head", loss: { kind: "crossEntropy" }, optimizer: { kind: "adamw" } },
      { scope: "head", loss: { kind: "crossEntropy" }, optimizer: { kind: "adam", beta1: 0.8 } },
      { scope: "head", loss: { kind: "crossEntropy" }, optimizer: { kind: "adam" }, pullToBase: 1 },
    ];
    expect(new Set([base, ...others.map(text)]).size).toBe(others.length + 1);
    expect(base).toContain('"threads":1');
  });
});

describe("refusals", () => {
  const model = buildPerceptron(
    { inputSize: 4, hidden: [3], classCount: 2 },
    createSeededRandom(3),
  );
  const codeOf = (chosen: TrainingPlan): string => {
    const outcome = compileTraining(model, chosen);
    return outcome.ok ? "" : outcome.refusal.code;
  };

  it("[TC2] settings out of range are model.plan_invalid", () => {
    const wrong: OptimizerSpec[] = [
      { kind: "momentum", momentum: 1 },
      { kind: "adam", beta1: -0.1 },
      { kind: "adam", beta2: Number.NaN },
      { kind: "adamw", epsilon: 0 },
      { kind: "sgd", weightDecay: -1 },
      { kind: "lion" } as unknown as OptimizerSpec,
    ];
    for (const optimizer of wrong) expect(codeOf(plan(optimizer))).toBe("model.plan_invalid");
    expect(codeOf(plan({ kind: "sgd" }, { pullToBase: -1 }))).toBe("model.plan_invalid");
    expect(codeOf(plan({ kind: "sgd" }, { loss: { kind: "hinge" } as never }))).toBe(
      "model.plan_invalid",
    );
  });

  it("[TC2] parameters that are not there are model.parameter_unknown", () => {
    for (const scope of [
      { names: ["nose"] },
      { names: [] },
      { lastLayers: 0 },
      { lastLayers: 3 },
    ]) {
      expect(codeOf(plan({ kind: "sgd" }, { scope }))).toBe("model.parameter_unknown");
    }
  });
});
