// The tensor that a `Constant` node stands for.
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { floatTensor, integerTensor, type OnnxTensor } from "../onnx/tensorMessage.ts";

/** The tensor under the name of the node's output; undefined for text and sparse tensors. */
export function constantTensor(node: OnnxNode): OnnxTensor | undefined {
  const name = node.outputs[0] ?? "";
  for (const attribute of ["value", "value_int", "value_ints", "value_float", "value_floats"]) {
    const value = node.attributes.get(attribute);
    switch (value?.kind) {
      case "tensor":
        return { ...value.value, name };
      case "integer":
        return integerTensor(name, [], [value.value]);
      case "integers":
        return integerTensor(name, [value.value.length], value.value);
      case "float":
        return floatTensor(name, [], [value.value]);
      case "floats":
        return floatTensor(name, [value.value.length], value.value);
      default:
    }
  }
  return undefined;
}
