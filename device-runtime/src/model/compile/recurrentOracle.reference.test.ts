// Compiled training of recurrent networks against an engine that shares nothing with ours: TensorFlow.js on its CPU backend, whose layers unroll
// through time and differentiate each step.
import { type ParameterTensor, unwrap } from "@attune/protocol";
import type { Tensor } from "@tensorflow/tfjs";
import { expect, it } from "vitest";
import { batchFor } from "../../../test/modelCheck.ts";
import { createModelWriter } from "../../../test/modelWriter.ts";
import { runStep } from "../../../test/stepRunner.ts";
import { relativeDifference } from "../../../test/torchParityCase.ts";
import { integer, integers } from "../graph/graphEmitter.ts";
import { readParameters } from "../parameters/parameterBytes.ts";
import { createTrainer } from "../session/createTrainer.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import { compileTraining } from "./compileTraining.ts";

const BATCH = 4;
const TIME = 7;
const WIDTH = 3;
const HIDDEN = 5;
const CLASSES = 3;

/** A layer over time whose last state is classified. */
function network(operator: "GRU" | "LSTM"): Uint8Array {
  const rows = HIDDEN * (operator === "GRU" ? 3 : 4);
  const write = createModelWriter(14, ["batch", TIME, WIDTH]);
  const sequence = write.node("Transpose", ["x"], { perm: integers([1, 0, 2]) });
  const inputs = [
    sequence,
    write.weight("W", [1, rows, WIDTH]),
    write.weight("R", [1, rows, HIDDEN]),
    write.weight("B", [1, 2 * rows]),
  ];
  write.nodeOf(operator, inputs, ["", "last"], {
    hidden_size: integer(HIDDEN),
    ...(operator === "GRU" ? { linear_before_reset: integer(1) } : {}),
  });
  const state = write.node("Squeeze", ["last", write.integers("front", [1], [0])]);
  const weight = write.weight("head.weight", [CLASSES, HIDDEN]);
  const bias = write.weight("head.bias", [CLASSES]);
  return write.finish(write.node("Gemm", [state, weight, bias], { transB: integer(1) }));
}

for (const operator of ["GRU", "LSTM"] as const) {
  it(`[TC43] ${operator}: the loss and gradients that TensorFlow.js finds`, async () => {
    const { default: tf } = await import("@tensorflow/tfjs");
    await tf.setBackend("cpu");
    const model = network(operator);
    const compiled = unwrap(
      compileTraining(model, {
        scope: "all",
        loss: { kind: "crossEntropy" },
        optimizer: { kind: "sgd" },
      }),
    );
    const batch = batchFor(compiled, BATCH);
    const parameters = unwrap(readParameters(model));
    const names = parameters.map(({ name }) => name);

    const loss = (...values: Tensor[]): Tensor => {
      const value = (name: string): Tensor => values[names.indexOf(name)] as Tensor;
      const flat = (name: string): Tensor => value(name).squeeze([0]);
      const biases = tf.split(flat("B"), 2);
      const gates = operator === "GRU" ? 3 : 4;
      const data = tf.tensor3d(batch.data, [BATCH, TIME, WIDTH]);
      let h: Tensor = tf.zeros([BATCH, HIDDEN]);
      let c: Tensor = tf.zeros([BATCH, HIDDEN]);
      const one = tf.scalar(1);
      for (let step = 0; step < TIME; step += 1) {
        const x = data.slice([0, step, 0], [BATCH, 1, WIDTH]).reshape([BATCH, WIDTH]);
        const fromInput = tf.split(
          x.matMul(flat("W"), false, true).add(biases[0] as Tensor),
          gates,
          1,
        );
        const fromState = tf.split(
          h.matMul(flat("R"), false, true).add(biases[1] as Tensor),
          gates,
          1,
        );
        const at = (index: number): Tensor =>
          (fromInput[index] as Tensor).add(fromState[index] as Tensor);
        if (operator === "GRU") {
          const [update, reset] = [at(0).sigmoid(), at(1).sigmoid()];
          const candidate = (fromInput[2] as Tensor).add(reset.mul(fromState[2] as Tensor)).tanh();
          h = one.sub(update).mul(candidate).add(update.mul(h));
        } else {
          c = at(2)
            .sigmoid()
            .mul(c)
            .add(at(0).sigmoid().mul(at(3).tanh()));
          h = at(1).sigmoid().mul(c.tanh());
        }
      }
      const logits = h.matMul(value("head.weight"), false, true).add(value("head.bias"));
      const labels = tf.tensor1d(Array.from(batch.truth as BigInt64Array, Number), "int32");
      return tf.losses.softmaxCrossEntropy(tf.oneHot(labels, CLASSES), logits);
    };
    const oracle = tf.valueAndGrads((...values: Tensor[]) => loss(...values).asScalar())(
      parameters.map(({ dims, data }) => tf.tensor(data, [...dims])),
    );

    const runtime = await loadNodeOrt();
    const trainer = await createTrainer(runtime, compiled);
    const graph = await runtime.load(compiled.step);
    const found = await runStep(graph, compiled, trainer.begin(parameters), batch);
    await graph.release();
    await trainer.release();
    expect(found.loss).toBeCloseTo(oracle.value.dataSync()[0] ?? 0, 5);
    found.gradients.forEach(({ name, data }: ParameterTensor) => {
      const expected = oracle.grads[names.indexOf(name)]?.dataSync() ?? [];
      expect(relativeDifference(data, expected), name).toBeLessThanOrEqual(1e-5);
    });
  });
}
