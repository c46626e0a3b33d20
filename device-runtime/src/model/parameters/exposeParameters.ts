// Rewrites a model so that every weight is a float32 initializer of its own, whatever its exporter made of it. It changes how weights are
// stored, not what the model computes.
import type { Outcome } from "@attune/protocol";
import { constantTensor } from "../graph/constantTensor.ts";
import { integerAttribute, nodeText } from "../graph/modelGraph.ts";
import type { ElementType } from "../onnx/elementType.ts";
import { graphField, type ModelFile, readModelFile, writeModelFields } from "../onnx/modelFile.ts";
import { type OnnxNode, writeNode } from "../onnx/nodeMessage.ts";
import { floatTensor, type OnnxTensor, tensorNumbers, writeTensor } from "../onnx/tensorMessage.ts";
import { readValue, writeValue } from "../onnx/valueMessage.ts";
import { bytesField, createWireBudget } from "../onnx/wireFormat.ts";
import { orRefusal, turnAway } from "../turnAway.ts";

/** What to make of weights that a file stores once under several names. */
export interface ExposeOptions {
  /**
   * Whether each `Identity` of an initializer becomes a parameter of its own. False if left out: what shares its values goes on sharing
   * them. PyTorch writes such an `Identity` wherever two parameters happen to be equal at the export, as two fresh normalisations
   * are, and then they should be told apart.
   */
  readonly untie?: boolean;
}

/** Nodes and tensors that change. */
interface Changes {
  readonly nodes: Map<OnnxNode, readonly OnnxNode[]>;
  readonly tensors: Map<string, OnnxTensor>;
}

/**
 * Makes every weight of a model visible to training: what is stored as float16 behind a `Cast`, or as integers behind a
 * `DequantizeLinear`, becomes a float32 initializer of the same name.
 *
 * - Pure, O(bytes). The result is another model with its own digest: expose once, before the model is released.
 *
 * An integer weight gets a `QuantizeLinear` in front, so the model computes what it did and what it will when its trained weights are
 * rounded again: training passes straight through both (quantisation-aware). A bias in int32 is so fine that it stays in float32.
 *
 * @param model bytes of an ONNX file, not trusted
 * @returns the rewritten file; the same bytes where there is nothing to do
 * @see Jacob et al. 2018, section 3, for training through rounding.
 */
export function exposeParameters(
  model: Uint8Array,
  options: ExposeOptions = {},
): Outcome<Uint8Array> {
  return orRefusal(() => {
    const file = readModelFile(model);
    const changes: Changes = { nodes: new Map(), tensors: new Map() };
    const tensors = new Map(file.initializers.map((tensor) => [tensor.name, tensor]));
    for (const node of file.nodes) {
      if (node.operator !== "Constant") continue;
      const tensor = constantTensor(node);
      if (tensor !== undefined) tensors.set(tensor.name, tensor);
    }
    const names = new Set(file.nodes.flatMap((node) => node.outputs));
    for (const node of file.nodes) {
      const stored = tensors.get(node.inputs[0] ?? "");
      if (node.domain !== "" || stored === undefined) continue;
      if (node.operator === "Identity" && options.untie === true) untie(node, stored, changes);
      else if (node.operator === "Cast") widen(node, stored, changes);
      else if (node.operator === "DequantizeLinear") unround(node, stored, tensors, names, changes);
    }
    return changes.nodes.size === 0 ? model : rewritten(file, changes);
  });
}

/** The alias becomes a tensor. */
function untie(node: OnnxNode, stored: OnnxTensor, { nodes, tensors }: Changes): void {
  if (stored.type !== "float32") return;
  const name = node.outputs[0] ?? "";
  nodes.set(node, []);
  tensors.set(name, { ...stored, name });
}

/** The cast's result becomes a tensor, under the name of the one that was cast. */
function widen(node: OnnxNode, stored: OnnxTensor, { nodes, tensors }: Changes): void {
  if (stored.type !== "float16" || integerAttribute(node, "to", 0) !== 1) return;
  nodes.set(node, [renaming(node, stored.name)]);
  tensors.set(stored.name, floatTensor(stored.name, stored.dims, tensorNumbers(stored)));
}

