// Writes a table of vectors that are looked up.
import { integer } from "../../graph/graphEmitter.ts";
import { normal } from "../initialWeights.ts";
import type { EmbeddingLayer } from "../networkSpec.ts";
import { assertFits, isSize, type LayerValue, type NetworkWriter } from "../networkWriter.ts";

/** A vector for each whole number, and one for its place. */
export function writeEmbedding(
  writer: NetworkWriter,
  input: LayerValue,
  layer: EmbeddingLayer,
): LayerValue {
  const { emit, random } = writer;
  const { entries, units, positions = false } = layer;
  const name = writer.layerName("embedding", layer.name);
  assertFits(
    input.name === "data" && isSize(units) && isSize(entries) && entries >= 2,
    name,
    `${entries} entries of ${units} units; at least 2 of at least 1, as the first layer of a network without normalization`,
  );
  const dims = [...input.dims, units];
  const table = writer.parameter(
    `${name}.weight`,
    [entries, units],
    normal(random, entries * units),
  );
  const found = emit.node("Gather", [table, input.name], { axis: integer(0) });
  if (!positions) return { name: found, dims };
  const count = dims.reduce((product, size) => product * size, 1);
  const places = writer.parameter(`${name}.positions`, dims, normal(random, count));
  return { name: emit.node("Add", [found, places]), dims };
}
