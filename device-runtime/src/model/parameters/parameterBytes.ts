// Where the bytes of each parameter stand in a model file, and reading and replacing them in place.
import { elementCount, type Outcome, type ParameterSet, parameterSetOf } from "@attune/protocol";
import { type ModelFile, readModelFile } from "../onnx/modelFile.ts";
import { type OnnxTensor, tensorFloats } from "../onnx/tensorMessage.ts";
import { orRefusal, turnAway } from "../turnAway.ts";
import { inCanonicalOrder } from "./canonicalOrder.ts";
import { parameterUses } from "./parameterUses.ts";

/** A parameter and the place of its float32 bytes in the file. */
export interface ParameterPlace {
  readonly tensor: OnnxTensor;
  /** From the start of the file. */
  readonly offset: number;
}

/** Places of all parameters, in canonical order. */
export function parameterPlaces(model: Uint8Array, file: ModelFile): ParameterPlace[] {
  const tensors = new Set(parameterUses(file).map((use) => use.tensor));
  return inCanonicalOrder([...tensors], (tensor) => tensor.name).map((tensor) => {
    if (tensor.bytes.buffer !== model.buffer) {
      turnAway(
        "model.malformed",
        `tensor ${tensor.name} does not keep its values in one piece; store it as raw data`,
      );
    }
    return { tensor, offset: tensor.bytes.byteOffset - model.byteOffset };
  });
}

/** Values of parameters; turned away when one is not finite, because no version may hold such a value. */
export function parametersAt(places: readonly ParameterPlace[]): ParameterSet {
  return parameterSetOf(
    places.map(({ tensor }) => {
      const data = tensorFloats(tensor);
      if (!data.every((value) => Number.isFinite(value))) {
        turnAway("model.malformed", `tensor ${tensor.name} holds NaN or infinity; train it again`);
      }
      return { name: tensor.name, dims: tensor.dims, data };
    }),
  );
}

/** Writes values over the bytes at their places in `model`, which is changed. */
export function overwriteParameters(
  model: Uint8Array,
  places: readonly ParameterPlace[],
  parameters: ParameterSet,
): void {
  const byName = new Map(places.map((place) => [place.tensor.name, place]));
  for (const { name, dims, data } of parameters) {
    const place = byName.get(name);
    if (place === undefined) {
      return turnAway("model.parameter_unknown", `the model has no parameter ${name}`);
    }
    const own = place.tensor.dims;
    if (own.length !== dims.length || own.some((dim, axis) => dim !== dims[axis])) {
      turnAway(
        "model.parameter_mismatch",
        `parameter ${name} is [${dims.join(", ")}], in the model it is [${own.join(", ")}]`,
      );
    }
    const count = elementCount(own);
    if (data.length !== count) {
      turnAway(
        "model.parameter_mismatch",
        `parameter ${name} is [${own.join(", ")}], ${count} values, and ${data.length} are given`,
      );
    }
    if (!data.every((value) => Number.isFinite(value))) {
      turnAway(
        "model.parameter_mismatch",
        `the values given for parameter ${name} hold NaN or infinity; a training that gave them needs a lower learning rate`,
      );
    }
    model.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), place.offset);
  }
}

/**
 * Reads everything that a release of a model may change without changing its graph.
 *
 * - Pure, O(bytes). -0 becomes 0, as in every parameter set.
 *
 * @param model bytes of an ONNX file, not trusted
 */
export function readParameters(model: Uint8Array): Outcome<ParameterSet> {
  return orRefusal(() => parametersAt(parameterPlaces(model, readModelFile(model))));
}

/**
 * Puts other values into a model; every other byte stays as it was.
 *
 * - Pure, O(bytes); the model given is not changed.
 *
 * @param parameters any subset of the model's parameters, by name; all values finite
 * @returns the model with these values, or `model.parameter_unknown`, `model.parameter_mismatch`
 */
export function patchParameters(model: Uint8Array, parameters: ParameterSet): Outcome<Uint8Array> {
  return orRefusal(() => {
    const places = parameterPlaces(model, readModelFile(model));
    // Not `slice`: a Node Buffer's is a view, and the caller's bytes would change.
    const patched = new Uint8Array(model);
    overwriteParameters(patched, places, parameters);
    return patched;
  });
}
