// Runs a loss alone, as a training graph writes it: its value and its gradient by the scores. For tests only.
import { createGraphEmitter } from "../src/model/graph/graphEmitter.ts";
import { lossOf } from "../src/model/losses/lossOf.ts";
import type { LossSpec } from "../src/model/losses/lossRule.ts";
import { writeModel } from "../src/model/onnx/modelFile.ts";
import { writeValue } from "../src/model/onnx/valueMessage.ts";
import type { OrtRuntime, OrtTensor } from "../src/model/session/ortRuntime.ts";

/** Scores, truth and what else a loss is given. */
export interface LossCase {
  readonly spec: LossSpec;
  readonly dims: readonly number[];
  readonly scores: Float32Array;
  readonly truth: readonly number[];
  readonly sampleWeights?: readonly number[];
  readonly teacher?: Float32Array;
}

/** What a training graph computes of a case, with a batch that the graph does not know. */
export async function runLoss(
  runtime: OrtRuntime,
  { spec, dims, scores, truth, sampleWeights, teacher }: LossCase,
): Promise<{ readonly loss: number; readonly gradient: Float32Array }> {
  const { rule } = lossOf(spec);
  const shape = [{ factor: 1, symbols: ["batch"] }, ...dims.slice(1)];
  const truthRank = rule.truthShape(shape).length;
  const emit = createGraphEmitter("loss:");
  const prepared = rule.prepare({
    emit,
    truth: "truth",
    truthRank,
    weights: sampleWeights === undefined ? undefined : "weights",
    output: shape,
  });
  const { loss, gradient } = rule.step({
    emit,
    output: "scores",
    outputShape: shape,
    teacher: "teacher",
    prepared: (key) => prepared.get(key)?.name ?? "",
  });
  const open = (sizes: readonly number[]): (number | string)[] => ["batch", ...sizes.slice(1)];
  const truthDims = dims.slice(0, truthRank);
  const graph = await runtime.load(
    writeModel(17, {
      name: "loss",
      nodes: emit.nodes,
      initializers: emit.constants,
      inputs: [
        writeValue("scores", "float32", open(dims)),
        writeValue("truth", rule.truthType, open(truthDims)),
        ...(sampleWeights === undefined ? [] : [writeValue("weights", "float32", ["batch"])]),
        ...(teacher === undefined ? [] : [writeValue("teacher", "float32", open(dims))]),
      ],
      outputs: [loss, gradient].map((name) => writeValue(name, "float32", undefined)),
    }),
  );
  const floats = (sizes: readonly number[], data: Float32Array): OrtTensor => ({
    type: "float32",
    dims: sizes,
    data,
  });
  try {
    const results = await graph.run(
      {
        scores: floats(dims, scores),
        truth:
          rule.truthType === "int64"
            ? { type: "int64", dims: truthDims, data: BigInt64Array.from(truth, BigInt) }
            : floats(truthDims, Float32Array.from(truth)),
        ...(sampleWeights === undefined
          ? {}
          : { weights: floats([dims[0] ?? 0], Float32Array.from(sampleWeights)) }),
        ...(teacher === undefined ? {} : { teacher: floats(dims, teacher) }),
      },
      [loss, gradient],
    );
    return {
      loss: Number(results[loss]?.data[0]),
      gradient: results[gradient]?.data as Float32Array,
    };
  } finally {
    await graph.release();
  }
}
