// A training graph with the size of every value, for a known batch: what estimates are made from.

import { nodeText } from "../graph/modelGraph.ts";
import { shapeRules } from "../graph/shapes/shapeRules.ts";
import { emittedTypes, type SizedValue } from "../lowering/emittedTypes.ts";
import { elementBytes } from "../onnx/elementType.ts";
import { readModelFile } from "../onnx/modelFile.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { turnAway } from "../turnAway.ts";

/** A graph whose every value is sized. */
export interface SizedGraph {
  readonly nodes: readonly OnnxNode[];
  readonly constants: readonly string[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Type and shape of a value. */
  sizeOf(name: string): SizedValue;
  /** Bytes of a value. */
  bytesOf(name: string): number;
}

/** Opens a graph of our own and sizes it; what stands open in it is the batch. */
export function sizedGraph(graph: Uint8Array, batchSize: number): SizedGraph {
  const file = readModelFile(graph);
  const inputs = new Map(
    file.inputs.map(({ name, type, dims }): [string, SizedValue] => [
      name,
      {
        type: type ?? "float32",
        dims: (dims ?? []).map((dim) => (typeof dim === "number" ? dim : batchSize)),
      },
    ]),
  );
  const unknown = file.nodes.find((node) => !shapeRules.has(node.operator));
  if (unknown !== undefined) {
    turnAway(
      "model.operator_unsupported",
      `${nodeText(unknown)} cannot be estimated ahead; measure a step instead`,
    );
  }
  const types = emittedTypes(file.nodes, file.initializers, (name) => inputs.get(name));
  const sizeOf = (name: string): SizedValue => types.get(name) ?? { type: "float32", dims: [] };
  return {
    nodes: file.nodes,
    constants: file.initializers.map(({ name }) => name),
    inputs: [...inputs.keys()],
    outputs: file.outputs.map(({ name }) => name),
    sizeOf: (name) => inputs.get(name) ?? sizeOf(name),
    bytesOf(name) {
      const { type, dims } = inputs.get(name) ?? sizeOf(name);
      return dims.reduce((product, dim) => product * dim, elementBytes(type));
    },
  };
}
