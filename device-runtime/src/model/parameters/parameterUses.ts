// Which constants of a model are parameters: those that an operator takes as weight, bias, scale, shift or statistic. It needs no
// shapes, so it works on models whose operators cannot be trained.
import { elementCount } from "@attune/protocol";
import { constantTensor } from "../graph/constantTensor.ts";
import type { ModelFile } from "../onnx/modelFile.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { type OnnxTensor, tensorFloats } from "../onnx/tensorMessage.ts";

/**
 * What a parameter does in its layer. Scale and shift are those of a normalisation, a slope is that of a leaky activation. A statistic (mean and
 * variance of a normalisation) is counted, never trained.
 */
export type ParameterRole = "weight" | "bias" | "scale" | "shift" | "slope" | "statistic";

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
  ["ConvTranspose", [undefined, "weight", "bias"]],
  ["GRU", [undefined, "weight", "weight", "bias"]],
  ["Gemm", [undefined, "weight", "bias"]],
  ["GroupNormalization", [undefined, "scale", "shift"]],
  ["InstanceNormalization", [undefined, "scale", "shift"]],
  ["LSTM", [undefined, "weight", "weight", "bias", undefined, undefined, undefined, "weight"]],
  ["LayerNormalization", [undefined, "scale", "shift"]],
  ["PRelu", [undefined, "slope"]],
  ["RNN", [undefined, "weight", "weight", "bias"]],
] as const);

/** Operators behind which a constant is still the same parameter, and a value still the same layer's, seen from another side. */
const views: ReadonlySet<string> = new Set([
  "DequantizeLinear",
  "Identity",
  "QuantizeLinear",
  "Reshape",
  "Squeeze",
  "Transpose",
  "Unsqueeze",
]);

/** Operators whose output is normalised: a constant that multiplies it is a scale. */
const normalizations: ReadonlySet<string> = new Set([
  "GroupNormalization",
  "InstanceNormalization",
  "LayerNormalization",
]);

/** Operators whose bias exporters may write as an `Add` behind them. */
const products: ReadonlySet<string> = new Set(["Conv", "ConvTranspose", "Einsum", "MatMul"]);

/**
 * Lists the uses of all parameters in execution order.
 *
 * - `Add` with a constant is a bias where it follows a product without one, as exporters write a dense layer on more than two axes, or a lookup in
 *   a table, as they write positions. Where the product is reshaped or transposed first, it is one if it has a number a channel.
 * - `Mul` and `Add` with constants are scale and shift where they follow a normalisation, also one written out in primitives: a division
 *   by a computed square root. So exporters write group and layer normalisation. With the reciprocal of a root, the scale multiplies that, and what
 *   the scaled mean is taken from is the shift.
 * - An `InstanceNormalization` behind a `Reshape` that scales by 1 and shifts by 0 is half of such a group normalisation, and has none itself.
 *
 * Constants elsewhere (normalisation of the input, factors, shapes) are no parameters.
 */
