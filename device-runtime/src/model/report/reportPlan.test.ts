// What a report counts is what a training has, and a budget picks by it.
import { CONTRIBUTION_ENVELOPE_BYTES_MAX, encodeDelta, unwrap } from "@attune/protocol";
import { describe, expect, it } from "vitest";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { buildCnn1d } from "../build/buildCnn1d.ts";
import { buildNetwork } from "../build/buildNetwork.ts";
import { buildPerceptron } from "../build/buildPerceptron.ts";
import type { TrainingPlan } from "../compile/trainingPlan.ts";
import { integers } from "../graph/graphEmitter.ts";
import { writeModel } from "../onnx/modelFile.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { floatTensor } from "../onnx/tensorMessage.ts";
import { writeValue } from "../onnx/valueMessage.ts";
import { readParameters } from "../parameters/parameterBytes.ts";
import { activationPeak } from "./activationPeak.ts";
import { chooseScope } from "./chooseScope.ts";
import { type PlanReport, reportPlan } from "./reportPlan.ts";
import { sizedGraph } from "./sizedGraph.ts";

const perceptron = buildPerceptron(
  { inputSize: 20, hidden: [30], classCount: 4 },
  createSeededRandom("report"),
);
const cnn = buildCnn1d(
  {
    channels: 3,
    length: 32,
    convolutions: [
      { filters: 8, kernel: 3 },
      { filters: 10, kernel: 5, pool: 2 },
    ],
    reduce: "average",
    dense: [12],
    classCount: 4,
  },
  createSeededRandom("report"),
);
const planOf = (scope: TrainingPlan["scope"], more: Partial<TrainingPlan> = {}): TrainingPlan => ({
  scope,
  loss: { kind: "crossEntropy" },
  optimizer: { kind: "sgd" },
  lowering: { batchSize: 10 },
  ...more,
});
const report = (model: Uint8Array, plan: TrainingPlan, stepCount = 1): PlanReport =>
  unwrap(reportPlan(model, plan, { stepCount }));

describe("liveness", () => {
  const node = (
    operator: string,
    inputs: string[],
    output: string,
    attributes: OnnxNode["attributes"] = new Map(),
  ): OnnxNode => ({ name: "", operator, domain: "", inputs, outputs: [output], attributes });
  const peakOf = (nodes: OnnxNode[]): number =>
    activationPeak(
      sizedGraph(
        writeModel(17, {
          name: "g",
          nodes,
          initializers: [floatTensor("w", [4, 8], new Float32Array(32))],
          inputs: [writeValue("x", "float32", ["batch", 4])],
          outputs: [writeValue("y", "float32", undefined)],
        }),
        10,
      ),
    );
  const narrow = 10 * 4 * 4;
  const wide = 10 * 8 * 4;

  it("[TC36] counts what is alive at once, not what is made in all", () => {
    expect(peakOf([node("MatMul", ["x", "w"], "y")])).toBe(wide);
    // Each writes over the one before.
    expect(
      peakOf([node("MatMul", ["x", "w"], "a"), node("Relu", ["a"], "b"), node("Tanh", ["b"], "y")]),
    ).toBe(wide);
    // `a` is read again at the end, so it lives beside `b`.
    expect(
      peakOf([
        node("MatMul", ["x", "w"], "a"),
        node("Relu", ["a"], "b"),
        node("Add", ["a", "b"], "y"),
      ]),
    ).toBe(2 * wide);
    // A view is no copy; a transpose cannot write over what it reads.
    expect(
      peakOf([
        node("Relu", ["x"], "a"),
        node("Flatten", ["a"], "b"),
        node("Transpose", ["b"], "y", new Map([["perm", integers([1, 0])]])),
      ]),
    ).toBe(2 * narrow);
    // Through a view the value lives on.
    expect(
      peakOf([
        node("Relu", ["x"], "a"),
        node("Identity", ["a"], "b"),
        node("MatMul", ["a", "w"], "c"),
        node("MatMul", ["b", "w"], "d"),
        node("Add", ["c", "d"], "y"),
      ]),
    ).toBe(narrow + 2 * wide);
  });
});

