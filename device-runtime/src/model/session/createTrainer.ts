// Runs compiled trainings: parameters, optimizer state and batches in, new ones out. State is plain data and never kept here, so
// one trainer serves any number of users and a training can be cut anywhere between two slices.
import {
  assertDefect,
  elementCount,
  type ParameterSet,
  type ParameterTensor,
} from "@attune/protocol";
import type { CompiledTraining } from "../compile/compileTraining.ts";
import { startFactors } from "../compile/lowRankFactors.ts";
import { trainingNames } from "../compile/trainingNames.ts";
import { inCanonicalOrder } from "../parameters/canonicalOrder.ts";
import type { OrtRuntime, OrtTensor } from "./ortRuntime.ts";
import { arrayOf, type SampleData, sampleTensors } from "./sampleData.ts";

/**
 * Where a training stands. Plain data: store it, send it to another thread, resume from it to the same bytes as if nothing had happened.
 *
 * Values are exactly what the engine gave, -0 and NaN included; make a parameter set of them with `parameterSetOf` before they become a version.
 */
export interface TrainingState {
  /** Steps done so far; what a bias-corrected optimizer counts. */
  readonly stepCount: number;
  /**
   * What the training changes, in canonical order: parameters, with the running statistics of normalisations that go by the batch, or the factors
   * of low-rank patches. See {@link trainedParameters}.
   */
  readonly parameters: ParameterSet;
  /** Optimizer state, by state and then by parameter; each tensor is named `state:parameter`. */
  readonly optimizer: readonly ParameterTensor[];
  /** Base values that the plan reads: to pull or to teach, or the weights that patches lie on; empty where there is none of these. */
  readonly base: ParameterSet;
}

/** Batches of one slice. The arrays must not change until the run is done. */
export interface TrainingSlice {
  /** At least 1. */
  readonly stepCount: number;
  /** At least 1, or the training's `batchSizeMin`; the model's own where it has a fixed one. */
  readonly batchSize: number;
  /** `[stepCount, batchSize, ...sample]`, row-major; by name where the model has several inputs. */
  readonly data: SampleData;
  /**
   * Labels `[stepCount, batchSize]`, each in `[0, classCount)`, or targets `[stepCount, batchSize, ...output]`, for a binary cross-entropy each in
   * `[0, 1]`. Other targets, and data, are not looked through for NaN: a loss of NaN shows it.
   */
  readonly truth: Float32Array | Int32Array | BigInt64Array;
  /** `[stepCount, batchSize]`, each `>= 0`; exactly where the plan has sample weights. */
  readonly sampleWeights?: Float32Array;
  /** One for all steps, or one a step; finite. */
  readonly learningRate: number | Float32Array;
}

/** What a slice brought. */
export interface TrainedSlice {
  readonly state: TrainingState;
  /** Loss of every step before its update, without the pull to the base. */
  readonly losses: Float32Array;
}

/** Runs one compiled training. */
export interface Trainer {
  readonly compiled: CompiledTraining;
  /**
   * The state before the first step: these parameters, and nothing learned by the optimizer.
   *
   * @param parameters at least the trained ones and the running statistics; others are left out. For low-rank patches the weights they lie on; factors that are not among
   *   them start anew
   * @param base what to pull to, or to be taught by; the parameters themselves if left out, and for low-rank patches always
   * @throws Defect `trainer.parameter_missing`, `trainer.shape_mismatch`
   */
  begin(parameters: ParameterSet, base?: ParameterSet): TrainingState;
  /**
   * Trains one slice. Cutting a training into other slices changes no bit of the result.
   *
   * Blocks its thread for the whole slice: choose `stepCount` so that it takes 20 to 50 ms.
   *
   * @param state is not changed
   * @throws Defect `trainer.shape_mismatch`, `trainer.label_invalid`, `trainer.target_invalid`, `trainer.weight_invalid`, `trainer.rate_invalid`
   * @throws Fault `ort.run_failed`
   */
  run(state: TrainingState, slice: TrainingSlice): Promise<TrainedSlice>;
  /** Frees the engine's memory. */
  release(): Promise<void>;
}

const floats = (dims: readonly number[], data: Float32Array): OrtTensor => ({
  type: "float32",
  dims,
  data,
});

function checkLength(what: string, length: number, dims: readonly number[]): void {
  assertDefect(
    length === elementCount(dims),
    "trainer.shape_mismatch",
    `${what} has ${length} values, [${dims.join(", ")}] needs ${elementCount(dims)}`,
  );
}

