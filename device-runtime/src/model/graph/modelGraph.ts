// The typed graph that everything after reading works on: nodes in execution order, each value with type and shape.
import type { ElementType } from "../onnx/elementType.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import type { OnnxTensor } from "../onnx/tensorMessage.ts";
import { turnAway } from "../turnAway.ts";
import type { Dim, Shape } from "./dim.ts";

/** Type and shape of a value. */
export interface ValueType {
  readonly type: ElementType;
  readonly shape: Shape;
}

/** One input or output of a graph. */
export interface GraphValue extends ValueType {
  readonly name: string;
}

/** A checked inference graph. */
export interface ModelGraph {
  readonly opset: number;
  /** What is data, in the file's order; initializers that a file also lists as inputs are not here, nor is what nothing here reads. */
  readonly inputs: readonly [GraphValue, ...GraphValue[]];
  readonly outputs: readonly string[];
  /** In execution order, `Constant` nodes and folded shape arithmetic already gone. */
  readonly nodes: readonly OnnxNode[];
  /** Initializers, constants and folded values. */
  readonly constants: ReadonlyMap<string, OnnxTensor>;
  /** Every value that a node reads or writes. */
  readonly values: ReadonlyMap<string, ValueType>;
  /** Values of which nothing but the file says the type: outputs of operators that can only run frozen. */
  readonly declared: ReadonlySet<string>;
  /** Versions of the operator sets of such operators, by domain. */
  readonly domains: ReadonlyMap<string, number>;
}

/** How messages name a node: operator, and its own name or its first output. */
export function nodeText(node: OnnxNode): string {
  return `${node.operator} node "${node.name === "" ? (node.outputs[0] ?? "") : node.name}"`;
}

/** A float attribute, or its default. */
export function floatAttribute(node: OnnxNode, name: string, fallback: number): number {
  const attribute = node.attributes.get(name);
  if (attribute === undefined) return fallback;
  return attribute.kind === "float" ? attribute.value : wrongAttribute(node, name);
}

/** An integer attribute, or its default. */
export function integerAttribute(node: OnnxNode, name: string, fallback: number): number {
  const attribute = node.attributes.get(name);
  if (attribute === undefined) return fallback;
  return attribute.kind === "integer" ? attribute.value : wrongAttribute(node, name);
}

/** A text attribute, or its default. */
export function textAttribute(node: OnnxNode, name: string, fallback: string): string {
  const attribute = node.attributes.get(name);
  if (attribute === undefined) return fallback;
  return attribute.kind === "text" ? attribute.value : wrongAttribute(node, name);
}

/** An integer-list attribute, or undefined where it is left out. */
export function integersAttribute(node: OnnxNode, name: string): readonly number[] | undefined {
  const attribute = node.attributes.get(name);
  if (attribute === undefined) return undefined;
  return attribute.kind === "integers" ? attribute.value : wrongAttribute(node, name);
}

/** A text-list attribute, or undefined where it is left out. */
export function textsAttribute(node: OnnxNode, name: string): readonly string[] | undefined {
  const attribute = node.attributes.get(name);
  if (attribute === undefined) return undefined;
  return attribute.kind === "texts" ? attribute.value : wrongAttribute(node, name);
}

function wrongAttribute(node: OnnxNode, name: string): never {
  return turnAway(
    "model.malformed",
    `${nodeText(node)} has the attribute ${name} in the wrong type; export it again`,
  );
}

/** An axis counted from the front, `0 <= axis < rank`. */
export function resolveAxis(node: OnnxNode, axis: number, rank: number): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (resolved < 0 || resolved >= rank) {
    turnAway(
      "model.shape_invalid",
      `${nodeText(node)} names axis ${axis} of a value of rank ${rank}`,
    );
  }
  return resolved;
}

/** A size that has to be known before the graph runs. */
export function knownDim(node: OnnxNode, dim: Dim | undefined, what: string): number {
  if (typeof dim === "number") return dim;
  return turnAway(
    "model.shape_unknown",
    `${nodeText(node)}: ${what} is not known before the model runs; fix it by the plan's dims or export it with a fixed size (only the batch may vary)`,
  );
}
