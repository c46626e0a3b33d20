// Weights that a file stores in a form that no parameter has, and scopes that would pass them over unseen.
import { elementCount } from "@attune/protocol";
import { constantTensor } from "../graph/constantTensor.ts";
import { frozenOperators } from "../graph/frozenOperators.ts";
import { nodeText } from "../graph/modelGraph.ts";
import type { ModelFile } from "../onnx/modelFile.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import type { OnnxTensor } from "../onnx/tensorMessage.ts";
import { turnAway } from "../turnAway.ts";
import type { ParameterInfo } from "./listParameters.ts";
import type { ParameterScope } from "./parameterScope.ts";

/** Operators behind which a stored tensor is a weight still. */
const wrappers: ReadonlySet<string> = new Set([
  "Cast",
  "DequantizeLinear",
  "Identity",
  "Reshape",
  "Transpose",
]);

/** Operators whose second input is a weight. */
const layers: ReadonlySet<string> = new Set([
  "Conv",
  "ConvTranspose",
  "GRU",
  "Gemm",
  "LSTM",
  "MatMul",
  "RNN",
]);

/**
 * Turns away a scope that counts layers where one of those has a weight that is not float32, or stands in an operator that can only run frozen:
 * the scope would quietly take another layer.
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
  const stored = new Map<string, OnnxTensor>(
    file.initializers.map((tensor) => [tensor.name, tensor]),
  );
  // Layers that the scope has reached, or would have.
  let isReached = scope === "all";
  for (const node of file.nodes) {
    const constant = node.operator === "Constant" ? constantTensor(node) : undefined;
    if (constant !== undefined) stored.set(constant.name, constant);
    const [first = "", second = ""] = node.inputs;
    const wrapped = wrappers.has(node.operator) ? stored.get(first) : undefined;
    if (wrapped !== undefined) stored.set(node.outputs[0] ?? "", wrapped);
    if (isReached && (node.domain !== "" || frozenOperators.has(node.operator))) {
      checkNoWeights(node, stored, scope);
    }
    const weight = layers.has(node.operator) ? stored.get(second) : undefined;
    if (weight === undefined) continue;
    if (names.has(weight.name)) isReached = true;
    if (isReached && weight.type !== "float32") {
      turnAway(
        "model.parameter_unknown",
        `the weight ${weight.name} is stored as ${weight.type}, so scope ${JSON.stringify(scope)} would pass its layer over; exposeParameters makes it a parameter, or name the parameters to train`,
      );
    }
  }
}

/** An operator without a rule may hold what a training should change; a single number is a setting. */
function checkNoWeights(
  node: OnnxNode,
  stored: ReadonlyMap<string, OnnxTensor>,
  scope: ParameterScope,
): void {
  for (const input of node.inputs) {
    const tensor = stored.get(input);
    if (tensor === undefined || !isFloat(tensor) || elementCount(tensor.dims) < 2) continue;
    turnAway(
      "model.operator_unsupported",
      `${nodeText(node)}: operator ${node.operator} can only run frozen, and holds ${input}, which scope ${JSON.stringify(scope)} would pass over`,
    );
  }
}

const isFloat = ({ type }: OnnxTensor): boolean =>
  type === "float32" || type === "float16" || type === "float64";
