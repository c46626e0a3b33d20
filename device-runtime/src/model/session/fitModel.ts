// Trains a model from start to end on samples that are at hand: epochs, batches, order, learning rate. It keeps nothing for users; for
// learning on a device, which is cut, guarded and resumed, see `createTrainer`.
import { assertDefect, elementCount, parameterSetOf, unwrap } from "@attune/protocol";
import { type Random, shuffle } from "../../ports/random.ts";
import { type CompiledTraining, compileTraining } from "../compile/compileTraining.ts";
import type { TrainingPlan } from "../compile/trainingPlan.ts";
import { type LearningRateSchedule, scheduledRates } from "../optimizers/learningRateSchedule.ts";
import { patchParameters, readParameters } from "../parameters/parameterBytes.ts";
import { createTrainer } from "./createTrainer.ts";
import type { OrtRuntime } from "./ortRuntime.ts";
import { trainedParameters } from "./trainedParameters.ts";

/** Where one sample of one input is written: floats for float32, whole numbers for int32 and int64, 0 and 1 for bool. */
export type SampleBuffer = Float32Array | Int32Array | Uint8Array;

/**
 * What to fit a model to, and how.
 *
 * @typeParam Into what holds a sample of the model's first input: floats, unless it takes whole numbers or truth values
 */
