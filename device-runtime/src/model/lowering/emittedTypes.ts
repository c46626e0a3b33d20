// Types and shapes of nodes that the compiler itself has written, for a known batch. What an untrusted file holds is typed by `loadGraph`.
import { assertDefect } from "@attune/protocol";
import type { Dim } from "../graph/dim.ts";
import { nodeText, type ValueType } from "../graph/modelGraph.ts";
import { shapeRules } from "../graph/shapes/shapeRules.ts";
import { FOLDED_ELEMENTS_MAX } from "../limits.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { type OnnxTensor, tensorIntegers } from "../onnx/tensorMessage.ts";

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
  const known = new Map<string, readonly number[]>();
  for (const tensor of constants) {
    types.set(tensor.name, { type: tensor.type, dims: tensor.dims });
    const count = tensor.dims.reduce((product, dim) => product * dim, 1);
    if (tensor.type === "int64" && tensor.dims.length <= 1 && count <= FOLDED_ELEMENTS_MAX) {
      known.set(tensor.name, tensorIntegers(tensor));
    }
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
    // The only shape arithmetic that the compiler writes.
    if (node.operator === "Shape") {
      known.set(node.outputs[0] ?? "", types.get(node.inputs[0] ?? "")?.dims ?? []);
    }
  }
  return types;
}

const sizeOf = (dim: Dim): number => (typeof dim === "number" ? dim : dim.factor);