function chosenParameters(
  wanted: CompiledTraining["parameters"],
  parameters: ParameterSet,
): ParameterSet {
  const byName = new Map(parameters.map((tensor) => [tensor.name, tensor]));
  return wanted.map(({ name, dims }) => {
    const tensor = byName.get(name);
    assertDefect(
      tensor !== undefined,
      "trainer.parameter_missing",
      `parameter ${name} is not given`,
    );
    assertDefect(
      tensor.dims.join() === dims.join(),
      "trainer.shape_mismatch",
      `parameter ${name} is [${tensor.dims.join(", ")}], the training needs [${dims.join(", ")}]`,
    );
    checkLength(`parameter ${name}`, tensor.data.length, dims);
    return { name, dims, data: tensor.data };
  });
}

/** Labels as the engine takes them; one outside the classes would be ignored there in silence. */
function labelTensor(
  compiled: CompiledTraining,
  truth: TrainingSlice["truth"],
  dims: readonly number[],
): OrtTensor {
  const classes = compiled.truth.classCount ?? 0;
  const labels = new BigInt64Array(truth.length);
  truth.forEach((label: number | bigint, index: number) => {
    const value = Number(label);
    assertDefect(
      Number.isInteger(value) && value >= 0 && value < classes,
      "trainer.label_invalid",
      `label ${value} at ${index} is outside [0, ${classes})`,
    );
    labels[index] = BigInt(value);
  });
  return { type: "int64", dims, data: labels };
}

/** Targets as the engine takes them; a share outside its range has no cross-entropy. */
function targetTensor(
  { truth: { isShare } }: CompiledTraining,
  truth: TrainingSlice["truth"],
  dims: readonly number[],
): OrtTensor {
  const targets = truth instanceof Float32Array ? truth : Float32Array.from(truth, Number);
  const at = isShare ? targets.findIndex((target) => !(target >= 0 && target <= 1)) : -1;
  assertDefect(
    at < 0,
    "trainer.target_invalid",
    `target ${targets[at]} at ${at} is outside [0, 1]`,
  );
  return floats(dims, targets);
}

function sliceInputs(compiled: CompiledTraining, slice: TrainingSlice): Record<string, OrtTensor> {
  const { stepCount, batchSize, data, truth, sampleWeights, learningRate } = slice;
  assertDefect(
    Number.isInteger(stepCount) && stepCount >= 1 && Number.isInteger(batchSize) && batchSize >= 1,
    "trainer.shape_mismatch",
    `a slice of ${stepCount} steps of ${batchSize} samples; both are at least 1`,
  );
  assertDefect(
    compiled.batchSize === undefined || compiled.batchSize === batchSize,
    "trainer.shape_mismatch",
    `batches of ${batchSize}, the model has a fixed batch of ${compiled.batchSize}`,
  );
  assertDefect(
    batchSize >= compiled.batchSizeMin,
    "trainer.shape_mismatch",
    `batches of ${batchSize}, but BatchNormalization in training needs ${compiled.batchSizeMin}: one value a channel has no variance`,
  );
  const lead = [stepCount, batchSize];
  const truthDims = [...lead, ...compiled.truth.dims];
  for (const { name, dims } of compiled.inputs) {
    const what = compiled.inputs.length === 1 ? "data" : `input ${name}`;
    checkLength(what, arrayOf(compiled.inputs, data, name)?.length ?? 0, [...lead, ...dims]);
  }
  const samples = sampleTensors(compiled.inputs, data, lead, "trainer.shape_mismatch");
  checkLength("truth", truth.length, truthDims);
  const rates =
    typeof learningRate === "number"
      ? new Float32Array(stepCount).fill(learningRate)
      : learningRate;
  checkLength("learningRate", rates.length, [stepCount]);
  const rate = rates.find((one) => !Number.isFinite(one));
  assertDefect(rate === undefined, "trainer.rate_invalid", `a learning rate is ${rate}`);
  const inputs: Record<string, OrtTensor> = {
    ...Object.fromEntries(
      compiled.inputs.map(({ name }, index) => [trainingNames.dataOf(name, index), samples[index]]),
    ),
    [trainingNames.learningRate]: floats([stepCount], rates),
    [trainingNames.truth]:
      compiled.truth.type === "int64"
        ? labelTensor(compiled, truth, truthDims)
        : targetTensor(compiled, truth, truthDims),
  };
  assertDefect(
    compiled.hasSampleWeights === (sampleWeights !== undefined),
    "trainer.weight_invalid",
    compiled.hasSampleWeights
      ? "the plan needs sample weights"
      : "the plan takes no sample weights",
  );
  if (sampleWeights !== undefined) {
    checkLength("sampleWeights", sampleWeights.length, lead);
    assertDefect(
      sampleWeights.every((weight) => weight >= 0 && weight < Number.POSITIVE_INFINITY),
      "trainer.weight_invalid",
      "a sample weight is negative or not finite",
    );
    inputs[trainingNames.sampleWeights] = floats(lead, sampleWeights);
  }
  return inputs;
}

