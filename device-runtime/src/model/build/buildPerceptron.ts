// Makes multi-layer perceptrons without Python.
import { assertDefect } from "@attune/protocol";
import type { Random } from "../../ports/random.ts";
import { createNetworkWriter, type InputNormalization } from "./networkWriter.ts";

/** Shape of a perceptron. */
export interface PerceptronSpec {
  /** Inputs per sample, at least 1. */
  readonly inputSize: number;
  /** Units of each hidden layer, in order; may be empty (a linear classifier). */
  readonly hidden: readonly number[];
  /** At least 2. */
  readonly classCount: number;
  /** One mean and deviation an input; built in as the first nodes. */
  readonly normalization?: InputNormalization;
}

/**
 * Makes a perceptron with ReLU between its layers, with fresh weights.
 *
 * - Input `data` `[batch, inputSize]`, output `logits` `[batch, classCount]`, parameters `hidden1.weight`, `hidden1.bias`, ...,
 *   `head.weight`, `head.bias`. He-normal before a ReLU, Glorot-uniform at the end, biases 0.
 * - Deterministic: same spec and same numbers from `random`, same bytes.
 *
 * @returns an ONNX file that any runtime opens
 * @throws Defect `builder.size_invalid`, `builder.normalization_invalid`
 * @example
 * const model = buildPerceptron({ inputSize: 561, hidden: [64], classCount: 6 }, createSeededRandom(1));
 */
export function buildPerceptron(spec: PerceptronSpec, random: Random): Uint8Array {
  const { inputSize, hidden, classCount, normalization } = spec;
  assertDefect(
    [inputSize, ...hidden].every((size) => Number.isInteger(size) && size >= 1) &&
      Number.isInteger(classCount) &&
      classCount >= 2,
    "builder.size_invalid",
    `sizes ${[inputSize, ...hidden].join(", ")} and ${classCount} classes; sizes are at least 1, classes at least 2`,
  );
  const network = createNetworkWriter(random, [inputSize]);
  if (normalization !== undefined) network.normalize(normalization, [inputSize]);
  let size = inputSize;
  hidden.forEach((units, index) => {
    network.dense(`hidden${index + 1}`, size, units, true);
    size = units;
  });
  network.dense("head", size, classCount, false);
  return network.finish(classCount);
}