describe("report", () => {
  it("[TC36] counts parameters, products and operators of the training that would run", () => {
    const head = report(perceptron, planOf("head"));
    expect(head.trainedCount).toBe(30 * 4 + 4);
    // Forward, and the weight's gradient of the head.
    expect(head.multiplyAdds).toBe(10 * (20 * 30 + 30 * 4) + 10 * 30 * 4);
    const all = report(perceptron, planOf("all"));
    expect(all.trainedCount).toBe(20 * 30 + 30 + 30 * 4 + 4);
    // Forward; gradients of both weights; gradient of the hidden layer.
    expect(all.multiplyAdds).toBe(2 * 10 * (20 * 30 + 30 * 4) + 10 * 30 * 4);
    expect(all.nodeCount).toBeGreaterThan(head.nodeCount);
  });

  it("[TC36] more of anything costs more", () => {
    const scopes = ["bias", "head", { lastLayers: 2 }, "all"] as const;
    const reports = scopes.map((scope) => report(cnn, planOf(scope)));
    for (const key of ["trainedCount", "deltaBytes"] as const) {
      const values = reports.map((one) => one[key]);
      expect(values).toEqual([...values].sort((a, b) => a - b));
    }
    const all = report(cnn, planOf("all"));
    expect(report(cnn, planOf("head")).peakBytes).toBeLessThan(all.peakBytes);
    expect(report(cnn, planOf("head")).msPerStep).toBeLessThan(all.msPerStep);
    const adam = report(cnn, planOf("all", { optimizer: { kind: "adam" } }));
    expect(adam.peakBytes).toBeGreaterThan(all.peakBytes);
    expect(report(cnn, planOf("all"), 20).peakBytes).toBeGreaterThan(all.peakBytes);
    const wide = report(cnn, planOf("all", { lowering: { batchSize: 20 } }));
    expect(wide.multiplyAdds).toBe(2 * all.multiplyAdds);
    expect(wide.peakBytes).toBeGreaterThan(1.5 * all.peakBytes);
  });

  it("[TC36] low-rank patches train less than they change", () => {
    const patched = report(perceptron, planOf({ lowRank: 1 }));
    expect(patched.trainedCount).toBe(20 + 30 + 30 + 4);
    expect(patched.changedCount).toBe(20 * 30 + 30 * 4);
  });

  it("[TC36] no delta is larger on the wire than the report says", () => {
    const random = createSeededRandom("delta");
    for (const [model, scope] of [
      [perceptron, "head"],
      [perceptron, "all"],
      [cnn, "bias"],
      [cnn, "all"],
    ] as const) {
      const names = unwrap(readParameters(model));
      const { deltaBytes, changedCount } = report(model, planOf(scope));
      let left = changedCount;
      const delta = names.flatMap((one, index) => {
        if (left < one.data.length) return [];
        left -= one.data.length;
        return [{ index, values: one.data.map(() => random.nextUint32() / 2 ** 32 - 0.5) }];
      });
      const bytes = encodeDelta(delta).length + CONTRIBUTION_ENVELOPE_BYTES_MAX;
      expect(bytes).toBeLessThanOrEqual(deltaBytes);
    }
  });

  it("[TC36] nor a delta of many blocks", () => {
    const random = createSeededRandom("blocks");
    const inputSize = 3000;
    const model = buildPerceptron({ inputSize, hidden: [64], classCount: 2 }, random);
    const delta = unwrap(readParameters(model)).map(({ data }, index) => ({
      index,
      values: data.map(() => random.nextUint32() / 2 ** 32 - 0.5),
    }));
    const bytes = encodeDelta(delta).length + CONTRIBUTION_ENVELOPE_BYTES_MAX;
    expect(bytes).toBeLessThanOrEqual(report(model, planOf("all")).deltaBytes);
  });

  it("[TC36] counts the steps of a loop over time, whether it is written out or stands as one node", () => {
    const of = (length: number): PlanReport => {
      const layers = [
        { kind: "gru", units: 8 },
        { kind: "dense", units: 3 },
      ] as const;
      const model = buildNetwork({ input: [length, 5], layers }, createSeededRandom("loop"));
      return report(model, planOf("all"));
    };
    // Longer than 64 steps a loop is one node.
    const [writtenOut, looped] = [of(64), of(65)];
    const head = 2 * 10 * 8 * 3 + 10 * 8 * 3;
    expect((looped.multiplyAdds - head) / 65).toBeCloseTo(
      (writtenOut.multiplyAdds - head) / 64,
      -3,
    );
    expect(looped.peakBytes / writtenOut.peakBytes).toBeGreaterThan(0.7);
    expect(looped.peakBytes / writtenOut.peakBytes).toBeLessThan(1.5);
  });

  it("[TC2] a plan that does not compile is refused here, too", () => {
    const outcome = reportPlan(perceptron, planOf({ lastLayers: 9 }));
    expect(outcome.ok ? "" : outcome.refusal.code).toBe("model.parameter_unknown");
  });
});

describe("budget", () => {
  const { scope: _, ...plan } = planOf("all");

  it("[TC37] picks the first scope that fits, and says why the others do not", () => {
    const free = unwrap(chooseScope(cnn, plan));
    expect(free.scope).toBe("all");
    const { trainedCount, peakBytes } = report(cnn, planOf("head"), 8);
    const tight = unwrap(
      chooseScope(cnn, plan, { deltaBytesMax: report(cnn, planOf("head")).deltaBytes }),
    );
    expect(tight.scope).toBe("head");
    expect(tight.report.trainedCount).toBe(trainedCount);
    expect(tight.passedOver.map(({ scope }) => scope)).toEqual(["all", { lastLayers: 2 }]);
    expect(tight.passedOver[0]?.reason).toContain("bytes of delta");
    const small = unwrap(chooseScope(cnn, plan, { bytesMax: peakBytes }));
    expect(small.report.peakBytes).toBeLessThanOrEqual(peakBytes);
    const asked = unwrap(chooseScope(cnn, plan, { scopes: ["bias", "all"] }));
    expect(asked.scope).toBe("bias");
  });

  it("[TC37] a budget that nothing fits is refused with every reason", () => {
    const outcome = chooseScope(cnn, plan, { msMax: 1e-9 });
    expect(outcome.ok ? "" : outcome.refusal.code).toBe("model.plan_invalid");
    expect(outcome.ok ? "" : outcome.refusal.message).toMatch(/"all" needs .* ms a step.*"bias"/);
  });
});
