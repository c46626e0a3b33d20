// A model package from plain files: a recipe, an ONNX model, and two files of windows. It must not read files.
import { type Cryptography, encodeCbor, type Outcome } from "@attune/protocol";
import type { OrtRuntime } from "../model/session/ortRuntime.ts";
import { buildReference } from "./buildReference.ts";
import { createModelPackage } from "./createModelPackage.ts";
import { encodeModelPackage } from "./encodeModelPackage.ts";
import { learningDefaults } from "./learning.ts";
import type { ModelPackage } from "./modelPackage.ts";
import { parseRecipe } from "./packageRecipe.ts";
import { parseLearning, parsePreprocessing } from "./packageSchemas.ts";
import { parseWindows } from "./windowsFile.ts";

/** What {@link buildPackage} is given. */
export interface PackageFiles {
  /**
   * Plain data, as from JSON: `line`, `preprocessing`, and where they differ from the defaults `learning` and `ood` (`method`, `input`, `alpha`,
   * `coverage`). Not trusted.
   */
  readonly recipe: unknown;
  /** A whole ONNX file. */
  readonly model: Uint8Array;
  /** Windows that the model was trained on, as `parseWindows` reads them. */
  readonly fit: string;
  /** Windows of people that it was not trained on, in time order. */
  readonly check: string;
}

/** A package, and its file. */
export interface BuiltPackage {
  readonly modelPackage: ModelPackage;
  readonly bytes: Uint8Array;
}

/**
 * Makes a package with its reference: temperature, scores, population, what is normal.
 *
 * - The same files give the same bytes.
 *
 * @returns a refusal that names what is wrong with the recipe, the windows or the model
 */
export async function buildPackage(
  files: PackageFiles,
  runtime: OrtRuntime,
  cryptography: Cryptography,
): Promise<Outcome<BuiltPackage>> {
  const recipe = parseRecipe(files.recipe);
  if (!recipe.ok) return recipe;
  const { line, ood } = recipe.value;
  const preprocessing = parsePreprocessing(encodeCbor(recipe.value.preprocessing));
  if (!preprocessing.ok) return preprocessing;
  const fit = parseWindows(files.fit, preprocessing.value);
  if (!fit.ok) return fit;
  const check = parseWindows(files.check, preprocessing.value);
  if (!check.ok) return check;
  const { model } = files;
  const learning = parseLearning(
    encodeCbor(learningDefaults(recipe.value.learning)),
    preprocessing.value,
  );
  if (!learning.ok) return learning;
  const calibration = await buildReference({
    model,
    preprocessing: preprocessing.value,
    fit: fit.value,
    check: check.value,
    runtime,
    ood,
    dims: learning.value.plan.dims,
  });
  if (!calibration.ok) return calibration;
  const made = createModelPackage({
    line,
    model,
    preprocessing: preprocessing.value,
    calibration: calibration.value,
    learning: learning.value,
  });
  if (!made.ok) return made;
  return {
    ok: true,
    value: { modelPackage: made.value, bytes: encodeModelPackage(made.value, cryptography) },
  };
}
