// From an opened file to a checked, typed graph: order, names, types, shapes, folded shape arithmetic. It must not change what the
// model computes.
import { FOLDED_ELEMENTS_MAX, VALUE_ELEMENTS_MAX, VALUE_RANK_MAX } from "../limits.ts";
import type { ModelFile } from "../onnx/modelFile.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { integerTensor, type OnnxTensor, tensorIntegers } from "../onnx/tensorMessage.ts";
import { turnAway } from "../turnAway.ts";
import { type Dim, isStatic, multiplyDims, shapeText, symbolDim } from "./dim.ts";
import { foldIntegers, type KnownIntegers } from "./foldIntegers.ts";
import { type GraphValue, type ModelGraph, nodeText, type ValueType } from "./modelGraph.ts";
import type { ShapeContext } from "./shapes/shapeRule.ts";
import { shapeRules } from "./shapes/shapeRules.ts";

/** Operator sets that are read as they are. Older ones write axes and clip bounds as attributes. */
const OPSET_MIN = 13;
const OPSET_MAX = 21;

/** Attributes of a `Constant` node and the tensor that each stands for. */
function constantTensor(node: OnnxNode): OnnxTensor {
  const name = node.outputs[0] ?? "";
  const value = node.attributes.get("value");
  if (value?.kind === "tensor") return { ...value.value, name };
  const one = node.attributes.get("value_int");
  if (one?.kind === "integer") return integerTensor(name, [], [one.value]);
  const many = node.attributes.get("value_ints");
  if (many?.kind === "integers") return integerTensor(name, [many.value.length], many.value);
  const float = node.attributes.get("value_float");
  const floats = node.attributes.get("value_floats");
  if (float?.kind === "float" || floats?.kind === "floats") {
    const values =
      float?.kind === "float" ? [float.value] : floats?.kind === "floats" ? floats.value : [];
    const dims = float === undefined ? [values.length] : [];
    return { name, type: "float32", dims, bytes: new Uint8Array(Float32Array.from(values).buffer) };
  }
  return turnAway("model.operator_unsupported", `${nodeText(node)} holds no number`);
}

/** Nodes that the outputs depend on, in their order. */
export function nodesBehind(nodes: readonly OnnxNode[], outputs: readonly string[]): OnnxNode[] {
  const needed = new Set(outputs);
  const kept: OnnxNode[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((output) => output !== "" && needed.has(output))) continue;
    kept.push(node);
    for (const input of node.inputs) needed.add(input);
  }
  return kept.reverse();
}

function dataInput(file: ModelFile, initialized: ReadonlySet<string>): GraphValue {
  const data = file.inputs.filter((input) => !initialized.has(input.name));
  const [input] = data;
  if (input === undefined || data.length > 1) {
    return turnAway(
      "model.graph_invalid",
      `model has ${data.length} data inputs (${data.map((one) => one.name).join(", ")}), must have one`,
    );
  }
  if (input.type === undefined || input.dims === undefined) {
    return turnAway(
      "model.shape_unknown",
      `input ${input.name} declares no shape; export the model with one`,
    );
  }
  const shape = input.dims.map((dim, axis) =>
    typeof dim === "number" ? dim : symbolDim(dim === "" ? `${input.name}.${axis}` : dim),
  );
  return { name: input.name, type: input.type, shape };
}

/**
 * Checks and types a graph.
 *
 * - Cost: O(nodes + bytes of the constants that shape arithmetic reads).
 *
 * @param outputs values to keep; everything that they do not depend on is left out, unknown operators included
 */
