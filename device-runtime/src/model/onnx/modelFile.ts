// ONNX `ModelProto` and `GraphProto`: opens a file for reading and for edits that leave every other byte as it was.
import { GRAPH_NODES_MAX, GRAPH_TENSORS_MAX, MODEL_BYTES_MAX } from "../limits.ts";
import { turnAway } from "../turnAway.ts";
import { type OnnxNode, readNode, writeNode } from "./nodeMessage.ts";
import { type OnnxTensor, readTensor, writeTensor } from "./tensorMessage.ts";
import { type OnnxValue, readValue } from "./valueMessage.ts";
import {
  bytesField,
  createWireBudget,
  fieldInteger,
  fieldText,
  integerField,
  joinBytes,
  readFields,
  textField,
  type WireField,
} from "./wireFormat.ts";

/** An opened model. The field lists hold the file as it stood; {@link writeModelFields} writes them back byte for byte. */
export interface ModelFile {
  readonly fields: readonly WireField[];
  readonly graphFields: readonly WireField[];
  readonly irVersion: number;
  /** Version of the default operator set. */
  readonly opset: number;
  /** Versions of other operator sets, by domain. */
  readonly domains: ReadonlyMap<string, number>;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

const modelField = {
  irVersion: 1,
  producerName: 2,
  graph: 7,
  opsetImport: 8,
  functions: 25,
} as const;
const opsetField = { domain: 1, version: 2 } as const;

/** Numbers of the fields of a `GraphProto`, for edits of {@link ModelFile.graphFields}. */
export const graphField = {
  node: 1,
  name: 2,
  initializer: 5,
  input: 11,
  output: 12,
  valueInfo: 13,
  sparseInitializer: 15,
} as const;

/**
 * Opens a model file that is not trusted.
 *
 * - Cost: O(bytes); tensors are views into `bytes`, which must not change afterwards.
 *
 * Turns away what is too large, malformed, or uses model-local functions, sparse tensors or external data.
 */
export function readModelFile(bytes: Uint8Array): ModelFile {
  if (bytes.length > MODEL_BYTES_MAX) {
    turnAway(
      "model.too_large",
      `model has ${bytes.length} bytes, limit ${MODEL_BYTES_MAX}; use a smaller model`,
    );
  }
  const budget = createWireBudget();
  const fields = readFields(bytes, budget);
  let irVersion = 0;
  let opset = 0;
  const domains = new Map<string, number>();
  const graphs: WireField[] = [];
  for (const one of fields) {
    if (one.number === modelField.irVersion) irVersion = fieldInteger(one);
    else if (one.number === modelField.graph) graphs.push(one);
    else if (one.number === modelField.functions) {
      turnAway("model.malformed", "model has local functions; inline them before the export");
    } else if (one.number === modelField.opsetImport) {
      const parts = readFields(one.payload, budget);
      const domain = parts.find((part) => part.number === opsetField.domain);
      const version = parts.find((part) => part.number === opsetField.version);
      const name = domain === undefined ? "" : fieldText(domain);
      if ((name === "" || name === "ai.onnx") && version !== undefined) {
        opset = fieldInteger(version);
      } else if (version !== undefined) {
        domains.set(name, fieldInteger(version));
      }
    }
  }
  const graph = graphs[0];
  if (graph === undefined || graphs.length > 1 || graph.wire !== 2) {
    return turnAway("model.malformed", `model has ${graphs.length} graphs, must have one`);
  }
  const graphFields = readFields(graph.payload, budget);
  const count = (number: number): number =>
    graphFields.filter((one) => one.number === number).length;
  if (count(graphField.node) > GRAPH_NODES_MAX) {
    turnAway(
      "model.too_large",
      `graph has ${count(graphField.node)} nodes, limit ${GRAPH_NODES_MAX}`,
    );
  }
  if (count(graphField.initializer) > GRAPH_TENSORS_MAX) {
    turnAway(
      "model.too_large",
      `graph has ${count(graphField.initializer)} tensors, limit ${GRAPH_TENSORS_MAX}`,
    );
  }
  if (count(graphField.sparseInitializer) > 0) {
    turnAway("model.malformed", "graph has sparse tensors; make them dense before the export");
  }
  const all = (number: number) => graphFields.filter((one) => one.number === number);
  return {
    fields,
    graphFields,
    irVersion,
    opset,
    domains,
    nodes: all(graphField.node).map((one) => readNode(one.payload, budget)),
    initializers: all(graphField.initializer).map((one) => readTensor(one.payload, budget)),
    inputs: all(graphField.input).map((one) => readValue(one.payload, budget)),
    outputs: all(graphField.output).map((one) => readValue(one.payload, budget)),
  };
}

/** What a file declares of values inside its graph, and of its outputs, by name. */
export function declaredValues(file: ModelFile): ReadonlyMap<string, OnnxValue> {
  const budget = createWireBudget();
  const inside = file.graphFields
    .filter((one) => one.number === graphField.valueInfo)
    .map((one) => readValue(one.payload, budget));
  return new Map([...file.outputs, ...inside].map((value) => [value.name, value]));
}

/** A graph inside an attribute. */
export interface Subgraph {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly outputs: readonly string[];
  /** Names of the inputs. */
  readonly inputs: readonly string[];
}

/** Reads a graph inside an attribute, not trusted; graphs inside it stay closed. */
export function readSubgraph(bytes: Uint8Array): Subgraph {
  const budget = createWireBudget();
  const fields = readFields(bytes, budget);
  const all = (number: number) => fields.filter((one) => one.number === number);
  return {
    nodes: all(graphField.node).map((one) => readNode(one.payload, budget)),
    initializers: all(graphField.initializer).map((one) => readTensor(one.payload, budget)),
    inputs: all(graphField.input).map((one) => readValue(one.payload, budget).name),
    outputs: all(graphField.output).map((one) => readValue(one.payload, budget).name),
  };
}

/**
 * Writes an opened model with other graph fields, everything else byte for byte as it was.
 *
 * With the file's own {@link ModelFile.graphFields} the result equals the file, unless an exporter wrote the graph's length in more bytes than
 * it needs; so the untouched field is kept where nothing changed.
 */
export function writeModelFields(file: ModelFile, graphFields: readonly Uint8Array[]): Uint8Array {
  const same =
    graphFields.length === file.graphFields.length &&
    graphFields.every((encoded, index) => encoded === file.graphFields[index]?.encoded);
  return joinBytes(
    file.fields.map((one) =>
      one.number === modelField.graph && !same
        ? bytesField(modelField.graph, joinBytes(graphFields))
        : one.encoded,
    ),
  );
}

/** Parts of a new graph. Declarations are written with `writeValue`. */
export interface GraphParts {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly Uint8Array[];
  readonly outputs: readonly Uint8Array[];
  /** Declarations of values inside; none if left out. */
  readonly values?: readonly Uint8Array[];
  /** Versions of other operator sets than the default one, by domain; none if left out. */
  readonly domains?: ReadonlyMap<string, number>;
}

/** Writes a graph message (without the field around it), as a subgraph attribute holds it. */
export function writeGraph(parts: GraphParts): Uint8Array {
  return joinBytes([
    ...parts.nodes.map((node) => bytesField(graphField.node, writeNode(node))),
    textField(graphField.name, parts.name),
    ...parts.initializers.map((tensor) => bytesField(graphField.initializer, writeTensor(tensor))),
    ...parts.inputs.map((value) => bytesField(graphField.input, value)),
    ...parts.outputs.map((value) => bytesField(graphField.output, value)),
    ...(parts.values ?? []).map((value) => bytesField(graphField.valueInfo, value)),
  ]);
}

/** Writes a new model around a graph. */
export function writeModel(opset: number, parts: GraphParts): Uint8Array {
  return joinBytes([
    // IR version 8 goes with operator sets 15 to 18, 9 with 19 and 20, 10 with 21.
    integerField(modelField.irVersion, opset <= 18 ? 8 : opset <= 20 ? 9 : 10),
    textField(modelField.producerName, "attune"),
    bytesField(modelField.graph, writeGraph(parts)),
    ...[["", opset] as const, ...(parts.domains ?? [])].map(([domain, version]) =>
      bytesField(
        modelField.opsetImport,
        joinBytes([
          textField(opsetField.domain, domain),
          integerField(opsetField.version, version),
        ]),
      ),
    ),
  ]);
}
