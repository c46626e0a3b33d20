// Whether a package's model can be served and trained. It compiles both, so it is for where a package is made, and for versions that a device
// takes on: this must not be reached by what a page loads at once.
import { accept, type Outcome, refuse } from "@attune/protocol";
import { compileServing } from "../model/compile/compileServing.ts";
import { compileTraining } from "../model/compile/compileTraining.ts";
import { checkWindows } from "./checkWindows.ts";
import { checkSizes, type ModelPackage } from "./modelPackage.ts";

/**
 * Compiles a package's model for serving and for training.
 *
 * @param model the whole ONNX file, not trusted
 * @returns `model.*` when it does not compile or the batches of its fine-tuning are too small for it, `input.shape_mismatch` when its shapes are not those that the package speaks of
 */
export function checkModel(model: Uint8Array, modelPackage: ModelPackage): Outcome<null> {
  const { plan, fineTune } = modelPackage.learning;
  const serving = compileServing(model, plan);
  if (!serving.ok) return serving;
  const takes = checkWindows(serving.value);
  if (!takes.ok) return takes;
  const fits = checkSizes(modelPackage, serving.value);
  if (!fits.ok) return fits;
  const training = compileTraining(model, plan);
  if (!training.ok) return training;
  const { batchSizeMin } = training.value;
  return fineTune.batchSize >= batchSizeMin
    ? accept(null)
    : refuse(
        "model.plan_invalid",
        `fineTune.batchSize is ${fineTune.batchSize}, but BatchNormalization in training needs batches of ${batchSizeMin}; raise it, or leave batchNormalization out of the plan`,
      );
}
