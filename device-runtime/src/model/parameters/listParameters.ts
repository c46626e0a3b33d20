// The parameters of a model as plain data, in canonical order.
import type { Outcome } from "@attune/protocol";
import { type ModelFile, readModelFile } from "../onnx/modelFile.ts";
import { orRefusal } from "../turnAway.ts";
import { inCanonicalOrder } from "./canonicalOrder.ts";
import { type ParameterRole, parameterUses } from "./parameterUses.ts";

/** One parameter of a model. */
export interface ParameterInfo {
  readonly name: string;
  readonly dims: readonly number[];
  readonly role: ParameterRole;
  /** From 0 at the input; a weight begins a layer. */
  readonly layer: number;
  /** False for statistics, which no optimizer may touch. */
  readonly isTrainable: boolean;
}

/** The parameters of an opened file; one that is used twice is listed once, at its first use. */
export function parameterInfos(file: ModelFile): ParameterInfo[] {
  const infos = new Map<string, ParameterInfo>();
  for (const { tensor, role, layer } of parameterUses(file)) {
    if (infos.has(tensor.name)) continue;
    infos.set(tensor.name, {
      name: tensor.name,
      dims: tensor.dims,
      role,
      layer,
      isTrainable: role !== "statistic",
    });
  }
  return inCanonicalOrder([...infos.values()], (info) => info.name);
}

/**
 * Lists what a release of a model may change without changing its graph: weights, biases, scales, shifts and statistics.
 *
 * - Pure, O(bytes); sorted by the UTF-8 bytes of the names.
 *
 * @param model bytes of an ONNX file, not trusted
 * @returns the parameters, or why the file cannot be read
 */
export function listParameters(model: Uint8Array): Outcome<readonly ParameterInfo[]> {
  return orRefusal(() => parameterInfos(readModelFile(model)));
}
