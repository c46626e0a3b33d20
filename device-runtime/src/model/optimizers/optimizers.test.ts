// Optimizers, clipping and schedules: what they do to parameters, written down again in float64.
import { type ParameterTensor, unwrap } from "@attune/protocol";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runStep } from "../../../test/stepRunner.ts";
import { relativeDifference } from "../../../test/torchParityCase.ts";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { buildPerceptron } from "../build/buildPerceptron.ts";
import { compileTraining } from "../compile/compileTraining.ts";
import type { TrainingPlan } from "../compile/trainingPlan.ts";
import { readParameters } from "../parameters/parameterBytes.ts";
import { createTrainer, type TrainingSlice } from "../session/createTrainer.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import { type LearningRateSchedule, scheduledRates } from "./learningRateSchedule.ts";
import type { OptimizerSpec } from "./optimizerRule.ts";

const runtime = await loadNodeOrt();
const BATCH = 8;
const STEPS = 6;
const model = buildPerceptron(
  { inputSize: 5, hidden: [7], classCount: 3 },
  createSeededRandom("optimizers"),
);
const parameters = unwrap(readParameters(model));
const slice: TrainingSlice & { readonly data: Float32Array } = {
  stepCount: STEPS,
  batchSize: BATCH,
  data: Float32Array.from({ length: STEPS * BATCH * 5 }, (_, at) => Math.sin(at * at)),
  truth: Int32Array.from({ length: STEPS * BATCH }, (_, at) => (at * 7) % 3),
  learningRate: 0.1,
};
const planOf = (optimizer: OptimizerSpec, more: Partial<TrainingPlan> = {}): TrainingPlan => ({
  scope: "all",
  loss: { kind: "crossEntropy" },
  optimizer,
  ...more,
});

async function train(
  plan: TrainingPlan,
  learningRate: number | Float32Array = 0.1,
): Promise<readonly ParameterTensor[]> {
  const trainer = await createTrainer(runtime, unwrap(compileTraining(model, plan)));
  try {
    return (await trainer.run(trainer.begin(parameters), { ...slice, learningRate })).state
      .parameters;
  } finally {
    await trainer.release();
  }
}

/** Steps of a plan with the update done here in float64; only the gradients come from the graph. */
async function byHand(
  plan: TrainingPlan,
  update: (w: number, g: number, memory: { v: number }) => number,
  factorOf: (gradients: readonly ParameterTensor[]) => number = () => 1,
): Promise<readonly ParameterTensor[]> {
  const compiled = unwrap(compileTraining(model, plan));
  const trainer = await createTrainer(runtime, compiled);
  const graph = await runtime.load(compiled.step);
  const memories = parameters.map(({ data }) => Array.from(data, () => ({ v: 0 })));
  let current = parameters;
  for (let step = 0; step < STEPS; step += 1) {
    const { gradients } = await runStep(graph, compiled, trainer.begin(current), {
      batchSize: BATCH,
      data: slice.data.subarray(step * BATCH * 5, (step + 1) * BATCH * 5),
      truth: BigInt64Array.from(
        (slice.truth as Int32Array).subarray(step * BATCH, (step + 1) * BATCH),
        BigInt,
      ),
      learningRate: 0.1,
    });
    const factor = factorOf(gradients);
    current = current.map((tensor, index) => ({
      ...tensor,
      data: tensor.data.map((w, at) =>
        update(w, factor * (gradients[index]?.data[at] ?? 0), memories[index]?.[at] ?? { v: 0 }),
      ),
    }));
  }
  await graph.release();
  await trainer.release();
  return current;
}

function expectClose(a: readonly ParameterTensor[], b: readonly ParameterTensor[]): void {
  a.forEach(({ data }, index) => {
    expect(relativeDifference(data, b[index]?.data ?? [])).toBeLessThanOrEqual(1e-5);
  });
}

const distance = (a: readonly ParameterTensor[]): number =>
  Math.hypot(
    ...a.flatMap(({ data }, index) =>
      Array.from(data, (value, at) => value - (parameters[index]?.data[at] ?? 0)),
    ),
  );

describe("momentum", () => {
  it("[TC9] Nesterov's goes by the formula, and elsewhere than plain momentum and plain descent", async () => {
    const nesterov = await train(planOf({ kind: "nesterov", momentum: 0.8, weightDecay: 0.01 }));
    const expected = await byHand(planOf({ kind: "sgd" }), (w, g, memory) => {
      const slope = g + 0.01 * w;
      memory.v = 0.8 * memory.v + slope;
      return w - 0.1 * (slope + 0.8 * memory.v);
    });
    expectClose(nesterov, expected);
    const plain = await train(planOf({ kind: "momentum", momentum: 0.8, weightDecay: 0.01 }));
    const none = await train(planOf({ kind: "sgd", weightDecay: 0.01 }));
    expect(plain).not.toEqual(nesterov);
    expect(plain).not.toEqual(none);
    expect(await train(planOf({ kind: "nesterov", momentum: 0, weightDecay: 0.01 }))).toEqual(none);
  });
});

