// The whole ONNX file of a package. It reads models, so this must not be reached by what a page loads at once.
import { encodeParameters, type Outcome, type ParameterSet, unwrap } from "@attune/protocol";
import { joinModel } from "../model/parameters/splitModel.ts";
import type { ModelPackage } from "./modelPackage.ts";

/** The whole ONNX file of a package. */
export function modelOf({ graph, parameters }: ModelPackage): Outcome<Uint8Array> {
  return joinModel(graph, parameters);
}

/**
 * The same package with other parameters, as a candidate is.
 *
 * @param parameters all of them, in canonical order, with the names and shapes of the package's
 * @throws Defect when they are not
 */
export function withParameters(modelPackage: ModelPackage, parameters: ParameterSet): ModelPackage {
  const bytes = { ...modelPackage.bytes, parameters: encodeParameters(parameters) };
  const made = { ...modelPackage, bytes, parameters };
  // Joining fails for any name or shape that the graph does not have.
  unwrap(joinModel(made.graph, parameters));
  return made;
}
