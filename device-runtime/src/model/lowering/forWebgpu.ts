// Brings written nodes to a form that WebGPU runs whole: what it lacks is composed of what it has, or turned away by name.
import { checkConstantRoom } from "../graph/constantRoom.ts";
import { createGraphEmitter, type GraphEmitter, integer } from "../graph/graphEmitter.ts";
import { integerAttribute, nodeText } from "../graph/modelGraph.ts";
import { elementCode } from "../onnx/elementType.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { type OnnxTensor, tensorFloats, tensorIntegers } from "../onnx/tensorMessage.ts";
import { turnAway } from "../turnAway.ts";
import { missingOnWebgpu } from "./webgpuCanRun.ts";

/** Nodes and the constants that they read. */
export interface WrittenNodes {
  readonly nodes: readonly OnnxNode[];
  readonly constants: readonly OnnxTensor[];
}

const FLOAT = { to: integer(elementCode("float32")) };

/**
 * The same computation without operators that WebGPU lacks.
 *
 * A node left to the CPU would work, too, but its data would travel from the GPU and back in every step.
 *
 * @param prefix begins every fresh name; nothing else may begin so
 */
export function forWebgpu(
  written: WrittenNodes & Pick<GraphEmitter, "originOf">,
  prefix: string,
): WrittenNodes {
  if (!written.nodes.some((node) => missingOnWebgpu.has(node.operator))) return written;
  const emit = createGraphEmitter(prefix);
  for (const node of written.nodes) {
    if (node.operator === "LogSoftmax") writeLogSoftmax(emit, node);
    else if (node.operator === "OneHot") writeOneHot(emit, node, written);
    else if (missingOnWebgpu.has(node.operator)) {
      turnAway(
        "model.operator_unsupported",
        `${nodeText(written.originOf(node) ?? node)}: training writes ${node.operator}, which WebGPU does not have; compile for wasm`,
      );
    } else emit.copy(node);
  }
  return { nodes: emit.nodes, constants: [...written.constants, ...emit.constants] };
}

/** Less its maximum, less the logarithm of the sum of its exponentials: nothing overflows. */
function writeLogSoftmax(emit: GraphEmitter, node: OnnxNode): void {
  const [data = ""] = node.inputs;
  const axes = emit.integers([integerAttribute(node, "axis", -1)]);
  const keep = { keepdims: integer(1) };
  const level = emit.node("Sub", [data, emit.node("ReduceMax", [data, axes], keep)]);
  const sum = emit.node("ReduceSum", [emit.node("Exp", [level]), axes], keep);
  emit.node("Sub", [level, emit.node("Log", [sum])], {}, node.outputs[0]);
}

/** Compared with 0, 1, 2, ...; a negative index counts from the end. */
function writeOneHot(
  emit: GraphEmitter,
  node: OnnxNode,
  { constants, originOf }: Parameters<typeof forWebgpu>[0],
): void {
  const [indices = "", depthName = "", valuesName = ""] = node.inputs;
  const depthTensor = constants.find(({ name }) => name === depthName);
  const valuesTensor = constants.find(({ name }) => name === valuesName);
  const depth = depthTensor === undefined ? undefined : tensorIntegers(depthTensor)[0];
  const [off, on] = valuesTensor?.type === "float32" ? tensorFloats(valuesTensor) : [];
  if (
    depth === undefined ||
    off === undefined ||
    on === undefined ||
    integerAttribute(node, "axis", -1) !== -1
  ) {
    turnAway(
      "model.operator_unsupported",
      `${nodeText(originOf(node) ?? node)}: WebGPU has no OneHot, and this one is not over a last axis of known size; compile for wasm`,
    );
  }
  checkConstantRoom(node, depth);
  const index = emit.node("Unsqueeze", [emit.node("Cast", [indices], FLOAT), emit.integers([-1])]);
  const isNegative = emit.node("Less", [index, emit.scalar(0)]);
  const wrapped = emit.node("Add", [index, emit.scalar(depth)]);
  const place = emit.node("Where", [isNegative, wrapped, index]);
  const numbers = emit.floats(
    [depth],
    Array.from({ length: depth }, (_, at) => at),
  );
  const mask = emit.node("Cast", [emit.node("Equal", [place, numbers])], FLOAT);
  if (off === 0 && on === 1) emit.node("Identity", [mask], {}, node.outputs[0]);
  else {
    const scaled = emit.node("Mul", [mask, emit.scalar(on - off)]);
    emit.node("Add", [scaled, emit.scalar(off)], {}, node.outputs[0]);
  }
}