export function loadGraph(file: ModelFile, outputs?: readonly string[]): ModelGraph {
  if (file.opset < OPSET_MIN || file.opset > OPSET_MAX) {
    turnAway(
      "model.opset_unsupported",
      `model uses operator set ${file.opset}, supported are ${OPSET_MIN} to ${OPSET_MAX}; export it with opset_version=17`,
    );
  }
  const constants = new Map<string, OnnxTensor>();
  for (const tensor of file.initializers) {
    if (tensor.name === "" || constants.has(tensor.name)) {
      turnAway("model.graph_invalid", `two tensors are named "${tensor.name}"`);
    }
    constants.set(tensor.name, tensor);
  }
  const input = dataInput(file, new Set(constants.keys()));
  const values = new Map<string, ValueType>([[input.name, input]]);
  const known = new Map<string, KnownIntegers>();
  const learnConstant = (tensor: OnnxTensor): void => {
    constants.set(tensor.name, tensor);
    values.set(tensor.name, { type: tensor.type, shape: tensor.dims });
    const count = tensor.dims.reduce((product, dim) => product * dim, 1);
    if (
      (tensor.type === "int64" || tensor.type === "int32") &&
      tensor.dims.length <= 1 &&
      count <= FOLDED_ELEMENTS_MAX
    ) {
      known.set(tensor.name, tensorIntegers(tensor));
    }
  };
  for (const tensor of file.initializers) learnConstant(tensor);

  const wanted = outputs ?? file.outputs.map((output) => output.name);
  const names = checkOrder(file, values);
  const nodes: OnnxNode[] = [];
  let freshCount = 0;
  const freshDim = (): Dim => {
    freshCount += 1;
    return symbolDim(`unknown.${freshCount}`);
  };
  for (const node of nodesBehind(file.nodes, wanted)) {
    if (node.operator === "Constant" && node.domain === "") {
      learnConstant(constantTensor(node));
      continue;
    }
    const rule = node.domain === "" ? shapeRules.get(node.operator) : undefined;
    if (rule === undefined) {
      return turnAway(
        "model.operator_unsupported",
        `${nodeText(node)}: operator ${node.domain === "" ? "" : `${node.domain}.`}${node.operator} is not supported; export the model without it`,
      );
    }
    const valueOf = (index: number): ValueType =>
      values.get(node.inputs[index] ?? "") ??
      turnAway("model.graph_invalid", `${nodeText(node)} lacks its input ${index}`);
    const context: ShapeContext = {
      node,
      input: valueOf,
      has: (index) => (node.inputs[index] ?? "") !== "",
      integers: (index) => known.get(node.inputs[index] ?? ""),
      freshDim,
    };
    const types = rule(context);
    node.outputs.forEach((output, index) => {
      const type = types[index];
      if (output === "") return;
      if (type === undefined) {
        return turnAway(
          "model.operator_unsupported",
          `${nodeText(node)}: output ${index} is not supported`,
        );
      }
      checkSize(node, type);
      values.set(output, type);
    });
    const [output = ""] = node.outputs;
    const [type] = types;
    if (type?.type === "int64" && type.shape.length <= 1) {
      const integers = foldIntegers({
        node,
        shape: (index) => valueOf(index).shape,
        integers: context.integers,
      });
      if (integers !== undefined) {
        known.set(output, integers);
        if (isStatic(integers)) {
          const dims = isStatic(type.shape) ? type.shape : [integers.length];
          learnConstant(integerTensor(output, dims, integers));
          continue;
        }
      }
    }
    nodes.push(
      node.operator === "Reshape" ? withFixedShape(node, type, learnConstant, names) : node,
    );
  }
  for (const name of wanted) {
    if (!values.has(name)) turnAway("model.graph_invalid", `nothing computes the output ${name}`);
  }
  return {
    opset: Math.max(17, file.opset),
    input,
    outputs: wanted,
    nodes: nodesBehind(nodes, wanted),
    constants,
    values,
  };
}

/** Every input is there before it is used and every name is given once: no cycles, no gaps. */
function checkOrder(file: ModelFile, values: ReadonlyMap<string, ValueType>): Set<string> {
  const defined = new Set(values.keys());
  for (const node of file.nodes) {
    for (const input of node.inputs) {
      if (input !== "" && !defined.has(input)) {
        turnAway(
          "model.graph_invalid",
          `${nodeText(node)} reads ${input}, which nothing before it computes (a cycle, or nodes out of order)`,
        );
      }
    }
    for (const output of node.outputs) {
      if (output === "") continue;
      if (defined.has(output)) turnAway("model.graph_invalid", `two nodes compute ${output}`);
      defined.add(output);
    }
  }
  return defined;
}

function checkSize(node: OnnxNode, type: ValueType): void {
  const count = multiplyDims(type.shape);
  const factor = typeof count === "number" ? count : count.factor;
  if (type.shape.length > VALUE_RANK_MAX || !(factor <= VALUE_ELEMENTS_MAX)) {
    turnAway(
      "model.too_large",
      `${nodeText(node)} makes ${shapeText(type.shape)}, over rank ${VALUE_RANK_MAX} or ${VALUE_ELEMENTS_MAX} elements`,
    );
  }
}

/** A `Reshape` whose shape is computed only to carry the batch gets a constant one, with -1 for the batch. */
function withFixedShape(
  node: OnnxNode,
  type: ValueType | undefined,
  learnConstant: (tensor: OnnxTensor) => void,
  names: Set<string>,
): OnnxNode {
  const shape = type?.shape ?? [];
  const unknown = shape.filter((dim) => typeof dim !== "number").length;
  if (unknown > 1 || shape.includes(0)) return node;
  const integers = shape.map((dim) => (typeof dim === "number" ? dim : -1));
  let name = `${node.outputs[0] ?? ""}/shape`;
  while (names.has(name)) name += "_";
  names.add(name);
  learnConstant(integerTensor(name, [integers.length], integers));
  return { ...node, inputs: [node.inputs[0] ?? "", name] };
}
