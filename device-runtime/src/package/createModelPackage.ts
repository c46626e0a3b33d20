// Makes a model package, where a model is trained. Devices only read packages: this must not be reached by what they load at once.
import { encodeCbor, encodeParameters, lineIdSchema, type Outcome, refuse } from "@attune/protocol";
import { splitModel } from "../model/parameters/splitModel.ts";
import type { Calibration } from "./calibration.ts";
import { checkModel } from "./checkModel.ts";
import type { Learning } from "./learning.ts";
import type { ModelPackage } from "./modelPackage.ts";
import type { Preprocessing } from "./preprocessing.ts";
import { readModelParts } from "./readModelParts.ts";

/** What a model package is made of. */
export interface ModelPackageSource {
  readonly line: string;
  /** A whole ONNX file. */
  readonly model: Uint8Array;
  readonly preprocessing: Preprocessing;
  readonly calibration: Calibration;
  readonly learning: Learning;
}

/**
 * Makes a model package, and checks that its parts fit each other and that a device could train it.
 *
 * @returns `model.*` when the model does not compile, `message.schema_invalid` when a part is malformed, `input.shape_mismatch`
 *   when parts do not fit
 */
export function createModelPackage(source: ModelPackageSource): Outcome<ModelPackage> {
  const line = lineIdSchema.safeParse(source.line);
  if (!line.success) {
    return refuse(
      "message.schema_invalid",
      `line "${source.line}" must be lower-case letters, digits and inner hyphens, like activity`,
    );
  }
  const split = splitModel(source.model);
  if (!split.ok) return split;
  const made = readModelParts(line.data, {
    graph: split.value.graph,
    parameters: encodeParameters(split.value.parameters),
    preprocessing: encodeCbor(source.preprocessing),
    calibration: encodeCbor(source.calibration),
    learning: encodeCbor(source.learning),
  });
  if (!made.ok) return made;
  const sound = checkModel(source.model, made.value);
  return sound.ok ? made : sound;
}
