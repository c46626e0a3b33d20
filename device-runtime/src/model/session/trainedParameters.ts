// From the state of a training to parameters of the model.
import { assertDefect, type ParameterSet } from "@attune/protocol";
import type { CompiledTraining } from "../compile/compileTraining.ts";
import { mergePatch } from "../compile/lowRankFactors.ts";
import type { TrainingState } from "./createTrainer.ts";

/**
 * The parameters that a training has changed, under the names of the model and in canonical order: what is served, compared and contributed.
 *
 * - With `batchNormalization: "train"` the running statistics of the scope are among them.
 * - Pure. For scopes without patches the state's own; low-rank patches are added to their weights, O(weights x rank).
 * - Values are raw engine output, as in the state: use `parameterSetOf` before they become a version.
 *
 * A delta names parameters of a version, so it is the difference of these from the base, never the factors: a hub needs to know nothing of
 * patches, and can average devices with other ranks.
 *
 * @throws Defect `trainer.parameter_missing`
 * @example
 * import { unwrap } from "@attune/protocol";
 *
 * const model = buildPerceptron({ inputSize: 8, hidden: [8], classCount: 2 }, createSeededRandom(1));
 * const plan = { scope: { lowRank: 1 }, loss: { kind: "crossEntropy" }, optimizer: { kind: "sgd" } } as const;
 * const trainer = await createTrainer(await loadNodeOrt(), unwrap(compileTraining(model, plan)));
 * const state = trainer.begin(unwrap(readParameters(model)));
 * state.parameters.map(({ name }) => name); // => ["head.weight:down", "head.weight:up", "hidden1.weight:down", "hidden1.weight:up"]
 * trainedParameters(trainer.compiled, state).map(({ name }) => name); // => ["head.weight", "hidden1.weight"]
 * await trainer.release();
 */
export function trainedParameters(
  compiled: CompiledTraining,
  state: Pick<TrainingState, "parameters" | "base">,
): ParameterSet {
  if (compiled.patches.length === 0) return state.parameters;
  const trained = new Map(state.parameters.map(({ name, data }) => [name, data]));
  const base = new Map(state.base.map(({ name, data }) => [name, data]));
  return compiled.patches.map((patch) => {
    const weight = base.get(patch.weight.name);
    const down = trained.get(patch.down.name);
    const up = trained.get(patch.up.name);
    assertDefect(
      weight !== undefined && down !== undefined && up !== undefined,
      "trainer.parameter_missing",
      `weight ${patch.weight.name} or a factor of it is not in the state`,
    );
    return mergePatch(patch, { weight, down, up });
  });
}
