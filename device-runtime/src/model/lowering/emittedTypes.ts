// Types and shapes of nodes that the compiler itself has written, for a known batch. What an untrusted file holds is typed by `loadGraph`.
import { assertDefect } from "@attune/protocol";
import type { Dim } from "../graph/dim.ts";
import { foldKnown, type KnownValues, numbersOf } from "../graph/foldKnown.ts";
import { nodeText, type ValueType } from "../graph/modelGraph.ts";
import { shapeRules } from "../graph/shapes/shapeRules.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import type { OnnxTensor } from "../onnx/tensorMessage.ts";

/** A value whose every size is known. */
export interface SizedValue {
  readonly type: ValueType["type"];
  readonly dims: readonly number[];
}

/**
 * Types every value that the nodes read or write.
 *
 * @param outside type of a value that neither a node nor a constant gives
 * @throws Defect `lowering.shape_unknown` for a node without a shape rule
 */
export function emittedTypes(
  nodes: readonly OnnxNode[],
  constants: readonly OnnxTensor[],
  outside: (name: string) => SizedValue | undefined,
): ReadonlyMap<string, SizedValue> {
  const types = new Map<string, SizedValue>();
  const known = new Map<string, KnownValues>();
  for (const tensor of constants) {
    types.set(tensor.name, { type: tensor.type, dims: tensor.dims });
    const numbers = numbersOf(tensor);
    if (numbers !== undefined) known.set(tensor.name, numbers);
  }
  for (const node of nodes) {
    const rule = shapeRules.get(node.operator);
    assertDefect(rule !== undefined, "lowering.shape_unknown", `${nodeText(node)} has no shape`);
    const input = (index: number): ValueType => {
      const name = node.inputs[index] ?? "";
      const type = types.get(name) ?? outside(name);
      assertDefect(type !== undefined, "lowering.shape_unknown", `${nodeText(node)} reads ${name}`);
      types.set(name, type);
      return { type: type.type, shape: type.dims };
    };
    const found = rule({
      node,
      input,
      has: (index) => (node.inputs[index] ?? "") !== "",
      integers: (index) => known.get(node.inputs[index] ?? ""),
      numbers: (index) => known.get(node.inputs[index] ?? ""),
      freshDim: () => 1,
    });
    node.inputs.forEach((name, index) => name !== "" && input(index));
    node.outputs.forEach((output, index) => {
      const type = found[index];
      if (output === "" || type === undefined) return;
      types.set(output, { type: type.type, dims: type.shape.map(sizeOf) });
    });
    const [first] = found;
    if (first === undefined || first.shape.length > 1) continue;
    const results = foldKnown({
      node,
      type: first.type,
      shape: (index) => input(index).shape,
      known: (index) => known.get(node.inputs[index] ?? ""),
    });
    results.forEach((result, index) => {
      if (result !== undefined) known.set(node.outputs[index] ?? "", result);
    });
  }
  return types;
}

const sizeOf = (dim: Dim): number => (typeof dim === "number" ? dim : dim.factor);
