// Reads a package from parts that nobody has checked yet. It brings every schema: this must not be reached by what a page loads at once.
import {
  accept,
  BLOB_BYTES_MAX,
  decodeParameters,
  type LineId,
  type Outcome,
  refuse,
} from "@attune/protocol";
import { checkLabelledWindows } from "./labelledWindows.ts";
import { SMALL_PART_BYTES_MAX } from "./limits.ts";
import { type ModelPackage, type PartBytes, partNames } from "./modelPackage.ts";
import { parseCalibration, parseLearning, parsePreprocessing } from "./packageSchemas.ts";

/**
 * Reads a package from its five parts, none of which is trusted. Whether the graph loads shows only when it is loaded.
 *
 * @returns `blob.too_large`, `frame.not_decodable`, `delta.*` or `message.schema_invalid`
 */
export function readModelParts(line: LineId, bytes: PartBytes): Outcome<ModelPackage> {
  for (const name of partNames) {
    const limit = name === "graph" || name === "parameters" ? BLOB_BYTES_MAX : SMALL_PART_BYTES_MAX;
    if (bytes[name].length > limit) {
      return refuse(
        "blob.too_large",
        `the package's ${name} has ${bytes[name].length} bytes, limit ${limit}; make it smaller`,
      );
    }
  }
  const preprocessing = parsePreprocessing(bytes.preprocessing);
  if (!preprocessing.ok) return preprocessing;
  const learning = parseLearning(bytes.learning, preprocessing.value);
  if (!learning.ok) return learning;
  const { rehearsal } = learning.value;
  if (rehearsal !== undefined) {
    const fits = checkLabelledWindows("rehearsal", rehearsal, preprocessing.value);
    if (!fits.ok) return fits;
  }
  const calibration = parseCalibration(bytes.calibration, preprocessing.value);
  if (!calibration.ok) return calibration;
  const parameters = decodeParameters(bytes.parameters);
  if (!parameters.ok) return parameters;
  return accept({
    line,
    bytes,
    graph: bytes.graph,
    parameters: parameters.value,
    preprocessing: preprocessing.value,
    calibration: calibration.value,
    learning: learning.value,
  });
}
