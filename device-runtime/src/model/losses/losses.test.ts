// Every loss against its formula, written down again in float64: its value, and its gradient against differences of that formula.
import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { type LossCase, runLoss } from "../../../test/lossCheck.ts";
import { relativeDifference } from "../../../test/torchParityCase.ts";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { uniform } from "../../ports/random.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import { lossOf } from "./lossOf.ts";
import type { LossSpec } from "./lossRule.ts";

const runtime = await loadNodeOrt();

const BATCH = 5;
const CLASSES = 4;
const classWeights = [0.5, 2, 0, 1.5];
const sampleWeights = [1, 0, 2.5, 0.5, 1];
const positiveWeights = [3, 1, 0.25, 0];

const specs: Readonly<Record<string, LossSpec>> = {
  "cross-entropy": { kind: "crossEntropy" },
  smoothed: { kind: "crossEntropy", labelSmoothing: 0.1 },
  "with class weights": { kind: "crossEntropy", classWeights },
  "smoothed with class weights": { kind: "crossEntropy", labelSmoothing: 0.2, classWeights },
  distilled: { kind: "crossEntropy", distillation: { weight: 0.25 } },
  "taught by the base alone, smoothed, with class weights": {
    kind: "crossEntropy",
    labelSmoothing: 0.1,
    classWeights,
    distillation: { weight: 1, temperature: 1 },
  },
  "binary cross-entropy": { kind: "binaryCrossEntropy" },
  "binary cross-entropy with positive weights": { kind: "binaryCrossEntropy", positiveWeights },
  "mean squared error": { kind: "meanSquaredError" },
  "Huber's": { kind: "huber" },
  "Huber's, narrow": { kind: "huber", delta: 0.3 },
};

const logSoftmax = (scores: readonly number[]): number[] => {
  const largest = Math.max(...scores);
  const sum = scores.reduce((total, score) => total + Math.exp(score - largest), 0);
  return scores.map((score) => score - largest - Math.log(sum));
};

/** The formula as the docstring states it, one sample after the other. */
function formula(one: LossCase, scores: ArrayLike<number>): number {
  const { spec, truth, teacher } = one;
  const weights = one.sampleWeights ?? Array.from({ length: BATCH }, () => 1);
  const row = (from: ArrayLike<number>, sample: number): number[] =>
    Array.from({ length: CLASSES }, (_, at) => from[sample * CLASSES + at] ?? 0);
  let total = 0;
  let divisor = 0;
  let soft = 0;
  let softDivisor = 0;
  for (let sample = 0; sample < BATCH; sample += 1) {
    const weight = weights[sample] ?? 0;
    const x = row(scores, sample);
    softDivisor += weight;
    if (spec.kind === "crossEntropy") {
      const { labelSmoothing: s = 0, classWeights: w, distillation } = spec;
      const label = truth[sample] ?? 0;
      const logP = logSoftmax(x);
      const own = logP.reduce((sum, value, c) => {
        const target = (c === label ? 1 - s : 0) + s / CLASSES;
        return sum - (w?.[c] ?? 1) * target * value;
      }, 0);
      total += weight * own;
      divisor += weight * (w?.[label] ?? 1);
      const t = distillation?.temperature ?? 2;
      const logQ = logSoftmax(row(teacher ?? [], sample).map((value) => value / t));
      const logS = logSoftmax(x.map((value) => value / t));
      soft += weight * logQ.reduce((sum, q, c) => sum + Math.exp(q) * (q - (logS[c] ?? 0)), 0);
      continue;
    }
    divisor += weight;
    const y = row(truth, sample);
    const losses = x.map((value, c) => {
      const target = y[c] ?? 0;
      const error = value - target;
      if (spec.kind === "meanSquaredError") return error * error;
      if (spec.kind === "huber") {
        const delta = spec.delta ?? 1;
        return Math.abs(error) <= delta
          ? (error * error) / 2
          : delta * (Math.abs(error) - delta / 2);
      }
      const p = spec.positiveWeights?.[c] ?? 1;
      const probability = 1 / (1 + Math.exp(-value));
      return -(p * target * Math.log(probability) + (1 - target) * Math.log(1 - probability));
    });
    total += (weight * losses.reduce((sum, value) => sum + value, 0)) / CLASSES;
  }
  if (spec.kind !== "crossEntropy" || spec.distillation === undefined) return total / divisor;
  const { weight, temperature = 2 } = spec.distillation;
  return (1 - weight) * (total / divisor) + weight * temperature ** 2 * (soft / softDivisor);
}

function caseOf(spec: LossSpec, isWeighted: boolean, seed: number): LossCase {
  const random = createSeededRandom(seed);
  const draw = (scale: number): Float32Array =>
    Float32Array.from({ length: BATCH * CLASSES }, () => scale * (2 * uniform(random) - 1));
  const scores = draw(3);
  const truth =
    spec.kind === "crossEntropy"
      ? [0, 3, 1, 1, 0]
      : Array.from(draw(1), (value) =>
          spec.kind === "binaryCrossEntropy" ? Number(value > 0) : value,
        );
  return {
    spec: { ...spec, sampleWeights: isWeighted },
    dims: [BATCH, CLASSES],
    scores,
    truth,
    teacher: draw(2),
    ...(isWeighted ? { sampleWeights } : {}),
  };
}

