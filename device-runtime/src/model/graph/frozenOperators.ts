// Operators that the engine runs and this compiler has no rule for: they may stand where nothing is differentiated, under shapes that the file declares.
import type { ModelFile } from "../onnx/modelFile.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import type { OnnxValue } from "../onnx/valueMessage.ts";
import { turnAway } from "../turnAway.ts";
import type { Dim } from "./dim.ts";
import { nodeText, type ValueType } from "./modelGraph.ts";

/**
 * Operators of the default domain, and the first operator set in which each has the form of the one that graphs are written in. Those whose results
 * are random are not among them: a training that is resumed would not give the same bytes.
 */
export const frozenOperators: ReadonlyMap<string, number> = new Map([
  ["AffineGrid", 20],
  ["BitShift", 11],
  ["BitwiseAnd", 18],
  ["BitwiseNot", 18],
  ["BitwiseOr", 18],
  ["BitwiseXor", 18],
  ["BlackmanWindow", 17],
  ["CenterCropPad", 18],
  ["Col2Im", 18],
  ["Compress", 9],
  ["ConvInteger", 10],
  ["DFT", 20],
  ["DeformConv", 19],
  ["Det", 11],
  ["DynamicQuantizeLinear", 11],
  ["EyeLike", 9],
  ["GridSample", 20],
  ["HammingWindow", 17],
  ["HannWindow", 17],
  ["Hardmax", 13],
  ["LRN", 8],
  ["LpNormalization", 8],
  ["MatMulInteger", 10],
  ["MaxRoiPool", 8],
  ["MaxUnpool", 9],
  ["MeanVarianceNormalization", 9],
  ["MelWeightMatrix", 17],
  ["NonMaxSuppression", 10],
  ["NonZero", 9],
  ["QLinearConv", 10],
  ["QLinearMatMul", 10],
  ["ReverseSequence", 10],
  ["RoiAlign", 16],
  ["STFT", 17],
  ["Shrink", 9],
  ["TfIdfVectorizer", 9],
  ["Unique", 11],
]);

/** Why a node cannot even run frozen: it is unknown, of an older form, or has a graph inside; undefined where it can. */
export function whyNotFrozen(node: OnnxNode, file: ModelFile): string | undefined {
  const { operator, domain } = node;
  const name = domain === "" ? operator : `${domain}.${operator}`;
  const since = domain === "" ? frozenOperators.get(operator) : undefined;
  const hasGraph = [...node.attributes.values()].some(({ kind }) => kind === "graph");
  const isKnown = domain === "" ? since !== undefined : file.domains.has(domain);
  if (!isKnown || hasGraph) {
    return `${nodeText(node)}: operator ${name} is not supported; export the model without it`;
  }
  return since !== undefined && file.opset < since
    ? `${nodeText(node)}: operator ${name} is not supported in the form of operator set ${file.opset}; export the model with opset_version=${since} or newer`
    : undefined;
}

/**
 * Types of a node's outputs as the file declares them.
 *
 * @param sizeOf size of a dimension by its name
 */
export function declaredTypes(
  node: OnnxNode,
  declared: ReadonlyMap<string, OnnxValue>,
  sizeOf: (name: string, axis: number) => Dim,
): ReadonlyMap<string, ValueType> {
  const types = new Map<string, ValueType>();
  for (const output of node.outputs) {
    if (output === "") continue;
    const { type, dims } = declared.get(output) ?? {};
    if (type === undefined || dims === undefined) {
      return turnAway(
        "model.shape_unknown",
        `${nodeText(node)}: operator ${node.operator} has no rule of its own and can only stand in a frozen part, and the file declares no type and shape of its output ${output}; declareShapes learns them by running the model once`,
      );
    }
    types.set(output, {
      type,
      shape: dims.map((dim, axis) => (typeof dim === "number" ? dim : sizeOf(dim, axis))),
    });
  }
  return types;
}
