// What a rule sees that brings one node of an older operator set to the form of the newest one that is used here. It must not change
// what the node computes.
import type { OnnxAttribute, OnnxNode } from "../../onnx/nodeMessage.ts";
import type { Shape } from "../dim.ts";

/** One node as the file has it. */
export interface UpgradeContext {
  readonly node: OnnxNode;
  /** Operator set of the file. */
  readonly opset: number;
  /** Shape of input `index`. */
  shape(index: number): Shape;
  /** Name of a new int64 vector. */
  integers(values: readonly number[]): string;
  /** Name of a new float32 scalar. */
  scalar(value: number): string;
  /** Name of a new float32 vector. */
  floats(values: readonly number[]): string;
  /** Name of a value that is computed between two of the nodes that take the place of this one. */
  between(): string;
}

/** The nodes that take the place of one. */
export type UpgradeRule = (context: UpgradeContext) => readonly OnnxNode[];

/** The node with other inputs, and without the attributes that are named. */
export function withInputs(
  node: OnnxNode,
  inputs: readonly string[],
  removed: readonly string[] = [],
): OnnxNode {
  return { ...node, inputs, attributes: without(node, removed) };
}

/** The node with more attributes. */
export function withAttributes(
  node: OnnxNode,
  added: Readonly<Record<string, OnnxAttribute>>,
): OnnxNode {
  return { ...node, attributes: new Map([...node.attributes, ...Object.entries(added)]) };
}

/** The attributes of a node without some. */
export function without(node: OnnxNode, removed: readonly string[]): OnnxNode["attributes"] {
  return new Map([...node.attributes].filter(([name]) => !removed.includes(name)));
}
