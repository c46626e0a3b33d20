// A training graph with the size of every value, for a known batch: what estimates are made from.
import { integerAttribute, nodeText } from "../graph/modelGraph.ts";
import { shapeRules } from "../graph/shapes/shapeRules.ts";
import { emittedTypes, type SizedValue } from "../lowering/emittedTypes.ts";
import { elementBytes } from "../onnx/elementType.ts";
import { readModelFile, readSubgraph } from "../onnx/modelFile.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import type { OnnxTensor } from "../onnx/tensorMessage.ts";
import { turnAway } from "../turnAway.ts";

/** A graph whose every value is sized. */
export interface SizedGraph {
  readonly nodes: readonly OnnxNode[];
  readonly constants: readonly string[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Loops over time, by their node. */
  readonly loops: ReadonlyMap<OnnxNode, SizedLoop>;
  /** Type and shape of a value. */
  sizeOf(name: string): SizedValue;
  /** Bytes of a value. */
  bytesOf(name: string): number;
}

/** A `Scan` and one of its steps. */
export interface SizedLoop {
  readonly stepCount: number;
  readonly body: SizedGraph;
}

type Types = ReadonlyMap<string, SizedValue>;

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
  const outputs = file.outputs.map(({ name }) => name);
  return sized(file.nodes, file.initializers, inputs, outputs);
}

/** @param given types of the inputs, and of what a body reads of the graph around it */
function sized(
  nodes: readonly OnnxNode[],
  constants: readonly OnnxTensor[],
  given: Types,
  outputs: readonly string[],
): SizedGraph {
  const types = new Map<string, SizedValue>(given);
  const loops = new Map<OnnxNode, SizedLoop>();
  let stretch: OnnxNode[] = [];
  const finishStretch = (): void => {
    const found = emittedTypes(stretch, constants, (name) => types.get(name));
    for (const [name, type] of found) types.set(name, type);
    stretch = [];
  };
  for (const node of nodes) {
    if (node.operator === "Scan") {
      finishStretch();
      loops.set(node, sizedLoop(node, types));
    } else if (node.domain === "" && shapeRules.has(node.operator)) {
      stretch.push(node);
    } else {
      turnAway(
        "model.operator_unsupported",
        `${nodeText(node)} cannot be estimated ahead; measure a step instead`,
      );
    }
  }
  finishStretch();
  const sizeOf = (name: string): SizedValue => types.get(name) ?? { type: "float32", dims: [] };
  return {
    nodes,
    constants: constants.map(({ name }) => name),
    inputs: [...given.keys()],
    outputs,
    loops,
    sizeOf,
    bytesOf(name) {
      const { type, dims } = sizeOf(name);
      return dims.reduce((product, dim) => product * dim, elementBytes(type));
    },
  };
}

/** Sizes a loop's body, and writes the types of its results into `types`. */
function sizedLoop(node: OnnxNode, types: Map<string, SizedValue>): SizedLoop {
  const attribute = node.attributes.get("body");
  const { nodes, initializers, inputs, outputs } = readSubgraph(
    attribute?.kind === "graph" ? attribute.value : new Uint8Array(),
  );
  const stateCount = node.inputs.length - integerAttribute(node, "num_scan_inputs", 0);
  const typeOf = (name: string): SizedValue => types.get(name) ?? { type: "float32", dims: [] };
  const [stepCount = 1] = typeOf(node.inputs[stateCount] ?? "").dims;
  const given = new Map(types);
  inputs.forEach((name, index) => {
    const { type, dims } = typeOf(node.inputs[index] ?? "");
    given.set(name, { type, dims: index < stateCount ? dims : dims.slice(1) });
  });
  const body = sized(nodes, initializers, given, outputs);
  node.outputs.forEach((name, index) => {
    const { type, dims } = body.sizeOf(outputs[index] ?? "");
    types.set(name, { type, dims: index < stateCount ? dims : [stepCount, ...dims] });
  });
  return { stepCount, body };
}
