// Writes pools: windows that do not overlap, or all of an axis.
import { integer, integers } from "../../graph/graphEmitter.ts";
import type { GlobalPoolLayer, PoolLayer } from "../networkSpec.ts";
import { assertFits, type LayerValue, type NetworkWriter, sizesOf } from "../networkWriter.ts";

/** Maximum or mean of each window. */
export function writePool(
  { emit }: NetworkWriter,
  input: LayerValue,
  layer: PoolLayer,
): LayerValue {
  const [channels = 0, ...sizes] = input.dims;
  assertFits(
    sizes.length >= 1,
    layer.kind,
    `its input has shape ${input.dims.join("x")}; a pool takes channels and sizes`,
  );
  const window = sizesOf(layer.kind, layer.size, sizes.length);
  const outputs = sizes.map((size, axis) => Math.floor(size / (window[axis] ?? 1)));
  assertFits(
    outputs.every((size) => size >= 1),
    layer.kind,
    `nothing is left of ${sizes.join("x")} in windows of ${window.join("x")}`,
  );
  const operator = layer.kind === "maxPool" ? "MaxPool" : "AveragePool";
  const name = emit.node(operator, [input.name], {
    kernel_shape: integers(window),
    strides: integers(window),
  });
  return { name, dims: [channels, ...outputs] };
}

/** Maximum or mean over all sizes. */
export function writeGlobalPool(
  { emit }: NetworkWriter,
  input: LayerValue,
  layer: GlobalPoolLayer,
): LayerValue {
  const [channels = 0, ...sizes] = input.dims;
  assertFits(
    sizes.length >= 1,
    layer.kind,
    `its input has shape ${input.dims.join("x")}; a pool takes channels and sizes`,
  );
  const operator = layer.kind === "globalMaxPool" ? "ReduceMax" : "ReduceMean";
  const name = emit.node(operator, [input.name], {
    axes: integers(sizes.map((_, axis) => axis + 2)),
    keepdims: integer(0),
  });
  return { name, dims: [channels] };
}
