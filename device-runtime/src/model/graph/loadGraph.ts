// From an opened file to a checked, typed graph of one operator set: order, names, newer forms of older operators, types, shapes, folded
// shape arithmetic. It must not change what the model computes.
import { DIM_SYMBOLS_MAX, VALUE_ELEMENTS_MAX, VALUE_RANK_MAX } from "../limits.ts";
import type { ElementType } from "../onnx/elementType.ts";
import { declaredValues, type ModelFile } from "../onnx/modelFile.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { floatTensor, integerTensor, type OnnxTensor } from "../onnx/tensorMessage.ts";
import type { OnnxValue } from "../onnx/valueMessage.ts";
import { parameterUses } from "../parameters/parameterUses.ts";
import { turnAway } from "../turnAway.ts";
import { nodeReads, type TakenBranch, takenBranch } from "./branch.ts";
import { constantTensor } from "./constantTensor.ts";
import { type DimSizes, dataInputs } from "./dataInputs.ts";
import { type Dim, isStatic, multiplyDims, shapeText, symbolDim } from "./dim.ts";
import { foldKnown, type KnownValues, numbersOf } from "./foldKnown.ts";
import { declaredTypes, whyNotFrozen } from "./frozenOperators.ts";
import { type GraphValue, type ModelGraph, nodeText, type ValueType } from "./modelGraph.ts";
import type { ShapeContext } from "./shapes/shapeRule.ts";
import { shapeRules } from "./shapes/shapeRules.ts";
import { OPSET_MAX, OPSET_MIN, OPSET_WRITTEN, upgradeNode } from "./upgrade/upgradeNode.ts";

/** Nodes that the outputs depend on, in their order. */
export function nodesBehind(nodes: readonly OnnxNode[], outputs: readonly string[]): OnnxNode[] {
  const needed = new Set(outputs);
  const kept: OnnxNode[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((output) => output !== "" && needed.has(output))) continue;
    kept.push(node);
    for (const name of nodeReads(node)) needed.add(name);
  }
  return kept.reverse();
}

/**
 * Checks and types a graph.
 *
 * - Cost: O(nodes + bytes of the constants that shape arithmetic reads).
 *
 * @param outputs values to keep; everything that they do not depend on is left out, unknown operators included
 * @param dims sizes of dimensions that the file leaves open
 */