export interface FitOptions<Into extends SampleBuffer = Float32Array> {
  /** What is trained and by which loss and optimizer; without sample weights. */
  readonly plan: TrainingPlan;
  /** How many samples there are, at least one batch. */
  readonly sampleCount: number;
  /**
   * Writes sample `index` of `[0, sampleCount)` into `into` (one sample of the model's first input, row-major), and where it has several
   * inputs into each of `all`, by name. Called once a sample and epoch, so it may change the sample a little every time.
   */
  readonly readSample: (
    index: number,
    into: Into,
    all: Readonly<Record<string, SampleBuffer>>,
  ) => void;
  /** Labels `[sampleCount]` or targets `[sampleCount, ...output]`. */
  readonly truth: Int32Array | Float32Array;
  /** Times that every sample is seen, at least 1. */
  readonly epochs: number;
  /** At least 1; what is left over at the end of an epoch is left out of it. */
  readonly batchSize: number;
  /** A schedule, or a rate that falls to 0 along half a cosine over all steps. */
  readonly learningRate: number | LearningRateSchedule;
  /** Draws the order of every epoch. */
  readonly random: Random;
  /** Called after every slice of {@link STEPS_PER_SLICE} steps at most with the share done and the slice's mean loss. */
  readonly onProgress?: (share: number, loss: number) => void;
  /** Ends the training before its next slice, by throwing the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A fitted model. */
export interface FittedModel {
  /** ONNX: the model that was given, with its trained parameters. */
  readonly model: Uint8Array;
  /** Mean loss of every epoch, each step before its update. */
  readonly losses: Float32Array;
}

/** Steps of one call into the engine, some tens of milliseconds for a small network. */
const STEPS_PER_SLICE = 20;

/**
 * Fits a model to samples.
 *
 * - Deterministic on one machine and engine: same model, options and random numbers, same bytes.
 * - Cost: `epochs · floor(sampleCount / batchSize)` steps; blocks its thread slice by slice.
 *
 * @param model ONNX; where training starts from
 * @throws Defect `fit.samples_missing`; what `compileTraining` refuses, thrown; the signal's reason
 * @throws Fault `ort.graph_not_loadable`, `ort.run_failed`
 * @example
 * const model = buildPerceptron({ inputSize: 2, hidden: [8], classCount: 2 }, createSeededRandom(1));
 * const points = Float32Array.of(0, 0, 0, 1, 1, 0, 1, 1);
 * const { losses } = await fitModel(await loadNodeOrt(), model, {
 *   plan: { scope: "all", loss: { kind: "crossEntropy" }, optimizer: { kind: "adam" } },
 *   sampleCount: 4,
 *   readSample: (index, into) => into.set(points.subarray(2 * index, 2 * index + 2)),
 *   truth: Int32Array.of(0, 1, 1, 0), // exclusive or
 *   epochs: 200,
 *   batchSize: 4,
 *   learningRate: 0.05,
 *   random: createSeededRandom(2),
 * });
 * losses[199] < 0.1; // => true
 */
export async function fitModel<Into extends SampleBuffer = Float32Array>(
  runtime: OrtRuntime,
  model: Uint8Array,
  options: FitOptions<Into>,
): Promise<FittedModel> {
  const { sampleCount, epochs, batchSize, learningRate, random } = options;
  const compiled = unwrap(compileTraining(model, options.plan));
  const stepsPerEpoch = Math.floor(sampleCount / batchSize);
  const truthSize = elementCount(compiled.truth.dims);
  assertDefect(
    [sampleCount, epochs, batchSize].every((count) => Number.isInteger(count) && count >= 1) &&
      stepsPerEpoch >= 1 &&
      options.truth.length === sampleCount * truthSize,
    "fit.samples_missing",
    `${sampleCount} samples, ${options.truth.length} numbers of truth, ${epochs} epochs of batches of ${batchSize}; whole numbers, at least one batch and one epoch, and ${truthSize} numbers of truth a sample`,
  );
  const stepCount = epochs * stepsPerEpoch;
  const schedule: LearningRateSchedule =
    typeof learningRate === "number"
      ? { kind: "cosine", rate: learningRate, stepCount }
      : learningRate;
  const order = Uint32Array.from({ length: sampleCount }, (_, index) => index);
  const losses = new Float32Array(epochs);
  const trainer = await createTrainer(runtime, compiled);
  try {
    let state = trainer.begin(unwrap(readParameters(model)));
    while (state.stepCount < stepCount) {
      options.signal?.throwIfAborted();
      const first = state.stepCount;
      const inEpoch = first % stepsPerEpoch;
      if (inEpoch === 0) shuffle(random, order);
      const steps = Math.min(STEPS_PER_SLICE, stepsPerEpoch - inEpoch);
      const chosen = order.subarray(inEpoch * batchSize, (inEpoch + steps) * batchSize);
      const trained = await trainer.run(state, {
        stepCount: steps,
        batchSize,
        ...gather(options, chosen, compiled, truthSize),
        learningRate: scheduledRates(schedule, first, steps),
      });
      state = trained.state;
      const sum = trained.losses.reduce((total, loss) => total + loss, 0);
      const epoch = Math.floor(first / stepsPerEpoch);
      losses[epoch] = (losses[epoch] ?? 0) + sum / stepsPerEpoch;
      options.onProgress?.(state.stepCount / stepCount, sum / steps);
    }
    const parameters = parameterSetOf(trainedParameters(compiled, state));
    return { model: unwrap(patchParameters(model, parameters)), losses };
  } finally {
    await trainer.release();
  }
}

const buffers = { float32: Float32Array, int32: Int32Array, int64: Int32Array, bool: Uint8Array };

function gather<Into extends SampleBuffer>(
  options: FitOptions<Into>,
  chosen: Uint32Array,
  { inputs, truth: { type } }: CompiledTraining,
  truthSize: number,
): { data: Record<string, SampleBuffer>; truth: Int32Array | Float32Array } {
  const data: Record<string, SampleBuffer> = {};
  for (const { name, type: kind, dims } of inputs) {
    data[name] = new buffers[kind](chosen.length * elementCount(dims));
  }
  const truth =
    type === "int64" && options.truth instanceof Int32Array
      ? new Int32Array(chosen.length)
      : new Float32Array(chosen.length * truthSize);
  chosen.forEach((index, at) => {
    const all: Record<string, SampleBuffer> = {};
    for (const { name, dims } of inputs) {
      const size = elementCount(dims);
      const buffer = data[name]?.subarray(at * size, (at + 1) * size);
      if (buffer !== undefined) all[name] = buffer;
    }
    options.readSample(index, all[inputs[0]?.name ?? ""] as Into, all);
    truth.set(options.truth.subarray(index * truthSize, (index + 1) * truthSize), at * truthSize);
  });
  return { data, truth };
}
