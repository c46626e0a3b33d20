// How many multiplications a node does, counted from shapes: a number that does not depend on the engine.
import { integerAttribute } from "../graph/modelGraph.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import type { SizedGraph } from "./sizedGraph.ts";

const count = (dims: readonly number[]): number => dims.reduce((product, dim) => product * dim, 1);

/** Gates of the recurrent operators: each multiplies the input and the hidden state by a matrix of its own. */
const gates: ReadonlyMap<string, number> = new Map([
  ["GRU", 3],
  ["LSTM", 4],
  ["RNN", 1],
]);

/** Multiply-adds of one node in matrix products, convolutions and recurrent layers; 0 for everything else. */
export function multiplyAdds(node: OnnxNode, { sizeOf }: SizedGraph): number {
  const dims = (index: number): readonly number[] => sizeOf(node.inputs[index] ?? "").dims;
  const output = sizeOf(node.outputs[0] ?? "").dims;
  switch (node.operator) {
    case "MatMul":
      return count(output) * (dims(0).at(-1) ?? 1);
    case "Gemm":
      return count(output) * (dims(0)[integerAttribute(node, "transA", 0) === 0 ? 1 : 0] ?? 1);
    case "Conv":
      return count(output) * count(dims(1).slice(1));
    case "ConvTranspose":
      return count(dims(0)) * count(dims(1).slice(1));
    case "Einsum":
      return (
        count(output) *
        Math.max(1, ...[0, 1].map((index) => sharedSize(node, index, dims(index), output)))
      );
    case "GRU":
    case "LSTM":
    case "RNN": {
      const [steps = 1, batch = 1, inputSize = 1] = dims(0);
      const [directions = 1, , hidden = 1] = dims(2);
      const perStep = (gates.get(node.operator) ?? 1) * hidden * (inputSize + hidden);
      return directions * steps * batch * perStep;
    }
    default:
      return 0;
  }
}

/** Product of the sizes of an operand of `Einsum` that the output does not have. */
function sharedSize(
  node: OnnxNode,
  operand: number,
  dims: readonly number[],
  output: readonly number[],
): number {
  const equation = node.attributes.get("equation");
  const text = equation?.kind === "text" ? equation.value.replaceAll(" ", "") : "";
  const [left = "", right = ""] = text.split("->");
  const letters = left.split(",")[operand] ?? "";
  if (letters.length !== dims.length || right.length !== output.length) return 1;
  return count(dims.filter((_, axis) => !right.includes(letters[axis] ?? "")));
}