export function loadGraph(
  file: ModelFile,
  outputs?: readonly string[],
  dims: DimSizes = {},
): ModelGraph {
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
  const wanted = outputs ?? file.outputs.map((output) => output.name);
  const needed = nodesBehind(file.nodes, wanted);
  const read = new Set([...wanted, ...needed.flatMap(nodeReads)]);
  const initialized = new Set(constants.keys());
  const inputs = dataInputs(file, initialized, (name) => read.has(name), dims);
  const values = new Map<string, ValueType>(inputs.map((input) => [input.name, input]));
  const known = new Map<string, KnownValues>();
  // What a training or a new version changes decides nothing ahead: truth values and numbers that follow from it are computed by each run.
  const changing = new Set(parameterUses(file).map(({ tensor }) => tensor.name));
  const learnConstant = (tensor: OnnxTensor): string => {
    constants.set(tensor.name, tensor);
    values.set(tensor.name, { type: tensor.type, shape: tensor.dims });
    const numbers = changing.has(tensor.name) ? undefined : numbersOf(tensor);
    if (numbers !== undefined) known.set(tensor.name, numbers);
    return tensor.name;
  };
  for (const tensor of file.initializers) learnConstant(tensor);

  const names = checkOrder(file, constants);
  const freshName = (node: OnnxNode, what: string): string => {
    let name = `${node.outputs.find((output) => output !== "") ?? ""}/${what}`;
    while (names.has(name)) name += "_";
    names.add(name);
    return name;
  };
  let freshCount = 0;
  const freshDim = (): Dim => {
    freshCount += 1;
    return symbolDim(`unknown.${freshCount}`);
  };
  const typeOf = (node: OnnxNode, index: number): ValueType =>
    values.get(node.inputs[index] ?? "") ??
    turnAway("model.graph_invalid", `${nodeText(node)} lacks its input ${index}`);
  const knownOf = (node: OnnxNode, index: number): KnownValues | undefined =>
    known.get(node.inputs[index] ?? "");

  const declared = new Set<string>();
  let found: ReadonlyMap<string, OnnxValue> | undefined;
  const declarations = (): ReadonlyMap<string, OnnxValue> => {
    found ??= declaredValues(file);
    return found;
  };
  const named = namedSizes(file, inputs);
  /** A size that a file declares by name: one of the inputs', or a multiple of it. A first size that is none of these is taken for the batch. */
  const declaredSize = (name: string, axis: number): Dim => {
    const [, factor = "1", symbol = name] = /^(\d+)\*(.+)$/.exec(name) ?? [];
    const size = named.get(symbol);
    if (size !== undefined) return multiplyDims([Number(factor), size]);
    return (axis === 0 ? inputs[0].shape[0] : undefined) ?? freshDim();
  };

  /** Types the outputs of a node, learns what is known of them, and returns the node unless it became a constant. */
  const take = (node: OnnxNode): OnnxNode | undefined => {
    const rule = node.domain === "" ? shapeRules.get(node.operator) : undefined;
    if (rule === undefined) {
      const reason = whyNotFrozen(node, file);
      if (reason !== undefined) turnAway("model.operator_unsupported", reason);
      for (const [output, type] of declaredTypes(node, declarations(), declaredSize)) {
        checkSize(node, type);
        values.set(output, type);
        declared.add(output);
      }
      return node;
    }
    const context: ShapeContext = {
      node,
      input: (index) => typeOf(node, index),
      has: (index) => (node.inputs[index] ?? "") !== "",
      integers: (index) =>
        countTypes.has(values.get(node.inputs[index] ?? "")?.type)
          ? knownOf(node, index)
          : undefined,
      numbers: (index) => knownOf(node, index),
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
    const [first] = types;
    if (first === undefined || first.shape.length > 1) return node;
    const results = foldKnown({
      node,
      type: first.type,
      shape: (index) => typeOf(node, index).shape,
      known: (index) => knownOf(node, index),
    });
    results.forEach((result, index) => {
      const output = node.outputs[index] ?? "";
      if (result !== undefined && output !== "") known.set(output, result);
    });
    const tensors = node.outputs.map((output, index) =>
      foldedTensor(output, types[index], results[index]),
    );
    if (!tensors.every((tensor) => tensor !== undefined)) return node;
    for (const tensor of tensors) learnConstant(tensor);
    return undefined;
  };

  /** The branch of an `If` whose condition is known, as it is where it asks for a shape. */
  const decided = (node: OnnxNode, condition: KnownValues | undefined): TakenBranch => {
    const [isTrue] = condition ?? [];
    if (typeof isTrue !== "number") {
      return turnAway(
        "model.operator_unsupported",
        `${nodeText(node)} decides while the model runs; export the model without it, or fix the input that it asks for by specializeModel`,
      );
    }
    return takenBranch(node, isTrue !== 0, (name) => freshName(node, name));
  };

  const nodes: OnnxNode[] = [];
  const queue = needed.toReversed();
  for (let original = queue.pop(); original !== undefined; original = queue.pop()) {
    if (original.operator === "If" && original.domain === "") {
      const branch = decided(original, knownOf(original, 0));
      for (const tensor of branch.tensors) learnConstant(tensor);
      queue.push(...branch.nodes.toReversed());
      continue;
    }
    if (original.operator === "Constant" && original.domain === "") {
      learnConstant(
        constantTensor(original) ??
          turnAway("model.operator_unsupported", `${nodeText(original)} holds no number`),
      );
      continue;
    }
    const upgraded = upgradeNode({
      node: original,
      opset: file.opset,
      shape: (index) => typeOf(original, index).shape,
      integers: (list) =>
        learnConstant(integerTensor(freshName(original, "integers"), [list.length], list)),
      floats: (list) =>
        learnConstant(floatTensor(freshName(original, "floats"), [list.length], list)),
      scalar: (value) => learnConstant(floatTensor(freshName(original, "scalar"), [], [value])),
      between: () => freshName(original, "between"),
    });
    for (const node of upgraded) {
      const kept = take(node);
      if (kept === undefined) continue;
      const shape = values.get(kept.outputs[0] ?? "")?.shape ?? [];
      const fixed = kept.operator === "Reshape" ? fixedShape(shape) : undefined;
      if (fixed === undefined) {
        nodes.push(kept);
      } else {
        const name = freshName(kept, "shape");
        learnConstant(integerTensor(name, [fixed.length], fixed));
        nodes.push({ ...kept, inputs: [kept.inputs[0] ?? "", name], attributes: new Map() });
      }
    }
  }
  for (const name of wanted) {
    if (!values.has(name)) turnAway("model.graph_invalid", `nothing computes the output ${name}`);
  }
  const used = new Set(nodes.map(({ domain }) => domain));
  return {
    opset: OPSET_WRITTEN,
    inputs,
    outputs: wanted,
    nodes: nodesBehind(nodes, wanted),
    constants,
    values,
    declared,
    domains: new Map([...file.domains].filter(([domain]) => used.has(domain))),
  };
}

/** Sizes of the inputs that the file leaves open, by their names. */
function namedSizes(file: ModelFile, inputs: readonly GraphValue[]): ReadonlyMap<string, Dim> {
  const sizes = new Map<string, Dim>();
  const shapes = new Map(inputs.map(({ name, shape }) => [name, shape]));
  for (const { name, dims = [] } of file.inputs) {
    const shape = shapes.get(name);
    if (shape === undefined) continue;
    dims.forEach((dim, axis) => {
      if (typeof dim === "string")
        sizes.set(dim === "" ? `${name}.${axis}` : dim, shape[axis] ?? 1);
    });
  }
  return sizes;
}

/** Types that count: what names axes, sizes and places. */
const countTypes: ReadonlySet<ElementType | undefined> = new Set(["int32", "int64"]);

/** A folded value as a constant, where all of it is known and it counts something: floating-point values stay computed. */
function foldedTensor(
  name: string,
  type: ValueType | undefined,
  folded: KnownValues | undefined,
): OnnxTensor | undefined {
  if (
    type === undefined ||
    folded === undefined ||
    !isStatic(folded) ||
    !folded.every(Number.isInteger)
  ) {
    return undefined;
  }
  const dims = isStatic(type.shape) ? type.shape : [folded.length];
  const make = makers.get(type.type);
  return make === undefined ? undefined : make(name, dims, folded);
}

const makers: ReadonlyMap<
  ElementType,
  (name: string, dims: readonly number[], values: readonly number[]) => OnnxTensor
> = new Map<
  ElementType,
  (name: string, dims: readonly number[], values: readonly number[]) => OnnxTensor
>([
  ["int64", integerTensor],
  [
    "int32",
    (name, dims, values) => ({
      name,
      type: "int32",
      dims,
      bytes: new Uint8Array(Int32Array.from(values).buffer),
    }),
  ],
  ["bool", (name, dims, values) => ({ name, type: "bool", dims, bytes: Uint8Array.from(values) })],
]);

/** Every input is there before it is used and every name is given once: no cycles, no gaps. */
function checkOrder(file: ModelFile, constants: ReadonlyMap<string, OnnxTensor>): Set<string> {
  const defined = new Set([...constants.keys(), ...file.inputs.map(({ name }) => name)]);
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
  if (type.shape.some((dim) => typeof dim === "number" && !(Number.isInteger(dim) && dim >= 0))) {
    turnAway("model.shape_invalid", `${nodeText(node)} makes ${shapeText(type.shape)}`);
  }
  if (type.shape.some((dim) => typeof dim !== "number" && dim.symbols.length > DIM_SYMBOLS_MAX)) {
    turnAway(
      "model.too_large",
      `${nodeText(node)} makes a size of over ${DIM_SYMBOLS_MAX} unknown factors; fix sizes by the plan's dims`,
    );
  }
  const count = multiplyDims(type.shape);
  const factor = typeof count === "number" ? count : count.factor;
  if (type.shape.length > VALUE_RANK_MAX || !(factor <= VALUE_ELEMENTS_MAX)) {
    turnAway(
      "model.too_large",
      `${nodeText(node)} makes ${shapeText(type.shape)}, over rank ${VALUE_RANK_MAX} or ${VALUE_ELEMENTS_MAX} elements`,
    );
  }
}

/** The constant shape of a `Reshape` whose shape is computed only to carry the batch: -1 stands for the batch. */
function fixedShape(shape: readonly Dim[]): readonly number[] | undefined {
  const unknown = shape.filter((dim) => typeof dim !== "number").length;
  if (unknown > 1 || shape.includes(0)) return undefined;
  return shape.map((dim) => (typeof dim === "number" ? dim : -1));
}
