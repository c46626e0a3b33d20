// Reads one trajectory of `vectors/torch-parity`. For tests only.
import { readFileSync } from "node:fs";
import { elementCount, type ParameterTensor } from "@attune/protocol";
import type { OptimizerSpec } from "../src/model/optimizers/optimizerRule.ts";

/** One run of an optimizer. */
export interface ParityRun {
  readonly optimizer: OptimizerSpec;
  readonly learningRate: number;
  readonly losses: readonly number[];
  readonly final: readonly ParameterTensor[];
}

/** One model with everything PyTorch computed for it. */
export interface ParityCase {
  readonly model: Uint8Array;
  readonly batch: number;
  readonly steps: number;
  readonly inputShape: readonly number[];
  readonly data: Float32Array;
  readonly labels: BigInt64Array;
  readonly logits: Float32Array;
  readonly gradients: readonly ParameterTensor[];
  readonly runs: ReadonlyMap<string, ParityRun>;
}

interface CaseFile {
  readonly batch: number;
  readonly steps: number;
  readonly inputShape: readonly number[];
  readonly parameters: readonly (readonly [string, readonly number[]])[];
  readonly runs: Readonly<
    Record<
      string,
      {
        readonly hyper: {
          readonly lr: number;
          readonly momentum?: number;
          readonly betas?: readonly [number, number];
          readonly eps?: number;
          readonly weight_decay: number;
        };
        readonly losses: readonly number[];
      }
    >
  >;
}

const optimizerOf = (name: string, hyper: CaseFile["runs"][string]["hyper"]): OptimizerSpec => {
  const weightDecay = hyper.weight_decay;
  if (name === "sgd") return { kind: name, weightDecay };
  if (name === "momentum") return { kind: name, momentum: hyper.momentum ?? 0, weightDecay };
  if (name !== "adam" && name !== "adamw") throw new Error(`unknown optimizer ${name}`);
  const [beta1, beta2] = hyper.betas ?? [0.9, 0.999];
  return { kind: name, beta1, beta2, epsilon: hyper.eps ?? 1e-8, weightDecay };
};

/** Reads the case of this name; `prepare` changes the model before anything else sees it. */
export function readParityCase(
  name: string,
  prepare: (model: Uint8Array) => Uint8Array = (model) => model,
): ParityCase {
  const folder = new URL(`./vectors/torch-parity/${name}/`, import.meta.url);
  const bytes = (file: string): Uint8Array => new Uint8Array(readFileSync(new URL(file, folder)));
  const floats = (file: string): Float32Array => new Float32Array(bytes(file).buffer);
  const file = JSON.parse(new TextDecoder().decode(bytes("case.json"))) as CaseFile;
  const tensors = (from: string): ParameterTensor[] => {
    const values = floats(from);
    let at = 0;
    return file.parameters.map(([parameter, dims]) => {
      at += elementCount(dims);
      return { name: parameter, dims, data: values.slice(at - elementCount(dims), at) };
    });
  };
  return {
    model: prepare(bytes("model.onnx")),
    batch: file.batch,
    steps: file.steps,
    inputShape: file.inputShape,
    data: floats("x.bin"),
    labels: new BigInt64Array(bytes("y.bin").buffer),
    logits: floats("logits0.bin"),
    gradients: tensors("grad0.bin"),
    runs: new Map(
      Object.entries(file.runs).map(([optimizer, run]) => [
        optimizer,
        {
          optimizer: optimizerOf(optimizer, run.hyper),
          learningRate: run.hyper.lr,
          losses: run.losses,
          final: tensors(`final-${optimizer}.bin`),
        },
      ]),
    ),
  };
}

/** `max|a-b| / max|b|`: elementwise ratios of float32 trainings differ a thousand times more than the trainings do. */
export function relativeDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let difference = 0;
  let size = 0;
  for (let index = 0; index < b.length; index += 1) {
    const gap = Math.abs((a[index] ?? 0) - (b[index] ?? 0));
    difference = gap > difference || Number.isNaN(gap) ? gap : difference;
    size = Math.max(size, Math.abs(b[index] ?? 0));
  }
  return difference / Math.max(size, Number.MIN_VALUE);
}

/**
 * The transformer's projection `q` makes queries, keys and values. The bias of its keys shifts all scores of a query alike, which a softmax
 * does not see: its gradient is 0, PyTorch's 1.5e-10 of rounding. Adam scales every gradient to a step, also rounding, so after 12 steps
 * PyTorch's has moved by 3e-4 at random. Everything else of the tensor is compared as all others.
 */
export function withoutKeyBias(tensors: readonly ParameterTensor[]): ParameterTensor[] {
  return tensors.map((tensor) =>
    tensor.name === "q.bias"
      ? { ...tensor, data: tensor.data.filter((_, at) => at < 32 || at >= 64) }
      : tensor,
  );
}
