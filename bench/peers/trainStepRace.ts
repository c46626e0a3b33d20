// One task raced on one engine: this project against TensorFlow.js, the same in Node and in a browser. It must not know which.
import type { OrtRuntime } from "@attune/device-runtime/model";
import type { Compare, Comparison, Contestant, Spread } from "../src/compare.ts";
import type { ResultRow } from "../src/suite.ts";
import { createAttunePredictor, createAttuneTrainee } from "./attuneTrainee.ts";
import type { Tfjs } from "./tfjsNetwork.ts";
import { createTfjsTrainee, type TfjsBackend } from "./tfjsTrainee.ts";
import type { Trainee } from "./trainee.ts";
import type { TaskName, TrainingTask } from "./trainingTask.ts";

/** Where a race is run. */
export interface RaceTrack {
  readonly engine: "node" | "wasm";
  readonly runtime: OrtRuntime;
  readonly tfjs: Tfjs;
}

/** What a race found. */
export interface RaceResult {
  /** One row a rival; times are microseconds a step. */
  readonly rows: readonly ResultRow[];
  /** How many times longer TensorFlow.js takes for a step, paired by round. */
  readonly timesTfjs: Readonly<Partial<Record<TfjsBackend, Spread>>>;
  /** A step that trains the last layer only, against inference of the same batch. */
  readonly lastLayerToInference: Spread;
  /** Largest relative difference of the losses of the first steps: a rival that computes something else is no rival. */
  readonly lossDifference: number;
}

interface Effort {
  readonly rounds: number;
  /** Steps of TensorFlow.js in one timed run. */
  readonly tfjsSteps: number;
  /** Steps whose losses are compared before any timing. */
  readonly checkedSteps: number;
  /** Its wasm engine has no gradients of convolutions. */
  readonly backends: readonly TfjsBackend[];
}

const efforts: Readonly<Record<TaskName, Effort>> = {
  perceptron: { rounds: 21, tfjsSteps: 2, checkedSteps: 20, backends: ["wasm", "cpu"] },
  "har-cnn": { rounds: 7, tfjsSteps: 1, checkedSteps: 2, backends: ["cpu"] },
  "keyword-net": { rounds: 5, tfjsSteps: 1, checkedSteps: 1, backends: ["cpu"] },
  gru: { rounds: 21, tfjsSteps: 2, checkedSteps: 20, backends: ["wasm", "cpu"] },
};

/** Steps of the last layer, or inferences, in one timed run. */
const SHORT_STEPS_MIN = 48;

/** Races all rivals for one task. */
export async function raceTrainStep(
  task: TrainingTask,
  track: RaceTrack,
  compare: Compare,
): Promise<RaceResult> {
  const { rounds, tfjsSteps, checkedSteps, backends } = efforts[task.name];
  const slice = task.batchCount;
  // Slices of what takes a fraction of a millisecond a step: a timed run has to be longer than what disturbs it.
  const short = slice * Math.ceil(SHORT_STEPS_MIN / slice);
  const target = { engine: track.engine };
  const whole = () => createAttuneTrainee(track.runtime, task, { scope: "all", ...target });
  const head = () => createAttuneTrainee(track.runtime, task, { scope: "head", ...target });
  const tfjs = (backend: TfjsBackend) => () => createTfjsTrainee(track.tfjs, backend, task);

  const lossDifference = await differenceOf(
    [whole, ...backends.map((backend) => tfjs(backend))],
    Math.min(checkedSteps, slice),
  );
  const comparison = await compare({
    contestants: [
      contestant("attune", slice, slice, whole),
      contestant("attune, one step a call", Math.min(slice, 40), 1, whole),
      contestant("attune, last layer", short, slice, head),
      contestant("attune, inference", short, 1, () => createAttunePredictor(track.runtime, task)),
      ...backends.map((backend) =>
        contestant(`tfjs ${backend}`, tfjsSteps, tfjsSteps, tfjs(backend)),
      ),
    ],
    roundCount: rounds,
    warmUpRoundCount: 1,
  });
  return {
    rows: comparison.rows("us"),
    timesTfjs: ratios(comparison, backends),
    lastLayerToInference: comparison.ratioOf("attune, last layer", "attune, inference"),
    lossDifference,
  };
}

/**
 * How long each rival trains before anything is timed. Engines compile in tiers while they run: in Chromium the fast code of a WebAssembly
 * function comes some hundred steps after the first.
 */
const WARM_UP_MS = 2000;

function contestant(
  name: string,
  stepCount: number,
  stepsPerCall: number,
  make: () => Promise<Trainee>,
): Contestant {
  let trainee: Trainee | undefined;
  const run = async (): Promise<void> => {
    for (let step = 0; step < stepCount; step += stepsPerCall) await trainee?.train(stepsPerCall);
  };
  return {
    name,
    unitCount: stepCount,
    async setUp() {
      trainee = await make();
      const startMs = performance.now();
      while (performance.now() - startMs < WARM_UP_MS) await run();
    },
    run,
    async tearDown() {
      await trainee?.release();
    },
  };
}

function ratios(comparison: Comparison, backends: readonly TfjsBackend[]): RaceResult["timesTfjs"] {
  return Object.fromEntries(
    backends.map((backend) => [backend, comparison.ratioOf(`tfjs ${backend}`, "attune")]),
  );
}

async function differenceOf(
  rivals: readonly (() => Promise<Trainee>)[],
  stepCount: number,
): Promise<number> {
  let expected: readonly number[] | undefined;
  let worst = 0;
  for (const make of rivals) {
    const trainee = await make();
    const losses = await trainee.train(stepCount);
    await trainee.release();
    expected ??= losses;
    for (const [step, loss] of losses.entries()) {
      const other = expected[step] ?? Number.NaN;
      worst = Math.max(worst, Math.abs(loss - other) / other);
    }
  }
  return worst;
}