export function parameterUses(file: ModelFile): ParameterUse[] {
  const tensors = new Map(
    [...file.initializers, ...constantsOf(file)]
      .filter((tensor) => tensor.type === "float32")
      .map((tensor) => [tensor.name, tensor]),
  );
  // What a name shows when views are looked through.
  const seen = new Map<string, OnnxTensor>(tensors);
  const makers = new Map(file.nodes.flatMap((node) => node.outputs.map((name) => [name, node])));
  const placeCounts = new Map(
    [...file.initializers, ...constantsOf(file)].map(({ name, dims }) => [
      name,
      elementCount(dims),
    ]),
  );
  // Values to which a constant may be added as a bias, the same seen from another side, values that are normalised, and what values are
  // multiplied by to be so, by their layer.
  const unbiased = new Map<string, number>();
  const turned = new Map<string, number>();
  const normalized = new Map<string, number>();
  const inverse = new Map<string, number>();
  const uses: ParameterUse[] = [];
  let layer = -1;
  for (const node of file.nodes) {
    if (node.domain !== "") continue;
    const [first = "", second = ""] = node.inputs;
    const [output = ""] = node.outputs;
    const use = (name: string, role: ParameterRole, at: number, data: string): void => {
      const tensor = seen.get(name);
      if (tensor !== undefined) uses.push({ tensor, role, layer: at, node, data });
    };
    const here = (): number => Math.max(layer, 0);
    if (views.has(node.operator)) {
      const viewed = seen.get(first);
      if (viewed !== undefined) seen.set(output, viewed);
      copy(normalized, first, normalized, output);
      copy(inverse, first, inverse, output);
      copy(unbiased, first, turned, output);
      copy(turned, first, turned, output);
    } else if (node.operator === "MatMul" || node.operator === "Einsum") {
      const [weight, data] = seen.has(second) ? [second, first] : [first, second];
      if (node.inputs.length !== 2 || !seen.has(weight)) continue;
      layer += 1;
      use(weight, "weight", layer, data);
      unbiased.set(output, layer);
    } else if (node.operator === "Add" || node.operator === "Mul") {
      const [constant, data] = seen.has(second) ? [second, first] : [first, second];
      const at = normalized.get(data);
      if (node.operator === "Mul") {
        const reciprocal = inverse.get(data);
        if (!seen.has(constant)) {
          copy(inverse, first, normalized, output);
          copy(inverse, second, normalized, output);
        } else if (isAChannel(constant)) {
          const scaled = at ?? reciprocal;
          if (scaled === undefined) continue;
          use(constant, "scale", scaled, data);
          (at === undefined ? inverse : normalized).set(output, scaled);
        }
        continue;
      }
      const biased = unbiased.get(data) ?? (isARow(constant) ? turned.get(data) : undefined);
      if (at !== undefined && isAChannel(constant)) use(constant, "shift", at, data);
      else if (biased !== undefined) use(constant, "bias", biased, "");
    } else if (node.operator === "Sub" && normalized.has(second)) {
      if (isAChannel(first)) use(first, "shift", normalized.get(second) ?? 0, second);
    } else if (node.operator === "Reciprocal" && makers.get(first)?.operator === "Sqrt") {
      inverse.set(output, here());
    } else if (node.operator === "Gather") {
      // A table of vectors, which are looked up by what the data gives, or by places that are the same for all samples.
      const table = seen.get(first);
      if (table?.dims.length !== 2 || !looksUp(second)) continue;
      layer += 1;
      use(first, "weight", layer, second);
      unbiased.set(output, layer);
    } else if (node.operator === "Div" && makers.get(second)?.operator === "Sqrt") {
      normalized.set(output, here());
    } else {
      if (normalizations.has(node.operator)) normalized.set(output, here());
      if (node.operator === "InstanceNormalization" && isHalfOfGroup(node)) continue;
      const roles = slots.get(node.operator) ?? [];
      if (roles.some((role, index) => role === "weight" && seen.has(node.inputs[index] ?? ""))) {
        layer += 1;
      }
      roles.forEach((role, index) => {
        if (role !== undefined) use(node.inputs[index] ?? "", role, here(), first);
      });
      if (products.has(node.operator) && (node.inputs[2] ?? "") === "" && seen.has(second)) {
        unbiased.set(output, layer);
      }
    }
  }
  return uses;

  /** Whether places are many: one constant place takes a row, as the last of a sequence, and is no table's lookup. */
  function looksUp(name: string): boolean {
    const size = placeCounts.get(name);
    return size === undefined || size > 1;
  }

  /** Whether a constant can scale or shift channels: a single number is a factor or an offset, and no parameter. */
  function isAChannel(name: string): boolean {
    const tensor = seen.get(name);
    return tensor !== undefined && elementCount(tensor.dims) > 1;
  }

  /** Whether a constant has a number a channel and is the same along all other axes, as a bias is and a table of places is not. */
  function isARow(name: string): boolean {
    const { dims = [] } = seen.get(name) ?? {};
    return dims.filter((dim) => dim !== 1).length <= 1;
  }

  function isHalfOfGroup(node: OnnxNode): boolean {
    const all = (name: string | undefined, value: number): boolean => {
      const tensor = seen.get(name ?? "");
      return tensor === undefined || tensorFloats(tensor).every((one) => one === value);
    };
    return (
      makers.get(node.inputs[0] ?? "")?.operator === "Reshape" &&
      all(node.inputs[1], 1) &&
      all(node.inputs[2], 0)
    );
  }
}

function copy(
  from: ReadonlyMap<string, number>,
  name: string,
  to: Map<string, number>,
  output: string,
): void {
  const layer = from.get(name);
  if (layer !== undefined) to.set(output, layer);
}

/** Tensors in `Constant` nodes, as which some exporters write weights. */
function constantsOf(file: ModelFile): OnnxTensor[] {
  return file.nodes
    .filter((node) => node.operator === "Constant" && node.domain === "")
    .map(constantTensor)
    .filter((tensor) => tensor !== undefined);
}
