// Which constants of a model are parameters: those that an operator takes as weight, bias, scale, shift or statistic. It needs no
// shapes, so it works on models whose operators cannot be trained.
import type { ModelFile } from "../onnx/modelFile.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import type { OnnxTensor } from "../onnx/tensorMessage.ts";

/** What a parameter does in its layer. A statistic (mean and variance of a normalisation) is counted, never trained. */
export type ParameterRole = "weight" | "bias" | "scale" | "shift" | "statistic";

/** One constant in one place. */
export interface ParameterUse {
  readonly tensor: OnnxTensor;
  readonly role: ParameterRole;
  /** Layers count from 0 at the input; a weight begins a new one, and what follows it belongs to it. */
  readonly layer: number;
  readonly node: OnnxNode;
  /** Name of the value that the layer works on. */
  readonly data: string;
}

/** Roles of the inputs of operators whose parameters stand in fixed places. Input 0 is the data. */
const slots: ReadonlyMap<string, readonly (ParameterRole | undefined)[]> = new Map([
  ["BatchNormalization", [undefined, "scale", "shift", "statistic", "statistic"]],
  ["Conv", [undefined, "weight", "bias"]],
  ["Gemm", [undefined, "weight", "bias"]],
] as const);

/** Operators behind which a constant is still the same parameter, seen from another side. */
const views: ReadonlySet<string> = new Set(["Identity", "Reshape", "Transpose"]);

/**
 * Lists the uses of all parameters in execution order.
 *
 * `Add` with a constant is a bias where it follows a `MatMul`, as exporters write a dense layer on more than two axes. Constants elsewhere
 * (normalisation of the input, scales, shapes) are no parameters.
 */
export function parameterUses(file: ModelFile): ParameterUse[] {
  const tensors = new Map(
    file.initializers
      .filter((tensor) => tensor.type === "float32")
      .map((tensor) => [tensor.name, tensor]),
  );
  // What a name shows when views are looked through.
  const seen = new Map<string, OnnxTensor>(tensors);
  const matMulLayers = new Map<string, number>();
  const uses: ParameterUse[] = [];
  let layer = -1;
  for (const node of file.nodes) {
    if (node.domain !== "") continue;
    const [first = "", second = ""] = node.inputs;
    const [output = ""] = node.outputs;
    const viewed = views.has(node.operator) ? seen.get(first) : undefined;
    if (viewed !== undefined) seen.set(output, viewed);
    const use = (name: string, role: ParameterRole, at: number, data: string): void => {
      const tensor = seen.get(name);
      if (tensor !== undefined) uses.push({ tensor, role, layer: at, node, data });
    };
    if (node.operator === "MatMul") {
      const [weight, data] = seen.has(second) ? [second, first] : [first, second];
      if (!seen.has(weight)) continue;
      layer += 1;
      use(weight, "weight", layer, data);
      matMulLayers.set(output, layer);
    } else if (node.operator === "Add") {
      const at = matMulLayers.get(first) ?? matMulLayers.get(second);
      if (at !== undefined) use(matMulLayers.has(first) ? second : first, "bias", at, "");
    } else {
      const roles = slots.get(node.operator) ?? [];
      if (roles.some((role, index) => role === "weight" && seen.has(node.inputs[index] ?? ""))) {
        layer += 1;
      }
      roles.forEach((role, index) => {
        if (role !== undefined) use(node.inputs[index] ?? "", role, Math.max(layer, 0), first);
      });
    }
  }
  return uses;
}
