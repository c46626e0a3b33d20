// What every engine must compute alike: PyTorch's trajectories, and every gradient rule against finite differences. Runs wherever the compiler
// runs, in a browser, too. For tests only.
import { elementCount, unwrap } from "@attune/protocol";
import fc from "fast-check";
import { compileTraining } from "../../src/model/compile/compileTraining.ts";
import type { LoweringSpec } from "../../src/model/lowering/lowering.ts";
import { readParameters } from "../../src/model/parameters/parameterBytes.ts";
import { createTrainer } from "../../src/model/session/createTrainer.ts";
import type { OrtRuntime } from "../../src/model/session/ortRuntime.ts";
import { elementwiseCases } from "../gradientCases/elementwiseCases.ts";
import { movementCases } from "../gradientCases/movementCases.ts";
import { normalizationCases } from "../gradientCases/normalizationCases.ts";
import { productCases } from "../gradientCases/productCases.ts";
import { recurrentCases } from "../gradientCases/recurrentCases.ts";
import { reductionCases } from "../gradientCases/reductionCases.ts";
import { windowCases } from "../gradientCases/windowCases.ts";
import { type GradientCase, gradientError } from "../gradientCheck.ts";
import { runStep } from "../stepRunner.ts";
import { type ParityCase, relativeDifference } from "../torchParityCase.ts";

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

/** Trains every case with every optimizer. */
export async function runParity(
  runtime: OrtRuntime,
  cases: ReadonlyMap<string, ParityCase>,
  lowering?: LoweringSpec,
): Promise<ConformanceRun> {
  return collect(async (check) => {
    for (const [name, parity] of cases) {
      for (const [optimizer, run] of parity.runs) {
        const compiled = unwrap(
          compileTraining(parity.model, {
            scope: "all",
            loss: { kind: "crossEntropy" },
            optimizer: run.optimizer,
            ...(lowering === undefined ? {} : { lowering }),
          }),
        );
        const trainer = await createTrainer(runtime, compiled);
        const begun = trainer.begin(unwrap(readParameters(parity.model)));
        const slice = {
          stepCount: parity.steps,
          batchSize: parity.batch,
          data: parity.data,
          truth: parity.labels,
          learningRate: run.learningRate,
        };
        const { state, losses } = await trainer.run(begun, slice);
        await trainer.release();
        const graph = await runtime.load(compiled.step);
        const { gradients } = await runStep(graph, compiled, begun, {
          batchSize: parity.batch,
          data: parity.data.subarray(0, parity.batch * elementCount(parity.inputShape)),
          truth: parity.labels.subarray(0, parity.batch),
          learningRate: run.learningRate,
        });
        await graph.release();
        const where = `${name} ${optimizer}`;
        check(`${where}: losses`, relativeDifference(losses, run.losses), 1e-4);
        for (const { name: parameter, data } of parity.gradients) {
          const found = gradients.find((one) => one.name === parameter)?.data ?? [];
          check(`${where}: gradient of ${parameter}`, relativeDifference(found, data), 1e-5);
        }
        for (const { name: parameter, data } of run.final) {
          const found = state.parameters.find((one) => one.name === parameter)?.data ?? [];
          check(`${where}: final ${parameter}`, relativeDifference(found, data), 1e-4);
        }
      }
    }
  });
}

/** Checks every gradient rule. */
export async function runGradients(runtime: OrtRuntime): Promise<ConformanceRun> {
  return collect(async (check) => {
    for (const [operator, arbitraries] of Object.entries(gradientCases)) {
      for (const [kind, arbitrary] of arbitraries.entries()) {
        for (const [draw, one] of fc.sample(arbitrary, { numRuns: DRAWS, seed: 7 }).entries()) {
          check(`${operator} ${kind}.${draw}`, await gradientError(runtime, one), 1e-3);
        }
      }
    }
  });
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
