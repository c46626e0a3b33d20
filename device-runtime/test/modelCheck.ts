// Compares the gradients of a whole compiled model with finite differences of its loss, in the real engine. For tests only.
import { elementCount, type ParameterTensor, unwrap } from "@attune/protocol";
import { type CompiledTraining, compileTraining } from "../src/model/compile/compileTraining.ts";
import type { TrainingPlan } from "../src/model/compile/trainingPlan.ts";
import { readParameters } from "../src/model/parameters/parameterBytes.ts";
import type { ParameterScope } from "../src/model/parameters/parameterScope.ts";
import { createTrainer, type TrainingState } from "../src/model/session/createTrainer.ts";
import type { OrtRuntime } from "../src/model/session/ortRuntime.ts";
import type { SampleData } from "../src/model/session/sampleData.ts";
import { inputValues } from "./modelWriter.ts";
import { runStep, type StepBatch } from "./stepRunner.ts";

/** What is checked of a model. */
export interface ModelCheck {
  readonly model: Uint8Array;
  readonly scope: ParameterScope;
  /** Mean squared error against arbitrary targets if left out. */
  readonly loss?: TrainingPlan["loss"];
  readonly dims?: Readonly<Record<string, number>>;
  readonly batchNormalization?: NonNullable<TrainingPlan["batchNormalization"]>;
  readonly batchSize?: number;
  /** Samples, where they are no floats of one input. */
  readonly data?: (batchSize: number) => SampleData;
  /** Step of the difference. */
  readonly step?: number;
}

/** Elements of each parameter that are moved. */
const ELEMENTS_MAX = 5;

/** Jump of the slope, as a share of the largest gradient, from which there is a kink. */
const KINK = 2e-3;

/** A batch that a compiled training of one float input takes. */
export function batchFor(
  compiled: CompiledTraining,
  batchSize: number,
): StepBatch & { readonly data: Float32Array } {
  const { type, dims, classCount } = compiled.truth;
  return {
    batchSize,
    data: inputValues([batchSize, ...compiled.sampleDims]),
    truth:
      type === "float32"
        ? inputValues([batchSize, ...dims], 11)
        : BigInt64Array.from({ length: elementCount([batchSize, ...dims]) }, (_, at) =>
            BigInt(at % (classCount ?? 2)),
          ),
    learningRate: 0.1,
  };
}

function checkedBatch(compiled: CompiledTraining, check: ModelCheck): StepBatch {
  const batch = batchFor(compiled, compiled.batchSize ?? check.batchSize ?? 3);
  return check.data === undefined ? batch : { ...batch, data: check.data(batch.batchSize) };
}

/** Gradients of a model's first step. */
export async function modelGradients(
  runtime: OrtRuntime,
  check: ModelCheck,
): Promise<readonly ParameterTensor[]> {
  const { model, scope, loss = { kind: "meanSquaredError" }, dims = {} } = check;
  const compiled = unwrap(
    compileTraining(model, { scope, loss, dims, optimizer: { kind: "sgd" } }),
  );
  const graph = await runtime.load(compiled.step);
  const trainer = await createTrainer(runtime, compiled);
  const batch = checkedBatch(compiled, check);
  const state = trainer.begin(unwrap(readParameters(model)));
  const { gradients } = await runStep(graph, compiled, state, batch);
  await graph.release();
  await trainer.release();
  return gradients;
}

/**
 * Largest difference between a gradient and the central difference of the loss, of any trained tensor, relative to its largest gradient.
 *
 * @throws when the compiler refuses
 */
export async function modelGradientError(
  runtime: OrtRuntime,
  check: ModelCheck,
): Promise<{ readonly worst: number; readonly names: readonly string[] }> {
  const { model, scope, loss = { kind: "meanSquaredError" }, dims = {}, step = 0.02 } = check;
  const { batchNormalization = "frozen" } = check;
  const compiled = unwrap(
    compileTraining(model, { scope, loss, dims, batchNormalization, optimizer: { kind: "sgd" } }),
  );
  const graph = await runtime.load(compiled.step);
  const trainer = await createTrainer(runtime, compiled);
  try {
    const batch = checkedBatch(compiled, check);
    const state = trainer.begin(unwrap(readParameters(model)));
    const { gradients } = await runStep(graph, compiled, state, batch);
    const lossOf = async (name: string, at: number, shift: number): Promise<number> => {
      const parameters = state.parameters.map((one) =>
        one.name === name
          ? { ...one, data: one.data.map((value, index) => (index === at ? value + shift : value)) }
          : one,
      );
      const moved: TrainingState = { ...state, parameters };
      return (await runStep(graph, compiled, moved, batch)).loss;
    };
    const sizes = gradients.map(({ data }) =>
      data.reduce((most, value) => Math.max(most, Math.abs(value)), 0),
    );
    // A gradient may vanish, as that of an attention's key bias does; its rounding is then no measure.
    const floor = Math.max(...sizes) * 1e-3;
    let worst = 0;
    let compared = 0;
    let passed = 0;
    for (const [index, { name, data }] of gradients.entries()) {
      const size = Math.max(sizes[index] ?? 0, floor);
      // The steepest element and some others, spread out.
      const steepest = data.findIndex((value) => Math.abs(value) === sizes[index]);
      const count = Math.min(ELEMENTS_MAX, data.length);
      const chosen = new Set([
        steepest,
        ...Array.from({ length: count }, (_, at) => Math.floor((at * data.length) / count)),
      ]);
      for (const at of chosen) {
        const [a = 0, b = 0, c = 0, d = 0, e = 0] = await Promise.all(
          [-2, -1, 0, 1, 2].map((steps) => lossOf(name, at, steps * step)),
        );
        const [near, far] = [(d - b) / (2 * step), (e - a) / (4 * step)];
        // Where nothing jumps, the second difference grows with the square of the step. A kink within reach, as of a ReLU, has no slope to
        // compare with.
        const jump = Math.abs(e - 2 * c + a - 4 * (d - 2 * c + b)) / (2 * step);
        if (jump > KINK * size) {
          passed += 1;
          continue;
        }
        compared += 1;
        // Two steps, extrapolated to none: the loss curves.
        const numeric = (4 * near - far) / 3;
        worst = Math.max(worst, Math.abs(numeric - (data[at] ?? 0)) / size);
      }
    }
    if (!(compared > passed)) return { worst: Number.POSITIVE_INFINITY, names: [] };
    return { worst, names: gradients.map(({ name }) => name) };
  } finally {
    await graph.release();
    await trainer.release();
  }
}
