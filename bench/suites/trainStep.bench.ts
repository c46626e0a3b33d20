// How long one training step of a small perceptron takes: this project's compiler on onnxruntime-node against TensorFlow.js.
import {
  buildPerceptron,
  compileTraining,
  createTrainer,
  readParameters,
  type TrainingState,
} from "@attune/device-runtime/model";
import { loadNodeOrt } from "@attune/device-runtime/node";
import { createSeededRandom } from "@attune/device-runtime/testing";
import { unwrap } from "@attune/protocol";
import { createTfjsPerceptron, type PerceptronTask } from "../peers/tfjsPerceptron.ts";
import { bar } from "../src/bar.ts";
import type { Contestant } from "../src/compare.ts";
import type { Suite } from "../src/suite.ts";

const INPUT_SIZE = 561;
const HIDDEN_SIZE = 64;
const CLASS_COUNT = 6;
const BATCH_SIZE = 32;
/** Steps in one run of the engine: a slice of about 15 ms. */
const SLICE_STEPS = 200;
/** Steps whose losses are compared before any timing: a rival that computes something else is no rival. */
const CHECKED_STEPS = 20;

interface PreparedTask extends PerceptronTask {
  readonly model: Uint8Array;
}

function createTask(): PreparedTask {
  const random = createSeededRandom("train-step");
  const shape = { inputSize: INPUT_SIZE, hidden: [HIDDEN_SIZE], classCount: CLASS_COUNT };
  const model = buildPerceptron(shape, random);
  const sampleCount = SLICE_STEPS * BATCH_SIZE;
  const unit = (): number => random.nextUint32() / 2 ** 32;
  return {
    model,
    inputSize: INPUT_SIZE,
    classCount: CLASS_COUNT,
    batchSize: BATCH_SIZE,
    batchCount: SLICE_STEPS,
    data: Float32Array.from({ length: sampleCount * INPUT_SIZE }, () => 2 * unit() - 1),
    labels: Int32Array.from({ length: sampleCount }, () => Math.floor(unit() * CLASS_COUNT)),
    parameters: unwrap(readParameters(model)),
    learningRate: 0.01,
  };
}

interface Trainee {
  train(stepCount: number): Promise<readonly number[]>;
  release(): Promise<void> | void;
}

/** This project: any number of steps in one run of the engine, or one run a step. */
async function createAttune(task: PreparedTask): Promise<Trainee> {
  const compiled = unwrap(
    compileTraining(task.model, {
      scope: "all",
      loss: { kind: "crossEntropy" },
      optimizer: { kind: "sgd" },
    }),
  );
  const trainer = await createTrainer(await loadNodeOrt(), compiled);
  let state: TrainingState = trainer.begin(task.parameters);
  let next = 0;
  return {
    async train(stepCount) {
      const from = (next % task.batchCount) * task.batchSize;
      const to = from + stepCount * task.batchSize;
      next += stepCount;
      const trained = await trainer.run(state, {
        stepCount,
        batchSize: task.batchSize,
        data: task.data.subarray(from * task.inputSize, to * task.inputSize),
        truth: task.labels.subarray(from, to),
        learningRate: task.learningRate,
      });
      state = trained.state;
      return [...trained.losses];
    },
    release: () => trainer.release(),
  };
}

interface Rival {
  readonly name: string;
  /** Steps that one timed run does: enough for a few milliseconds. */
  readonly stepCount: number;
  /** Steps in one call of `train`. */
  readonly stepsPerCall: number;
  make(task: PreparedTask): Promise<Trainee>;
}

const rivals: readonly Rival[] = [
  { name: "attune", stepCount: SLICE_STEPS, stepsPerCall: SLICE_STEPS, make: createAttune },
  { name: "attune, one step a call", stepCount: 40, stepsPerCall: 1, make: createAttune },
  {
    name: "tfjs wasm",
    stepCount: 4,
    stepsPerCall: 4,
    make: (task) => createTfjsPerceptron("wasm", task),
  },
  {
    name: "tfjs cpu",
    stepCount: 2,
    stepsPerCall: 2,
    make: (task) => createTfjsPerceptron("cpu", task),
  },
];

/** Largest relative difference of the losses of the first steps from those of the first rival. */
async function lossDifference(task: PreparedTask): Promise<number> {
  let expected: readonly number[] | undefined;
  let worst = 0;
  for (const { make } of rivals) {
    const trainee = await make(task);
    const losses = await trainee.train(CHECKED_STEPS);
    await trainee.release();
    expected ??= losses;
    for (const [step, loss] of losses.entries()) {
      const other = expected[step] ?? Number.NaN;
      worst = Math.max(worst, Math.abs(loss - other) / other);
    }
  }
  return worst;
}

/** One training step of the perceptron 561-64-6: forward, loss, backward, update. */
export const suite: Suite = {
  name: "train-step",
  title: "One training step of the perceptron 561-64-6, batch 32, SGD, one thread",
  columns: [
    { key: "name", title: "rival" },
    { key: "medianUs", title: "median µs", decimals: 0 },
    { key: "lowerQuartileUs", title: "25 % µs", decimals: 0 },
    { key: "upperQuartileUs", title: "75 % µs", decimals: 0 },
    { key: "minUs", title: "min µs", decimals: 0 },
    { key: "ratio", title: "times attune", decimals: 1 },
  ],
  packages: ["onnxruntime-node", "@tensorflow/tfjs", "@tensorflow/tfjs-backend-wasm"],
  async run({ compare, progress }) {
    const task = createTask();
    progress("checking that all rivals compute the same losses");
    const difference = await lossDifference(task);
    const contestants = rivals.map(({ name, stepCount, stepsPerCall, make }): Contestant => {
      let trainee: Trainee | undefined;
      return {
        name,
        unitCount: stepCount,
        async setUp() {
          trainee = await make(task);
        },
        async run() {
          for (let step = 0; step < stepCount; step += stepsPerCall) {
            await trainee?.train(stepsPerCall);
          }
        },
        async tearDown() {
          await trainee?.release();
        },
      };
    });
    const comparison = await compare({ contestants, roundCount: 21 });
    return {
      results: comparison.rows("us"),
      bars: [
        bar("times tfjs cpu", comparison.ratioOf("tfjs cpu", "attune").median, ">=", 50),
        bar("largest relative difference of losses", difference, "<=", 1e-4),
      ],
    };
  },
};
