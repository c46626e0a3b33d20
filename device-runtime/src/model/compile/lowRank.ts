// Low-rank patches: a frozen weight W is trained as W + scale · (down · up) with two thin factors. This writes them into a graph; what their
// values are is not its business.
import { elementCount } from "@attune/protocol";
import {
  floatAttribute,
  integerAttribute,
  type ModelGraph,
  type ValueType,
} from "../graph/modelGraph.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { floatTensor, type OnnxTensor } from "../onnx/tensorMessage.ts";
import type { ParameterInfo } from "../parameters/listParameters.ts";
import type { LowRankScope } from "../parameters/parameterScope.ts";
import { turnAway } from "../turnAway.ts";
import type { NamedShape } from "./stepBody.ts";
import { TRAINING_PREFIX, trainingNames } from "./trainingNames.ts";

/** Factors of one weight, `r` the rank. */
export interface LowRankPatch {
  readonly weight: NamedShape;
  /** How the weight lies: `[in, out]`, `[out, in]`, or `[filters, channels, ...kernel]`. */
  readonly layout: "inOut" | "outIn" | "convolution";
  /** `[in, r]`, or `[r, channels, ...kernel]`. Starts with small numbers. */
  readonly down: NamedShape;
  /** `[r, out]`, or `[filters, r, 1, ...]`. Starts with zeros, so that the patch starts as none. */
  readonly up: NamedShape;
  readonly scale: number;
}

/** Names of a weight's factors, as training states hold them. */
const factorNames = {
  down: (weight: string): string => `${weight}:down`,
  up: (weight: string): string => `${weight}:up`,
} as const;

type Layout = LowRankPatch["layout"];

/** How a node uses a weight; undefined where no patch can be written beside it. */
function layoutAt(node: OnnxNode, weight: string): Layout | undefined {
  if (node.domain !== "" || node.inputs.indexOf(weight) !== 1) return undefined;
  if (node.inputs.lastIndexOf(weight) !== 1) return undefined;
  if (node.operator === "MatMul") return "inOut";
  if (node.operator === "Gemm" && integerAttribute(node, "transA", 0) === 0) {
    return integerAttribute(node, "transB", 0) === 0 ? "inOut" : "outIn";
  }
  return node.operator === "Conv" && integerAttribute(node, "group", 1) === 1
    ? "convolution"
    : undefined;
}

function patchOf(
  graph: ModelGraph,
  scope: LowRankScope,
  info: ParameterInfo,
): LowRankPatch | string {
  const { name, dims } = info;
  const rank = scope.lowRank;
  const layouts = graph.nodes
    .filter((node) => node.inputs.includes(name))
    .map((node) => layoutAt(node, name));
  const [layout] = layouts;
  if (layout === undefined || layouts.some((one) => one !== layout)) {
    return "is not the plain weight of MatMul, Gemm or an ungrouped Conv";
  }
  if (layout !== "convolution" && dims.length !== 2) return `has ${dims.length} axes, not 2`;
  const [first = 1, second = 1, ...kernel] = dims;
  const down =
    layout === "convolution"
      ? [rank, second, ...kernel]
      : [layout === "inOut" ? first : second, rank];
  const up =
    layout === "convolution"
      ? [first, rank, ...kernel.map(() => 1)]
      : [rank, layout === "inOut" ? second : first];
  if (elementCount(down) + elementCount(up) >= elementCount(dims)) {
    return `has ${elementCount(dims)} values, its factors of rank ${rank} would have ${elementCount(down) + elementCount(up)}`;
  }
  return {
    weight: { name, dims },
    layout,
    down: { name: factorNames.down(name), dims: down },
    up: { name: factorNames.up(name), dims: up },
    scale: scope.scale ?? 1,
  };
}

/**
 * Writes patches into a graph: beside each product with a patched weight stands one with `down`, then one with `up`, added to it. The weight
 * itself comes from the base and is not differentiated; no gradient as large as the weight is ever made.
 *
 * @param chosen weights that the scope names, or all
 */
