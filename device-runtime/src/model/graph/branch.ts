// The branches of an `If`: what they read from the graph around them, and the nodes of the one that is taken.
import { BRANCH_DEPTH_MAX } from "../limits.ts";
import { readSubgraph } from "../onnx/modelFile.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import type { OnnxTensor } from "../onnx/tensorMessage.ts";
import { turnAway } from "../turnAway.ts";
import { nodeText } from "./modelGraph.ts";

/** Names that a node reads: its inputs, and what the branches of an `If` take from around them. */
export function nodeReads(node: OnnxNode): readonly string[] {
  return readsWithin(node, 0);
}

function readsWithin(node: OnnxNode, depth: number): readonly string[] {
  if (node.operator !== "If" || node.domain !== "") return node.inputs;
  if (depth === BRANCH_DEPTH_MAX) {
    return turnAway(
      "model.too_large",
      `${nodeText(node)} stands in ${depth} others, limit ${BRANCH_DEPTH_MAX}`,
    );
  }
  const names = new Set(node.inputs);
  for (const attribute of node.attributes.values()) {
    if (attribute.kind !== "graph") continue;
    const branch = readSubgraph(attribute.value);
    for (const inner of branch.nodes) {
      for (const name of readsWithin(inner, depth + 1)) names.add(name);
    }
    for (const output of branch.outputs) names.add(output);
  }
  return [...names];
}

/** A branch in the place of its `If`. */
export interface TakenBranch {
  readonly nodes: readonly OnnxNode[];
  readonly tensors: readonly OnnxTensor[];
}

/**
 * The branch that a known condition takes, its own names made unlike all others.
 *
 * @param rename gives a name that nothing else has
 */
export function takenBranch(
  node: OnnxNode,
  isTrue: boolean,
  rename: (name: string) => string,
): TakenBranch {
  const attribute = node.attributes.get(isTrue ? "then_branch" : "else_branch");
  if (attribute?.kind !== "graph") {
    return turnAway("model.malformed", `${nodeText(node)} lacks a branch; export it again`);
  }
  const branch = readSubgraph(attribute.value);
  const names = new Map<string, string>();
  for (const { name } of branch.initializers) names.set(name, rename(name));
  for (const inner of branch.nodes) {
    for (const output of inner.outputs) if (output !== "") names.set(output, rename(output));
  }
  const known = (name: string): string => names.get(name) ?? name;
  const nodes = branch.nodes.map((inner) => ({
    ...inner,
    name: inner.name === "" ? "" : rename(inner.name),
    inputs: inner.inputs.map(known),
    outputs: inner.outputs.map(known),
  }));
  const results = node.outputs.map(
    (output, index): OnnxNode => ({
      name: "",
      operator: "Identity",
      domain: "",
      inputs: [known(branch.outputs[index] ?? "")],
      outputs: [output],
      attributes: new Map(),
    }),
  );
  return {
    nodes: [...nodes, ...results.filter((one) => one.outputs[0] !== "")],
    tensors: branch.initializers.map((tensor) => ({ ...tensor, name: known(tensor.name) })),
  };
}
