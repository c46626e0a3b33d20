// Collects the nodes and constants of a graph that is being written, under names that nothing else has. It must not know what
// the nodes are for.
import { EMITTED_CONSTANT_BYTES_MAX } from "../limits.ts";
import type { OnnxAttribute, OnnxNode } from "../onnx/nodeMessage.ts";
import { floatTensor, integerTensor, type OnnxTensor } from "../onnx/tensorMessage.ts";
import { turnAway } from "../turnAway.ts";

/** Attributes of a node that is being written. */
export type EmittedAttributes = Readonly<Record<string, OnnxAttribute>>;

/** A float attribute. */
export function float(value: number): OnnxAttribute {
  return { kind: "float", value };
}

/** An integer attribute. */
export function integer(value: number): OnnxAttribute {
  return { kind: "integer", value };
}

/** An integer-list attribute. */
export function integers(value: readonly number[]): OnnxAttribute {
  return { kind: "integers", value };
}

/** Writes nodes and constants in order. */
export interface GraphEmitter {
  readonly nodes: readonly OnnxNode[];
  readonly constants: readonly OnnxTensor[];
  /** Appends a node with one output and returns that output's name: `name` where given, else a fresh one. */
  node(
    operator: string,
    inputs: readonly string[],
    attributes?: EmittedAttributes,
    name?: string,
  ): string;
  /** Appends a node with several outputs and returns their names. */
  nodeOf(
    operator: string,
    inputs: readonly string[],
    outputCount: number,
    attributes?: EmittedAttributes,
  ): readonly string[];
  /** Appends a node as it is. */
  copy(node: OnnxNode): void;
  /** Does what writes nodes for another node, which messages name in their place. */
  writeFor<T>(origin: OnnxNode, write: () => T): T;
  /** The node that a written one was written for; undefined where none was named. */
  originOf(node: OnnxNode): OnnxNode | undefined;
  /** Name of output `index` of a copied node, asked for now where the node had left it out. */
  requestOutput(node: OnnxNode, index: number): string;
  /** Puts the nodes that `write` appends into the place of a copied node. They must give what it gave, by its names, and read nothing that comes later. */
  replace<T>(node: OnnxNode, write: () => T): T;
  /** Name of a float32 constant; equal constants are written once. */
  floats(dims: readonly number[], values: ArrayLike<number>): string;
  /** Name of a float32 scalar. */
  scalar(value: number): string;
  /** Name of an int64 scalar. */
  integer(value: number): string;
  /** Name of an int64 constant vector; equal constants are written once. */
  integers(values: readonly number[]): string;
  /** Adds a constant under its own name. */
  keep(tensor: OnnxTensor): void;
  /** A name that nothing else has. */
  fresh(): string;
}

/**
 * Makes an emitter.
 *
 * @param prefix begins every fresh name; nothing else in the graph, or in a graph around it, may begin so
 */
export function createGraphEmitter(prefix: string): GraphEmitter {
  const nodes: OnnxNode[] = [];
  const constants: OnnxTensor[] = [];
  const constantNames = new Map<string, string>();
  let count = 0;
  const fresh = (): string => {
    count += 1;
    return `${prefix}${count}`;
  };
  const constant = (key: string, make: (name: string) => OnnxTensor): string => {
    const before = constantNames.get(key);
    if (before !== undefined) return before;
    const tensor = make(fresh());
    if (tensor.bytes.length > EMITTED_CONSTANT_BYTES_MAX) {
      turnAway(
        "model.too_large",
        `training needs a constant of ${tensor.bytes.length} bytes, limit ${EMITTED_CONSTANT_BYTES_MAX}; use a smaller scope`,
      );
    }
    constants.push(tensor);
    constantNames.set(key, tensor.name);
    return tensor.name;
  };
  const origins = new Map<OnnxNode, OnnxNode>();
  let origin: OnnxNode | undefined;
  const push = (
    operator: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: EmittedAttributes,
  ): void => {
    const node = {
      name: "",
      operator,
      domain: "",
      inputs,
      outputs,
      attributes: new Map(Object.entries(attributes)),
    };
    nodes.push(node);
    if (origin !== undefined) origins.set(node, origin);
  };
  const nodeOf: GraphEmitter["nodeOf"] = (operator, inputs, outputCount, attributes = {}) => {
    const outputs = Array.from({ length: outputCount }, fresh);
    push(operator, inputs, outputs, attributes);
    return outputs;
  };
  return {
    nodes,
    constants,
    fresh,
    nodeOf,
    node(operator, inputs, attributes = {}, name = fresh()) {
      push(operator, inputs, [name], attributes);
      return name;
    },
    copy(node) {
      nodes.push(node);
    },
    writeFor(node, write) {
      const outer = origin;
      origin = node;
      const result = write();
      origin = outer;
      return result;
    },
    originOf: (node) => origins.get(node),
    requestOutput(node, index) {
      // Any of its outputs tells a node, but the first may be the one that was left out.
      const own = node.outputs.find((output) => output !== "") ?? "";
      const at = nodes.findIndex((one) => one.outputs.includes(own));
      const current = nodes[at] ?? node;
      const named = current.outputs[index];
      if (named !== undefined && named !== "") return named;
      const name = fresh();
      const outputs = Array.from(
        { length: Math.max(index + 1, current.outputs.length) },
        (_, output) => (output === index ? name : (current.outputs[output] ?? "")),
      );
      nodes[at] = { ...current, outputs };
      return name;
    },
    replace(node, write) {
      const own = node.outputs.find((output) => output !== "") ?? "";
      const at = nodes.findIndex((one) => one.outputs.includes(own));
      const from = nodes.length;
      const result = write();
      nodes.splice(at, 1, ...nodes.splice(from));
      return result;
    },
    floats: (dims, values) =>
      constant(`float ${dims.join()} ${Array.from(values).join()}`, (name) =>
        floatTensor(name, dims, values),
      ),
    scalar: (value) => constant(`float  ${value}`, (name) => floatTensor(name, [], [value])),
    integer: (value) => constant(`integer ${value}`, (name) => integerTensor(name, [], [value])),
    integers: (values) =>
      constant(`integers ${values.join()}`, (name) => integerTensor(name, [values.length], values)),
    keep(tensor) {
      constants.push(tensor);
    },
  };
}
