// Weights that a file stores in a form that no parameter has, and scopes that would pass them over unseen.
import { elementCount } from "@attune/protocol";
import { constantTensor } from "../graph/constantTensor.ts";
import { frozenOperators } from "../graph/frozenOperators.ts";
import { nodeText } from "../graph/modelGraph.ts";
import type { ElementType } from "../onnx/elementType.ts";
import type { ModelFile } from "../onnx/modelFile.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import type { OnnxTensor } from "../onnx/tensorMessage.ts";
import { turnAway } from "../turnAway.ts";
import type { ParameterInfo } from "./listParameters.ts";
import type { ParameterScope } from "./parameterScope.ts";
import { parameterUses } from "./parameterUses.ts";

/** Inputs of operators that are weights or biases of a layer, by their places. */
const places: ReadonlyMap<string, readonly number[]> = new Map([
  ["Conv", [1, 2]],
  ["ConvTranspose", [1, 2]],
  ["Einsum", [0, 1, 2, 3, 4]],
  ["GRU", [1, 2, 3]],
  ["Gather", [0]],
  ["Gemm", [0, 1, 2]],
  ["LSTM", [1, 2, 3, 7]],
  ["MatMul", [0, 1]],
  ["RNN", [1, 2, 3]],
]);

/** Operators that tell of a value only its shape. */
const measures: ReadonlySet<string> = new Set(["Shape", "Size"]);

/** Types that weights are stored in. */
const weightTypes: ReadonlySet<ElementType> = new Set([
  "float16",
  "float32",
  "float64",
  "int8",
  "uint8",
]);

/**
 * Turns away a scope that counts layers where one of those has a weight that is not float32, that the model computes from constants, or that
 * stands in an operator that can only run frozen: the scope would quietly take another layer.
 *
 * @param chosen the parameters that the scope takes without seeing those
 */
export function checkHidden(
  file: ModelFile,
  scope: ParameterScope,
  chosen: readonly ParameterInfo[],
): void {
  const countsLayers =
    scope === "head" || scope === "all" || (typeof scope === "object" && "lastLayers" in scope);
  if (!countsLayers) return;
  const names = new Set(chosen.map((info) => info.name));
  const uses = new Map<OnnxNode, Set<string>>();
  for (const { node, tensor } of parameterUses(file)) {
    uses.set(node, (uses.get(node) ?? new Set()).add(tensor.name));
  }
  const stored = new Set(file.initializers.map((tensor) => tensor.name));
  // What values are made of that depend on constants alone.
  const sources = new Map<string, readonly OnnxTensor[]>(
    file.initializers.map((tensor) => [tensor.name, sourceOf(tensor)]),
  );
  // Layers that the scope has reached, or would have.
  let isReached = scope === "all";
  for (const node of file.nodes) {
    const constant = node.operator === "Constant" ? constantTensor(node) : undefined;
    if (constant !== undefined) {
      stored.add(constant.name);
      sources.set(constant.name, sourceOf(constant));
    }
    const read = node.inputs.filter((input) => input !== "");
    const held = [...new Set(read.flatMap((input) => sources.get(input) ?? []))];
    const own = uses.get(node) ?? new Set();
    if ([...own].some((name) => names.has(name))) isReached = true;
    if (read.length > 0 && read.every((input) => sources.has(input))) {
      for (const output of node.outputs) {
        sources.set(output, measures.has(node.operator) ? [] : held);
      }
      continue;
    }
    if (isReached && (node.domain !== "" || frozenOperators.has(node.operator))) {
      checkNoWeights(node, held, scope);
    }
    if (!isReached || node.domain !== "") continue;
    for (const index of places.get(node.operator) ?? []) {
      const input = node.inputs[index] ?? "";
      const hidden = sources.get(input) ?? [];
      // A stored table that is no parameter is not one of vectors.
      if (node.operator === "Gather" && stored.has(input)) continue;
      if (hidden.some(({ name }) => own.has(name))) continue;
      if (hidden.some(({ name }) => !names.has(name))) turnHidden(node, hidden, scope);
    }
  }
}

/** A single number is a setting. */
const sourceOf = (tensor: OnnxTensor): readonly OnnxTensor[] =>
  elementCount(tensor.dims) > 1 && weightTypes.has(tensor.type) ? [tensor] : [];

function turnHidden(node: OnnxNode, hidden: readonly OnnxTensor[], scope: ParameterScope): never {
  const narrow = hidden.find(({ type }) => type !== "float32");
  return turnAway(
    "model.parameter_unknown",
    narrow === undefined
      ? `${nodeText(node)} takes as a weight what is made of ${hidden.map(({ name }) => name).join(", ")}, so scope ${JSON.stringify(scope)} would pass its layer over; export the model with what it computes of constants folded, or name the parameters to train`
      : `the weight ${narrow.name} is stored as ${narrow.type}, so scope ${JSON.stringify(scope)} would pass its layer over; exposeParameters makes it a parameter, or name the parameters to train`,
  );
}

/** An operator without a rule may hold what a training should change. */
function checkNoWeights(node: OnnxNode, held: readonly OnnxTensor[], scope: ParameterScope): void {
  const tensor = held.find(isFloat);
  if (tensor === undefined) return;
  turnAway(
    "model.operator_unsupported",
    `${nodeText(node)}: operator ${node.operator} can only run frozen, and holds ${tensor.name}, which scope ${JSON.stringify(scope)} would pass over`,
  );
}

const isFloat = ({ type }: OnnxTensor): boolean =>
  type === "float32" || type === "float16" || type === "float64";
