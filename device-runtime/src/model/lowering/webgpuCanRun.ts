// Which nodes onnxruntime-web runs on WebGPU. A node that it can not run there falls back to the CPU, with a copy of its data each way.
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import type { SizedValue } from "./emittedTypes.ts";

/** Operators without a kernel for WebGPU. */
export const missingOnWebgpu: ReadonlySet<string> = new Set([
  "LogSoftmax",
  "Loop",
  "OneHot",
  "Scan",
  "ScatterElements",
]);

/** Operators that models may have there, on the CPU, but that no form may bring in. */
const leftToCpu: ReadonlySet<string> = new Set(["Max", "Min"]);

/** Whether WebGPU has a kernel for this node: convolutions have one or two spatial axes there, pools give no indices. */
export function webgpuCanRun(node: OnnxNode, sizeOf: (name: string) => SizedValue): boolean {
  if (missingOnWebgpu.has(node.operator) || leftToCpu.has(node.operator)) return false;
  if (node.operator === "MaxPool" && (node.outputs[1] ?? "") !== "") return false;
  const isWindow = ["Conv", "ConvTranspose", "MaxPool", "AveragePool"].includes(node.operator);
  return !isWindow || sizeOf(node.inputs[0] ?? "").dims.length <= 4;
}
