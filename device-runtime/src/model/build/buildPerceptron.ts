// Makes multi-layer perceptrons without Python.
import { assertDefect } from "@attune/protocol";
import type { Random } from "../../ports/random.ts";
import { buildNetwork } from "./buildNetwork.ts";
import type { InputNormalization } from "./networkSpec.ts";

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
    classCount >= 2,
    "builder.size_invalid",
    `${classCount} classes; a classifier has at least 2`,
  );
  return buildNetwork(
    {
      input: [inputSize],
      ...(normalization !== undefined && { normalization }),
      layers: [
        ...hidden.map(
          (units, index) =>
            ({ kind: "dense", units, activation: "relu", name: `hidden${index + 1}` }) as const,
        ),
        { kind: "dense", units: classCount, name: "head" },
      ],
    },
    random,
  );
}
