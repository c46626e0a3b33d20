// What every engine must compute alike: PyTorch's trajectories, and every gradient rule against finite differences. Runs wherever the compiler
// runs, in a browser, too. For tests only.
import { elementCount, unwrap } from "@attune/protocol";
import fc from "fast-check";
import { type CompiledTraining, compileTraining } from "../../src/model/compile/compileTraining.ts";
import type { TrainingPlan } from "../../src/model/compile/trainingPlan.ts";
import type { LoweringSpec } from "../../src/model/lowering/lowering.ts";
import { readParameters } from "../../src/model/parameters/parameterBytes.ts";
import { createTrainer } from "../../src/model/session/createTrainer.ts";
import type { OrtRuntime } from "../../src/model/session/ortRuntime.ts";
import type { SampleArray } from "../../src/model/session/sampleData.ts";
import { exportedModels } from "../exportedModels.ts";
import { elementwiseCases } from "../gradientCases/elementwiseCases.ts";
import { movementCases } from "../gradientCases/movementCases.ts";
import { normalizationCases } from "../gradientCases/normalizationCases.ts";
import { productCases } from "../gradientCases/productCases.ts";
import { recurrentCases } from "../gradientCases/recurrentCases.ts";
import { reductionCases } from "../gradientCases/reductionCases.ts";
import { windowCases } from "../gradientCases/windowCases.ts";
import { type GradientCase, gradientError } from "../gradientCheck.ts";
import { modelGradientError } from "../modelCheck.ts";
import { runStep } from "../stepRunner.ts";
import {
  type ParityCase,
  type ParityRun,
  relativeDifference,
  withoutKeyBias,
} from "../torchParityCase.ts";

/** What was checked, and what did not hold. */
export interface ConformanceRun {
  readonly checkCount: number;
  readonly failures: readonly string[];
}

const gradientCases: Readonly<Record<string, readonly fc.Arbitrary<GradientCase>[]>> = {
  ...elementwiseCases,
  ...movementCases,
  ...normalizationCases,
  ...productCases,
  ...recurrentCases,
  ...reductionCases,
  ...windowCases,
};

/** Draws of each kind of case: the property test draws many more, on one engine. */
const DRAWS = 2;

type Check = (what: string, value: number, limit: number) => void;

/** One optimizer's run of a case. */
interface Trajectory {
  readonly parity: ParityCase;
  readonly run: ParityRun;
  readonly where: string;
  readonly compiled: CompiledTraining;
}

function trajectory(
  [name, parity]: readonly [string, ParityCase],
  optimizer: string,
  lowering?: LoweringSpec,
): Trajectory {
  const run = parity.runs.get(optimizer);
  if (run === undefined) throw new Error(`${name} has no run of ${optimizer}`);
  const plan: TrainingPlan = {
    scope: "all",
    loss: { kind: "crossEntropy" },
    optimizer: run.optimizer,
    ...(lowering === undefined ? {} : { lowering }),
  };
  const compiled = unwrap(compileTraining(parity.model, plan));
  return { parity, run, compiled, where: `${name} ${optimizer}` };
}

/** Losses of all steps, and the parameters after the last. */
async function checkTraining(
  runtime: OrtRuntime,
  { parity, run, compiled, where }: Trajectory,
  check: Check,
): Promise<void> {
  const trainer = await createTrainer(runtime, compiled);
  const { state, losses } = await trainer.run(trainer.begin(unwrap(readParameters(parity.model))), {
    stepCount: parity.steps,
    batchSize: parity.batch,
    data: parity.data,
    truth: parity.labels,
    learningRate: run.learningRate,
  });
  await trainer.release();
  check(`${where}: losses`, relativeDifference(losses, run.losses), 1e-4);
  const found = withoutKeyBias(state.parameters);
  for (const { name, data } of withoutKeyBias(run.final)) {
    const own = found.find((one) => one.name === name)?.data ?? [];
    check(`${where}: final ${name}`, relativeDifference(own, data), 1e-4);
  }
}

/** Gradients of the first step. */
async function checkGradients(
  runtime: OrtRuntime,
  { parity, compiled, where }: Trajectory,
  check: Check,
): Promise<void> {
  const trainer = await createTrainer(runtime, compiled);
  const graph = await runtime.load(compiled.step);
  const begun = trainer.begin(unwrap(readParameters(parity.model)));
  const { gradients } = await runStep(graph, compiled, begun, {
    batchSize: parity.batch,
    data: parity.data.subarray(0, parity.batch * elementCount(parity.inputShape)),
    truth: parity.labels.subarray(0, parity.batch),
    learningRate: 0,
  });
  await graph.release();
  await trainer.release();
  for (const { name, data } of parity.gradients) {
    const own = gradients.find((one) => one.name === name)?.data ?? [];
    check(`${where}: gradient of ${name}`, relativeDifference(own, data), 1e-5);
  }
}