describe("losses", () => {
  for (const [name, spec] of Object.entries(specs)) {
    for (const isWeighted of [false, true]) {
      it(`[TC30] ${name}${isWeighted ? ", samples weighted" : ""}: value and gradient are those of the formula`, async () => {
        for (const seed of [1, 2, 3]) {
          const one = caseOf(spec, isWeighted, seed);
          const { loss, gradient } = await runLoss(runtime, one);
          expect(loss).toBeCloseTo(formula(one, one.scores), 5);
          const step = 1e-5;
          const numeric = Array.from(one.scores, (_, at) => {
            const moved = (by: number): number =>
              formula(
                one,
                Array.from(one.scores, (value, place) => (place === at ? value + by : value)),
              );
            return (moved(step) - moved(-step)) / (2 * step);
          });
          expect(relativeDifference(gradient, numeric)).toBeLessThanOrEqual(1e-5);
        }
      });
    }
  }

  it("[TC30] scores of 100 give finite losses and gradients", async () => {
    for (const spec of Object.values(specs)) {
      const one = caseOf(spec, false, 4);
      const { loss, gradient } = await runLoss(runtime, {
        ...one,
        scores: one.scores.map((value) => Math.sign(value) * 100),
      });
      expect(Number.isFinite(loss)).toBe(true);
      expect(gradient.every(Number.isFinite)).toBe(true);
    }
  });

  it("[TC10] a batch whose weights are all 0 has no loss and no gradient", async () => {
    for (const spec of Object.values(specs)) {
      const one = caseOf(spec, true, 5);
      const { loss, gradient } = await runLoss(runtime, { ...one, sampleWeights: [0, 0, 0, 0, 0] });
      expect(loss).toBe(0);
      expect(gradient.every((value) => value === 0)).toBe(true);
    }
  });

  it("[TC30] numbers that can be had by hand", async () => {
    const scores = Float32Array.of(1, 2, 0, 0, 1, 3);
    const of = async (spec: LossSpec, truth: number[]): Promise<number> =>
      (await runLoss(runtime, { spec, dims: [2, 3], scores, truth })).loss;
    // log(e + e² + 1) - 2 and log(1 + e + e³) - 3, in closed form.
    const first = Math.log(Math.E + Math.E ** 2 + 1) - 2;
    const second = Math.log(1 + Math.E + Math.E ** 3) - 3;
    expect(await of({ kind: "crossEntropy" }, [1, 2])).toBeCloseTo((first + second) / 2, 6);
    expect(await of({ kind: "crossEntropy", classWeights: [1, 2, 6] }, [1, 2])).toBeCloseTo(
      (2 * first + 6 * second) / 8,
      6,
    );
    const ones = [0, 1, 0, 1, 0, 1];
    expect(await of({ kind: "meanSquaredError" }, ones)).toBeCloseTo(8 / 6, 6);
    expect(await of({ kind: "huber" }, ones)).toBeCloseTo((0.5 + 0.5 + 0 + 0.5 + 0.5 + 1.5) / 6, 6);
    expect(await of({ kind: "binaryCrossEntropy" }, [1, 1, 1, 1, 1, 1])).toBeCloseTo(
      [1, 2, 0, 0, 1, 3].reduce((sum, x) => sum + Math.log1p(Math.exp(-x)), 0) / 6,
      6,
    );
  });

  it("[TC30] TensorFlow.js finds the same losses and gradients where it has them", async () => {
    await tf.setBackend("cpu");
    const rivals: readonly [LossSpec, (x: tf.Tensor, one: LossCase) => tf.Scalar][] = [
      [
        { kind: "crossEntropy", labelSmoothing: 0.1 },
        (x, { truth }) =>
          tf.losses.softmaxCrossEntropy(
            tf.oneHot(tf.tensor1d([...truth], "int32"), CLASSES),
            x,
            undefined,
            0.1,
          ),
      ],
      [
        { kind: "binaryCrossEntropy" },
        (x, { truth }) => tf.losses.sigmoidCrossEntropy(tf.tensor([...truth], x.shape), x),
      ],
      [
        { kind: "meanSquaredError" },
        (x, { truth }) => tf.losses.meanSquaredError(tf.tensor([...truth], x.shape), x),
      ],
      [
        { kind: "huber", delta: 0.5 },
        (x, { truth }) => tf.losses.huberLoss(tf.tensor([...truth], x.shape), x, undefined, 0.5),
      ],
    ];
    for (const [spec, rival] of rivals) {
      const one = caseOf(spec, false, 6);
      const { loss, gradient } = await runLoss(runtime, one);
      const x = tf.tensor(one.scores, [BATCH, CLASSES]);
      const theirs = tf.valueAndGrad((scores) => rival(scores, one).asScalar())(x);
      expect(loss).toBeCloseTo((await theirs.value.data())[0] ?? Number.NaN, 5);
      expect(relativeDifference(gradient, await theirs.grad.data())).toBeLessThanOrEqual(1e-5);
    }
  });

  it("[TC2] settings and outputs that a loss cannot take are turned away", () => {
    const wrong: LossSpec[] = [
      { kind: "crossEntropy", labelSmoothing: 1 },
      { kind: "crossEntropy", classWeights: [1, -1] },
      { kind: "crossEntropy", classWeights: [0, 0] },
      { kind: "crossEntropy", distillation: { weight: 0 } },
      { kind: "crossEntropy", distillation: { weight: 0.5, temperature: 0 } },
      { kind: "binaryCrossEntropy", positiveWeights: [Number.NaN] },
      { kind: "huber", delta: 0 },
      { kind: "hinge" } as never,
    ];
    for (const spec of wrong) expect(() => lossOf(spec), JSON.stringify(spec)).toThrow();
    const { rule } = lossOf({ kind: "crossEntropy", classWeights: [1, 2] });
    expect(() => rule.truthShape([4, 3])).toThrow("2 class weights for 3 classes");
    const binary = lossOf({ kind: "binaryCrossEntropy", positiveWeights: [1, 2] }).rule;
    expect(() => binary.truthShape([4, 3])).toThrow("2 positive weights");
  });
});
