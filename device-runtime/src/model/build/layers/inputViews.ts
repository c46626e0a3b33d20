// Writes what stands before the first layer and is never trained: normalisation and the detail view.
import { assertDefect } from "@attune/protocol";
import { integer, integers } from "../../graph/graphEmitter.ts";
import { floatTensor } from "../../onnx/tensorMessage.ts";
import type { DetailView, InputNormalization } from "../networkSpec.ts";
import { assertFits, type LayerValue, type NetworkWriter } from "../networkWriter.ts";

/** `(x - mean) / deviation`. */
export function writeNormalization(
  { emit }: NetworkWriter,
  input: LayerValue,
  { mean, deviation, axis = 0 }: InputNormalization,
): LayerValue {
  const count = input.dims[axis] ?? 0;
  assertDefect(
    mean.length === count &&
      deviation.length === count &&
      Array.from(deviation).every((value) => value > 0),
    "builder.normalization_invalid",
    `${mean.length} means and ${deviation.length} deviations for ${count} inputs, every deviation above 0`,
  );
  const dims = [count, ...input.dims.slice(axis + 1).map(() => 1)];
  emit.keep(floatTensor("normalization.mean", dims, mean));
  emit.keep(floatTensor("normalization.deviation", dims, deviation));
  const centred = emit.node("Sub", [input.name, "normalization.mean"]);
  return { name: emit.node("Div", [centred, "normalization.deviation"]), dims: input.dims };
}

/** `[channels, length]` to `[2 channels, length]`. */
export function writeDetail(
  { emit }: NetworkWriter,
  input: LayerValue,
  { gain, floor }: DetailView,
): LayerValue {
  assertDefect(
    gain > 0 && floor > 0,
    "builder.detail_invalid",
    `detail has gain ${gain} and floor ${floor}; both are above 0`,
  );
  const [channels = 0, length = 0] = input.dims;
  assertFits(
    input.dims.length === 2,
    "detail",
    `the input has shape ${input.dims.join("x")}; the detail view takes channels x length`,
  );
  const mean = emit.node("ReduceMean", [input.name], { axes: integers([2]), keepdims: integer(1) });
  const moved = emit.node("Sub", [input.name, mean]);
  const square = emit.node("Mul", [moved, moved]);
  const size = emit.node("Sqrt", [emit.node("Add", [square, emit.scalar(floor * floor)])]);
  const rooted = emit.node("Div", [moved, emit.node("Sqrt", [size])]);
  const view = emit.node("Mul", [rooted, emit.scalar(gain)]);
  return {
    name: emit.node("Concat", [input.name, view], { axis: integer(1) }),
    dims: [2 * channels, length],
  };
}
