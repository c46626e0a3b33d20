// Whether a model takes what packages speak of: windows of sensor samples. For where a package is made or taken on; a page does not load this at once.
import { accept, type Outcome, refuse } from "@attune/protocol";
import type { CompiledServing } from "../model/compile/compileServing.ts";

/**
 * A package's preprocessing, profiles and distances are made of numbers of which near ones mean near things: one input of float32. Words of a
 * table and masks are no such numbers.
 *
 * @returns `input.shape_mismatch`
 */
export function checkWindows({ inputs }: Pick<CompiledServing, "inputs">): Outcome<null> {
  if (inputs.length === 1 && inputs[0]?.type === "float32") return accept(null);
  const found = inputs.map(({ name, type }) => `${name} (${type})`).join(", ");
  return refuse(
    "input.shape_mismatch",
    `the model takes ${found}; devices feed windows of samples to one input of float32: train it by compileTraining and createTrainer instead`,
  );
}
