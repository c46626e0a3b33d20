// Parts that have passed the checks of packages before, as this runtime makes them: they are read, not checked again. Nothing else may come here.
import {
  accept,
  decodeCbor,
  decodeParameters,
  type LineId,
  type Outcome,
  unwrap,
} from "@attune/protocol";
import type { Calibration } from "./calibration.ts";
import type { Learning } from "./learning.ts";
import type { ModelPackage, PartBytes } from "./modelPackage.ts";
import type { Preprocessing } from "./preprocessing.ts";

/**
 * Reads a package from parts whose very bytes `readModelParts` has accepted under the same `PACKAGE_CHECKS`.
 *
 * @returns `delta.*` when the parameters are not readable all the same
 * @throws Defect when another part is not
 */
export function openCheckedParts(line: LineId, bytes: PartBytes): Outcome<ModelPackage> {
  const parameters = decodeParameters(bytes.parameters);
  if (!parameters.ok) return parameters;
  return accept({
    line,
    bytes,
    graph: bytes.graph,
    parameters: parameters.value,
    preprocessing: unwrap(decodeCbor(bytes.preprocessing)) as Preprocessing,
    calibration: unwrap(decodeCbor(bytes.calibration)) as Calibration,
    learning: unwrap(decodeCbor(bytes.learning)) as Learning,
  });
}