const renaming = (node: OnnxNode, from: string): OnnxNode => ({
  ...node,
  operator: "Identity",
  inputs: [from],
  attributes: new Map(),
});

const roundedTypes: ReadonlySet<ElementType> = new Set(["int8", "uint8", "int16", "uint16"]);

/** The integers become the numbers that they stand for, and are rounded in the graph instead. */
function unround(
  node: OnnxNode,
  stored: OnnxTensor,
  tensors: ReadonlyMap<string, OnnxTensor>,
  names: Set<string>,
  changes: Changes,
): void {
  const scale = tensors.get(node.inputs[1] ?? "");
  const zero = tensors.get(node.inputs[2] ?? "");
  if (scale?.type !== "float32" || integerAttribute(node, "block_size", 0) !== 0) {
    return turnAway(
      "model.operator_unsupported",
      `${nodeText(node)} scales ${stored.name} by blocks or by what it computes; quantise it by tensor or channel`,
    );
  }
  const scales = tensorNumbers(scale);
  const zeros: ArrayLike<number> = zero === undefined ? [] : tensorNumbers(zero);
  const named = integerAttribute(node, "axis", 1);
  const axis = named < 0 ? named + stored.dims.length : named;
  const inner = stored.dims.slice(axis + 1).reduce((product, dim) => product * dim, 1);
  const channels = scales.length;
  const values = Float32Array.from(tensorNumbers(stored), (value, at) => {
    const channel = channels === 1 ? 0 : Math.floor(at / inner) % channels;
    return (value - (zeros[channel] ?? 0)) * (scales[channel] ?? 1);
  });
  changes.tensors.set(stored.name, floatTensor(stored.name, stored.dims, values));
  if (!roundedTypes.has(stored.type)) {
    changes.nodes.set(node, [renaming(node, stored.name)]);
    return;
  }
  let rounded = `${stored.name}/rounded`;
  while (names.has(rounded)) rounded += "_";
  names.add(rounded);
  const settings = {
    domain: "",
    attributes: new Map(node.attributes),
    name: "",
  };
  const zeroPoint = node.inputs.slice(2, 3);
  if (zeroPoint.length === 0) {
    // Without a zero point the node would round to uint8.
    return turnAway(
      "model.operator_unsupported",
      `${nodeText(node)} names no zero point; quantise ${stored.name} with one`,
    );
  }
  changes.nodes.set(node, [
    {
      ...settings,
      operator: "QuantizeLinear",
      inputs: [stored.name, node.inputs[1] ?? "", ...zeroPoint],
      outputs: [rounded],
    },
    { ...node, inputs: [rounded, ...node.inputs.slice(1)] },
  ]);
}

/** The file with these nodes and tensors in the place of its own; everything else byte for byte as it was. */
function rewritten(file: ModelFile, { nodes, tensors }: Changes): Uint8Array {
  const budget = createWireBudget();
  const rest = new Map(tensors);
  let node = 0;
  let tensor = 0;
  const fields = file.graphFields.flatMap((one) => {
    if (one.number === graphField.node) {
      const own = file.nodes[node];
      node += 1;
      const made = own?.operator === "Constant" && tensors.has(own.outputs[0] ?? "");
      const changed = made ? [] : own === undefined ? undefined : nodes.get(own);
      return changed === undefined
        ? [one.encoded]
        : changed.map((each) => bytesField(graphField.node, writeNode(each)));
    }
    if (one.number === graphField.initializer) {
      const own = file.initializers[tensor]?.name ?? "";
      tensor += 1;
      const changed = tensors.get(own);
      rest.delete(own);
      return [
        changed === undefined
          ? one.encoded
          : bytesField(graphField.initializer, writeTensor(changed)),
      ];
    }
    if (one.number === graphField.input || one.number === graphField.valueInfo) {
      const { name } = readValue(one.payload, budget);
      const changed = tensors.get(name);
      if (changed === undefined) return [one.encoded];
      // A list of values would contradict the new type; a list of inputs has to name it.
      return one.number === graphField.input
        ? [bytesField(graphField.input, writeValue(name, "float32", changed.dims))]
        : [];
    }
    return [one.encoded];
  });
  const added = [...rest.values()].map((each) =>
    bytesField(graphField.initializer, writeTensor(each)),
  );
  return writeModelFields(file, [...fields, ...added]);
}