export function patchLowRank(
  graph: ModelGraph,
  scope: LowRankScope,
  chosen: readonly ParameterInfo[],
): { readonly graph: ModelGraph; readonly patches: readonly LowRankPatch[] } {
  const patches: LowRankPatch[] = [];
  for (const info of chosen) {
    const patch = patchOf(graph, scope, info);
    if (typeof patch !== "string") patches.push(patch);
    else if (scope.weights !== undefined) {
      turnAway(
        "model.plan_invalid",
        `weight ${info.name} ${patch}; leave it out of the low-rank scope`,
      );
    }
  }
  if (patches.length === 0) {
    turnAway(
      "model.plan_invalid",
      scope.lowRank > 1
        ? `no weight of this model can be patched with rank ${scope.lowRank}; take a lower rank, or the scope "all"`
        : 'no weight of this model can be patched: the factors would be as large; take the scope "all"',
    );
  }
  const values = new Map<string, ValueType>(graph.values);
  const constants = new Map<string, OnnxTensor>(graph.constants);
  for (const { down, up, weight } of patches) {
    for (const { name, dims } of [down, up, { ...weight, name: trainingNames.base(weight.name) }]) {
      if (values.has(name)) turnAway("model.graph_invalid", `the model names a value ${name}`);
      values.set(name, { type: "float32", shape: dims });
    }
  }
  const scaleName = `${TRAINING_PREFIX}patch:scale`;
  const nodes: OnnxNode[] = [];
  for (const node of graph.nodes) {
    const patch = patches.find(({ weight }) => node.inputs[1] === weight.name);
    if (patch === undefined) nodes.push(node);
    else nodes.push(...patchedNodes(node, patch));
  }
  return { graph: { ...graph, nodes, values, constants }, patches };

  function patchedNodes(node: OnnxNode, patch: LowRankPatch): OnnxNode[] {
    const [output = ""] = node.outputs;
    const [data = "", weight = ""] = node.inputs;
    const named = (part: string): string => `${TRAINING_PREFIX}patch:${output}:${part}`;
    const inputs = node.inputs.map((name) => (name === weight ? trainingNames.base(name) : name));
    const frozen = { ...node, inputs, outputs: [named("frozen")] };
    const alpha = node.operator === "Gemm" ? floatAttribute(node, "alpha", 1) : 1;
    const factor = patch.scale * alpha;
    const scale = `${scaleName}:${factor}`;
    constants.set(scale, floatTensor(scale, [], [factor]));
    values.set(scale, { type: "float32", shape: [] });
    const full = graph.values.get(output) ?? { type: "float32", shape: [] };
    const rank =
      patch.layout === "convolution" ? (patch.down.dims[0] ?? 1) : (patch.down.dims[1] ?? 1);
    const thin: ValueType =
      patch.layout === "convolution"
        ? { type: "float32", shape: full.shape.map((dim, axis) => (axis === 1 ? rank : dim)) }
        : { type: "float32", shape: [...full.shape.slice(0, -1), rank] };
    values.set(named("thin"), thin).set(named("scaled"), thin);
    values.set(named("wide"), full).set(named("frozen"), full);
    const isConvolution = patch.layout === "convolution";
    const make = (
      operator: string,
      from: readonly string[],
      part: string,
      attributes: OnnxNode["attributes"] = new Map(),
    ): OnnxNode => ({
      name: "",
      operator,
      domain: "",
      inputs: from,
      outputs: [part === "" ? output : named(part)],
      attributes,
    });
    const product = isConvolution ? "Conv" : "MatMul";
    return [
      frozen,
      make(product, [data, patch.down.name], "thin", isConvolution ? node.attributes : new Map()),
      make("Mul", [named("thin"), scale], "scaled"),
      make(product, [named("scaled"), patch.up.name], "wide"),
      make("Add", [named("frozen"), named("wide")], ""),
    ];
  }
}