/** Everything that a training changes in the model, in canonical order. */
function changedTensors({
  parameters,
  statistics,
}: CompiledTraining): CompiledTraining["parameters"] {
  return inCanonicalOrder([...parameters, ...statistics], ({ name }) => name);
}

/** Names of the optimizer's tensors, in the order of {@link TrainingState.optimizer}. */
function optimizerPlaces(
  compiled: CompiledTraining,
): { state: string; parameter: string; dims: readonly number[] }[] {
  return compiled.states.flatMap((state) =>
    compiled.parameters.map(({ name, dims }) => ({ state, parameter: name, dims })),
  );
}

/** What a training graph reads of a state. */
function stateInputs(compiled: CompiledTraining, state: TrainingState): Record<string, OrtTensor> {
  const inputs: Record<string, OrtTensor> = {
    [trainingNames.stepCount]: {
      type: "int64",
      dims: [],
      data: BigInt64Array.of(BigInt(state.stepCount)),
    },
  };
  for (const { name, dims, data } of chosenParameters(changedTensors(compiled), state.parameters)) {
    inputs[trainingNames.parameter(name)] = floats(dims, data);
  }
  optimizerPlaces(compiled).forEach(({ state: kept, parameter, dims }, index) => {
    const tensor = state.optimizer[index];
    assertDefect(
      tensor?.name === `${kept}:${parameter}`,
      "trainer.parameter_missing",
      `optimizer state ${kept}:${parameter} is not where it belongs`,
    );
    checkLength(tensor.name, tensor.data.length, dims);
    inputs[trainingNames.state(kept, parameter)] = floats(dims, tensor.data);
  });
  for (const { name, dims, data } of chosenParameters(compiled.base, state.base)) {
    inputs[trainingNames.base(name)] = floats(dims, data);
  }
  return inputs;
}

function resultFloats(results: Readonly<Record<string, OrtTensor>>, name: string): Float32Array {
  const data = results[name]?.data;
  assertDefect(data instanceof Float32Array, "trainer.output_missing", `no output ${name}`);
  return data;
}

/**
 * Loads a compiled training into an engine.
 *
 * @throws Fault `ort.graph_not_loadable`
 * @example
 * import { unwrap } from "@attune/protocol";
 *
 * const model = buildPerceptron({ inputSize: 2, hidden: [], classCount: 2 }, createSeededRandom(1));
 * const plan = { scope: "all", loss: { kind: "crossEntropy" }, optimizer: { kind: "sgd" } } as const;
 * const trainer = await createTrainer(await loadNodeOrt(), unwrap(compileTraining(model, plan)));
 * const slice = { stepCount: 1, batchSize: 2, data: Float32Array.of(0, 1, 1, 0), truth: Int32Array.of(0, 1), learningRate: 0.1 };
 * const first = await trainer.run(trainer.begin(unwrap(readParameters(model))), slice);
 * const second = await trainer.run(first.state, slice);
 * second.losses.every((loss) => loss < Math.min(...first.losses)); // => true
 * await trainer.release();
 */
export async function createTrainer(
  runtime: OrtRuntime,
  compiled: CompiledTraining,
): Promise<Trainer> {
  const graph = await runtime.load(compiled.epoch);
  const places = optimizerPlaces(compiled);
  const changed = changedTensors(compiled);
  const outputs = [
    trainingNames.loss,
    ...changed.map(({ name }) => trainingNames.nextParameter(name)),
    ...places.map(({ state, parameter }) => trainingNames.nextState(state, parameter)),
  ];
  return {
    compiled,
    begin: (parameters, base) => ({
      stepCount: 0,
      parameters: chosenParameters(changed, [...startFactors(compiled.patches), ...parameters]),
      optimizer: places.map(({ state, parameter, dims }) => ({
        name: `${state}:${parameter}`,
        dims,
        data: new Float32Array(elementCount(dims)),
      })),
      base: chosenParameters(
        compiled.base,
        compiled.patches.length > 0 ? parameters : (base ?? parameters),
      ),
    }),
    async run(state, slice) {
      const inputs = { ...stateInputs(compiled, state), ...sliceInputs(compiled, slice) };
      const results = await graph.run(inputs, outputs);
      return {
        losses: resultFloats(results, trainingNames.loss),
        state: {
          stepCount: state.stepCount + slice.stepCount,
          parameters: changed.map(({ name, dims }) => ({
            name,
            dims,
            data: resultFloats(results, trainingNames.nextParameter(name)),
          })),
          optimizer: places.map(({ state: kept, parameter, dims }) => ({
            name: `${kept}:${parameter}`,
            dims,
            data: resultFloats(results, trainingNames.nextState(kept, parameter)),
          })),
          base: state.base,
        },
      };
    },
    release: () => graph.release(),
  };
}
