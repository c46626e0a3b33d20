// Writes a dense layer: one Gemm for a vector, a product and a sum where further axes stand before the last.
import { integer } from "../../graph/graphEmitter.ts";
import { glorotUniform, heNormal } from "../initialWeights.ts";
import type { DenseLayer } from "../networkSpec.ts";
import { assertFits, isSize, type LayerValue, type NetworkWriter } from "../networkWriter.ts";
import { isRectifying, writeActivation } from "./activation.ts";

/** `act(x Wᵀ + b)`. */
export function writeDense(
  writer: NetworkWriter,
  input: LayerValue,
  layer: DenseLayer,
): LayerValue {
  const { emit, random } = writer;
  const { units, activation = "none" } = layer;
  const name = writer.layerName("dense", layer.name);
  assertFits(isSize(units), name, `has ${units} units, at least 1`);
  const inputCount = input.dims.at(-1) ?? 1;
  const count = inputCount * units;
  const weights = isRectifying(activation)
    ? heNormal(random, count, inputCount)
    : glorotUniform(random, count, inputCount, units);
  const isVector = input.dims.length === 1;
  const weight = writer.parameter(
    `${name}.weight`,
    isVector ? [units, inputCount] : [inputCount, units],
    weights,
  );
  const bias = writer.parameter(`${name}.bias`, [units], new Float32Array(units));
  const sums = isVector
    ? emit.node("Gemm", [input.name, weight, bias], { transB: integer(1) })
    : emit.node("Add", [emit.node("MatMul", [input.name, weight]), bias]);
  return {
    name: writeActivation(emit, sums, activation),
    dims: [...input.dims.slice(0, -1), units],
  };
}
