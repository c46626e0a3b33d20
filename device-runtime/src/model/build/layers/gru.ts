// Writes a gated recurrent unit over time.
import { integer, integers } from "../../graph/graphEmitter.ts";
import { recurrentUniform } from "../initialWeights.ts";
import type { GruLayer } from "../networkSpec.ts";
import { assertFits, isSize, type LayerValue, type NetworkWriter } from "../networkWriter.ts";

/** `[time, inputs]` to the last state or all states. */
export function writeGru(writer: NetworkWriter, input: LayerValue, layer: GruLayer): LayerValue {
  const { emit, random } = writer;
  const { units, returns = "last" } = layer;
  const name = writer.layerName("gru", layer.name);
  const [time = 0, inputs = 0] = input.dims;
  assertFits(
    input.dims.length === 2 && isSize(units),
    name,
    `${units} units over an input of shape ${input.dims.join("x")}; units are at least 1, the input is time x inputs`,
  );
  // ONNX: gates update, reset, hidden, one below the other; both biases in one vector; time before the batch.
  const draw = (count: number): Float32Array => recurrentUniform(random, count, units);
  const weight = writer.parameter(
    `${name}.weight`,
    [1, 3 * units, inputs],
    draw(3 * units * inputs),
  );
  const recurrent = writer.parameter(
    `${name}.recurrent`,
    [1, 3 * units, units],
    draw(3 * units * units),
  );
  const bias = writer.parameter(`${name}.bias`, [1, 6 * units], draw(6 * units));
  const timeFirst = emit.node("Transpose", [input.name], { perm: integers([1, 0, 2]) });
  const [all = "", last = ""] = emit.nodeOf("GRU", [timeFirst, weight, recurrent, bias], 2, {
    hidden_size: integer(units),
    linear_before_reset: integer(1),
  });
  if (returns === "last") {
    return { name: emit.node("Squeeze", [last, emit.integers([0])]), dims: [units] };
  }
  const states = emit.node("Squeeze", [all, emit.integers([1])]);
  return {
    name: emit.node("Transpose", [states], { perm: integers([1, 0, 2]) }),
    dims: [time, units],
  };
}
