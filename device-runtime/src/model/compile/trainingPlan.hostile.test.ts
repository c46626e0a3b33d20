// Plans of any shape: what is no plan is refused by the name of what is wrong with it.
import { describe, expect, it } from "vitest";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { buildPerceptron } from "../build/buildPerceptron.ts";
import { reportPlan } from "../report/reportPlan.ts";
import { compileTraining } from "./compileTraining.ts";
import { canonicalPlan, type TrainingPlan } from "./trainingPlan.ts";

const model = buildPerceptron({ inputSize: 3, hidden: [4], classCount: 2 }, createSeededRandom(1));
const plan = { scope: "all", loss: { kind: "crossEntropy" }, optimizer: { kind: "sgd" } } as const;

describe("a plan that is none", () => {
  const wrong: [string, unknown, string][] = [
    ["nothing", undefined, "plan is undefined"],
    ["null", null, "plan is null"],
    ["a list", [], "plan is []"],
    ["no loss", { scope: "all", optimizer: { kind: "sgd" } }, "loss is undefined"],
    ["no optimizer", { scope: "all", loss: { kind: "crossEntropy" } }, "optimizer is undefined"],
    ["no scope", { loss: { kind: "crossEntropy" }, optimizer: { kind: "sgd" } }, "scope undefined"],
    ["no kind of loss", { ...plan, loss: {} }, "loss undefined is not known"],
    ["scope null", { ...plan, scope: null }, "scope null is not known"],
    ["scope 5", { ...plan, scope: 5 }, "scope 5 is not known"],
    ["scope list", { ...plan, scope: ["head"] }, 'scope ["head"] is not known'],
    ["names that are none", { ...plan, scope: { names: "w" } }, 'names of the scope is "w"'],
    ["names of numbers", { ...plan, scope: { names: [1] } }, "names of the scope is [1]"],
    [
      "weights that are none",
      { ...plan, scope: { lowRank: 1, weights: 2 } },
      "weights of the scope is 2",
    ],
    ["two scopes", { ...plan, scope: { names: [], lastLayers: 1 } }, 'scope has "names"'],
    [
      "an unknown key",
      { ...plan, clip: 1 },
      'plan has "clip", which is no setting of it; it takes scope',
    ],
    [
      "an unknown key of the loss",
      { ...plan, loss: { kind: "crossEntropy", label_smoothing: 0.1 } },
      'loss has "label_smoothing", which is no setting of it; it takes kind, sampleWeights, labelSmoothing',
    ],
    [
      "a key of another loss",
      { ...plan, loss: { kind: "huber", labelSmoothing: 0.1 } },
      'loss has "labelSmoothing"',
    ],
    [
      "a key of another optimizer",
      { ...plan, optimizer: { kind: "sgd", momentum: 0.9 } },
      'optimizer has "momentum"',
    ],
    [
      "an unknown key of a teacher",
      { ...plan, loss: { kind: "crossEntropy", distillation: { weight: 1, T: 2 } } },
      'distillation has "T"',
    ],
    [
      "a teacher that is none",
      { ...plan, loss: { kind: "crossEntropy", distillation: 1 } },
      "distillation is 1",
    ],
    ["an unknown key of the lowering", { ...plan, lowering: { batch: 1 } }, 'lowering has "batch"'],
    ["lowering null", { ...plan, lowering: null }, "lowering is null"],
    ["forms that are none", { ...plan, lowering: { forms: "taps" } }, 'forms is "taps"'],
    [
      "class weights that are none",
      { ...plan, loss: { kind: "crossEntropy", classWeights: 2 } },
      "classWeights is 2",
    ],
    [
      "class weights null",
      { ...plan, loss: { kind: "crossEntropy", classWeights: null } },
      "classWeights is null",
    ],
    [
      "sample weights that are no flag",
      { ...plan, loss: { kind: "crossEntropy", sampleWeights: "no" } },
      'sampleWeights is "no"',
    ],
    ["a text for a number", { ...plan, clipNorm: "1" }, 'clipNorm is "1"'],
    ["null for a number", { ...plan, pullToBase: null }, "pullToBase is null"],
    ["dims that are none", { ...plan, dims: 3 }, "dims is 3"],
    ["an output that is no name", { ...plan, output: 0 }, "output is 0"],
    [
      "a normalisation that is none",
      { ...plan, batchNormalization: null },
      "batchNormalization is null",
    ],
  ];

  it.each(wrong)("[TC2] is refused by name: %s", (_, given, message) => {
    const tried = given as TrainingPlan;
    for (const outcome of [
      compileTraining(model, tried),
      reportPlan(model, tried),
      canonicalPlan(tried),
    ]) {
      expect(outcome).toMatchObject({ ok: false, refusal: { code: "model.plan_invalid" } });
      expect(outcome.ok ? "" : outcome.refusal.message).toContain(message);
    }
  });
});
