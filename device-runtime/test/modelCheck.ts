// Compares the gradients of a whole compiled model with finite differences of its loss, in the real engine. For tests only.
import { elementCount, unwrap } from "@attune/protocol";
import { type CompiledTraining, compileTraining } from "../src/model/compile/compileTraining.ts";
import type { TrainingPlan } from "../src/model/compile/trainingPlan.ts";
import { readParameters } from "../src/model/parameters/parameterBytes.ts";
import type { ParameterScope } from "../src/model/parameters/parameterScope.ts";
import { createTrainer, type TrainingState } from "../src/model/session/createTrainer.ts";
import type { OrtRuntime } from "../src/model/session/ortRuntime.ts";
import { inputValues } from "./modelWriter.ts";
import { runStep, type StepBatch } from "./stepRunner.ts";

/** What is checked of a model. */
export interface ModelCheck {
  readonly model: Uint8Array;
  readonly scope: ParameterScope;
  /** Mean squared error against arbitrary targets if left out. */
  readonly loss?: TrainingPlan["loss"];
  readonly dims?: Readonly<Record<string, number>>;
  readonly batchSize?: number;
  /** Step of the difference. */
  readonly step?: number;
}

/** Elements of each parameter that are moved. */
const ELEMENTS_MAX = 5;

/** A batch that a compiled training takes. */
export function batchFor(compiled: CompiledTraining, batchSize: number): StepBatch {
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

/**
 * Largest difference between a gradient and the central difference of the loss, of any trained tensor, relative to its largest gradient.
 *
 * @throws when the compiler refuses
 */
export async function modelGradientError(
  runtime: OrtRuntime,
  check: ModelCheck,
): Promise<{ readonly worst: number; readonly names: readonly string[] }> {
  const { model, scope, loss = { kind: "meanSquaredError" }, step = 0.02 } = check;
  const compiled = unwrap(compileTraining(model, { scope, loss, optimizer: { kind: "sgd" } }));
  const graph = await runtime.load(compiled.step);
  const trainer = await createTrainer(runtime, compiled);
  try {
    const batch = batchFor(compiled, compiled.batchSize ?? check.batchSize ?? 3);
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
    let worst = 0;
    for (const { name, data } of gradients) {
      const size = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      if (!(size > 0)) return { worst: Number.POSITIVE_INFINITY, names: [name] };
      // The steepest element and some others, spread out.
      const steepest = data.findIndex((value) => Math.abs(value) === size);
      const count = Math.min(ELEMENTS_MAX, data.length);
      const chosen = new Set([
        steepest,
        ...Array.from({ length: count }, (_, index) => Math.floor((index * data.length) / count)),
      ]);
      for (const at of chosen) {
        const slope = async (reach: number) =>
          ((await lossOf(name, at, reach)) - (await lossOf(name, at, -reach))) / (2 * reach);
        // Two steps, extrapolated to none: the loss curves.
        const numeric = (4 * (await slope(step)) - (await slope(2 * step))) / 3;
        worst = Math.max(worst, Math.abs(numeric - (data[at] ?? 0)) / size);
      }
    }
    return { worst, names: gradients.map(({ name }) => name) };
  } finally {
    await graph.release();
    await trainer.release();
  }
}