/** Convolutions in tiles wherever they can be, which small ones would not choose. */
const inTiles: LoweringSpec = { forms: { conv: "tiles" } };

/** Trains every case with every optimizer. */
export async function runParity(
  runtime: OrtRuntime,
  cases: ReadonlyMap<string, ParityCase>,
): Promise<ConformanceRun> {
  return collect(async (check) => {
    for (const one of cases) {
      await checkGradients(runtime, trajectory(one, "sgd"), check);
      await checkGradients(runtime, trajectory(one, "sgd", inTiles), check);
      for (const optimizer of one[1].runs.keys()) {
        await checkTraining(runtime, trajectory(one, optimizer), check);
      }
    }
  });
}

/** Trains one case with one optimizer: what an engine can do that takes seconds for each. */
export async function runTrajectory(
  runtime: OrtRuntime,
  one: readonly [string, ParityCase],
  optimizer: string,
  lowering: LoweringSpec,
): Promise<ConformanceRun> {
  return collect((check) => checkTraining(runtime, trajectory(one, optimizer, lowering), check));
}

/** Checks every gradient rule. */
export async function runGradients(runtime: OrtRuntime): Promise<ConformanceRun> {
  return collect(async (check) => {
    for (const [operator, arbitraries] of Object.entries(gradientCases)) {
      for (const [kind, arbitrary] of arbitraries.entries()) {
        for (const [draw, one] of fc.sample(arbitrary, { numRuns: DRAWS, seed: 7 }).entries()) {
          const where = `${operator} ${kind}.${draw}`;
          check(where, await gradientError(runtime, one), 1e-3);
          if (operator !== "Conv") continue;
          const tiled = await gradientError(runtime, { ...one, lowering: inTiles });
          check(`${where} in tiles`, tiled, 1e-3);
        }
      }
    }
  });
}

/** Trains the models of words and masks: every gradient against finite differences, and a slice whose loss falls. */
export async function runWords(runtime: OrtRuntime): Promise<ConformanceRun> {
  return collect(async (check) => {
    for (const { name, model, data, dims = {} } of exportedModels) {
      if (data === undefined) continue;
      for (const scope of ["head", { lastLayers: 2 }, "all"] as const) {
        const { worst } = await modelGradientError(runtime, { model, scope, dims, data });
        check(`${name}, ${JSON.stringify(scope)}: gradients`, worst, 5e-3);
      }
      const plan: TrainingPlan = {
        scope: "all",
        loss: { kind: "crossEntropy" },
        optimizer: { kind: "adam" },
        dims,
      };
      const trainer = await createTrainer(runtime, unwrap(compileTraining(model, plan)));
      const batchSize = 4;
      const stepCount = 20;
      const batch = Object.entries(data(batchSize));
      const { losses } = await trainer.run(trainer.begin(unwrap(readParameters(model))), {
        stepCount,
        batchSize,
        data: Object.fromEntries(batch.map(([input, values]) => [input, again(values, stepCount)])),
        truth: Int32Array.from({ length: stepCount * batchSize }, (_, at) => at % 2),
        learningRate: 0.02,
      });
      await trainer.release();
      check(`${name}: share of the loss left`, (losses.at(-1) ?? 0) / (losses[0] ?? 0), 0.8);
    }
  });
}

/** The same values for every step. */
function again(values: SampleArray, count: number): SampleArray {
  if (values instanceof BigInt64Array) {
    return BigInt64Array.from(
      { length: values.length * count },
      (_, at) => values[at % values.length] ?? 0n,
    );
  }
  const repeated = Array.from({ length: values.length * count }, (_, at) =>
    Number(values[at % values.length]),
  );
  return values instanceof Uint8Array ? Uint8Array.from(repeated) : Int32Array.from(repeated);
}

async function collect(work: (check: Check) => Promise<void>): Promise<ConformanceRun> {
  let checkCount = 0;
  const failures: string[] = [];
  await work((what, value, limit) => {
    checkCount += 1;
    if (!(value <= limit)) failures.push(`${what}: ${value}, limit ${limit}`);
  });
  return { checkCount, failures };
}