describe("clipping", () => {
  const norm = (gradients: readonly ParameterTensor[]): number =>
    Math.hypot(...gradients.flatMap(({ data }) => Array.from(data)));

  it("[TC31] scales all gradients together as PyTorch does where their norm is above the limit", async () => {
    const clipped = await train(planOf({ kind: "sgd" }, { clipNorm: 0.2 }));
    const expected = await byHand(
      planOf({ kind: "sgd" }),
      (w, g) => w - 0.1 * g,
      (gradients) => Math.min(1, 0.2 / (norm(gradients) + 1e-6)),
    );
    expectClose(clipped, expected);
    expect(distance(clipped)).toBeLessThanOrEqual(STEPS * 0.1 * 0.2 * (1 + 1e-5));
    expect(distance(await train(planOf({ kind: "sgd" })))).toBeGreaterThan(1.5 * distance(clipped));
  });

  it("[TC31] a limit that is never reached changes nothing, and the gradients reported are those before", async () => {
    expect(await train(planOf({ kind: "adam" }, { clipNorm: 1e6 }))).toEqual(
      await train(planOf({ kind: "adam" })),
    );
    const stepOf = async (plan: TrainingPlan) => {
      const compiled = unwrap(compileTraining(model, plan));
      const graph = await runtime.load(compiled.step);
      const trainer = await createTrainer(runtime, compiled);
      const result = await runStep(graph, compiled, trainer.begin(parameters), {
        batchSize: 1,
        data: slice.data.subarray(0, 5),
        truth: BigInt64Array.of(1n),
        learningRate: 0.1,
      });
      await graph.release();
      await trainer.release();
      return result.gradients;
    };
    expect(await stepOf(planOf({ kind: "sgd" }, { clipNorm: 1e-3 }))).toEqual(
      await stepOf(planOf({ kind: "sgd" })),
    );
  });
});

describe("schedules", () => {
  const schedules: readonly LearningRateSchedule[] = [
    { kind: "constant", rate: 0.3 },
    { kind: "linear", rate: 0.3, endRate: 0.1, stepCount: 4 },
    { kind: "cosine", rate: 0.3, endRate: 0.01, stepCount: 5 },
    { kind: "cosine", rate: 0.3, stepCount: 3, warmUpSteps: 2 },
    { kind: "step", rate: 0.3, factor: 0.1, stepCount: 2 },
  ];

  it("[TC32] give the rates of PyTorch's schedulers", () => {
    // Closed forms of LinearLR(start 1, end 1/3, 4), CosineAnnealingLR(T_max 5, eta_min 0.01), StepLR(2, 0.1) on a base rate of 0.3.
    const expected = [
      [0.3, 0.3, 0.3],
      [0.3, 0.25, 0.2, 0.15, 0.1, 0.1],
      [0.3, 0.01 + (0.29 * (1 + Math.cos(Math.PI / 5))) / 2],
      [0.1, 0.2, 0.3, 0.225, 0.075, 0, 0],
      [0.3, 0.3, 0.03, 0.03, 0.003],
    ];
    schedules.forEach((schedule, index) => {
      const wanted = expected[index] ?? [];
      const rates = scheduledRates(schedule, 0, wanted.length);
      wanted.forEach((rate, step) => {
        expect(rates[step]).toBeCloseTo(rate, 7);
      });
    });
  });

  it("[TC32] slices of any size get the rates that one slice would", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...schedules),
        fc.nat(12),
        fc.nat(12),
        (schedule, first, more) => {
          const whole = scheduledRates(schedule, 0, first + more);
          const parts = [
            ...scheduledRates(schedule, 0, first),
            ...scheduledRates(schedule, first, more),
          ];
          expect(Float32Array.from(parts)).toEqual(whole);
        },
      ),
    );
  });

  it("[TC32] change what is learned, and change it alike however the training is cut", async () => {
    const results = [];
    for (const schedule of schedules) {
      const trainer = await createTrainer(
        runtime,
        unwrap(compileTraining(model, planOf({ kind: "adam" }))),
      );
      const run = async (cuts: readonly number[]) => {
        let state = trainer.begin(parameters);
        for (const stepCount of cuts) {
          const from = state.stepCount * BATCH;
          const to = from + stepCount * BATCH;
          const part = {
            ...slice,
            stepCount,
            data: slice.data.subarray(from * 5, to * 5),
            truth: slice.truth.subarray(from, to),
            learningRate: scheduledRates(schedule, state.stepCount, stepCount),
          };
          state = (await trainer.run(state, part)).state;
        }
        return state.parameters;
      };
      const whole = await run([6]);
      expect(await run([1, 3, 2])).toEqual(whole);
      results.push(JSON.stringify(whole.map(({ data }) => Array.from(data))));
      await trainer.release();
    }
    expect(new Set(results).size).toBe(schedules.length);
  });

  it("[TC32] what is no schedule is a defect", () => {
    const wrong: LearningRateSchedule[] = [
      { kind: "constant", rate: -1 },
      { kind: "linear", rate: 1, stepCount: 0 },
      { kind: "cosine", rate: 1, endRate: Number.NaN, stepCount: 3 },
      { kind: "step", rate: 1, factor: -0.5, stepCount: 3 },
      { kind: "constant", rate: 1, warmUpSteps: 0.5 },
    ];
    for (const schedule of wrong) {
      expect(() => scheduledRates(schedule, 0, 1)).toThrow(/schedule\.invalid/);
    }
  });
});
