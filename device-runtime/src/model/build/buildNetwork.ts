// Makes small networks of layers that are plain data, without Python.
import { assertDefect } from "@attune/protocol";
import type { Random } from "../../ports/random.ts";
import { writeModel } from "../onnx/modelFile.ts";
import { writeValue } from "../onnx/valueMessage.ts";
import { writeActivation } from "./layers/activation.ts";
import { writeConvolution } from "./layers/convolution.ts";
import { writeDense } from "./layers/dense.ts";
import { writeEmbedding } from "./layers/embedding.ts";
import { writeGru } from "./layers/gru.ts";
import { writeDetail, writeNormalization } from "./layers/inputViews.ts";
import {
  writeBatchNormalization,
  writeGroupNormalization,
  writeLayerNormalization,
} from "./layers/normalization.ts";
import { writeGlobalPool, writePool } from "./layers/pool.ts";
import { writeFlatten, writePermute } from "./layers/rearrange.ts";
import type { LayerSpec, NetworkSpec } from "./networkSpec.ts";
import {
  assertFits,
  createNetworkWriter,
  isSize,
  type LayerValue,
  type NetworkWriter,
} from "./networkWriter.ts";

/** Operator set of built models. */
const OPSET = 17;

/**
 * Makes a network with fresh weights.
 *
 * - Input `data` `[batch, ...input]`, int64 where the first layer is an embedding, else float32; output `logits` (or as named) `[batch, ...]`. Parameters are named after their layers:
 *   `conv1.weight`, `norm1.scale`, `gru1.recurrent`, `dense2.bias`, ..., or by the `name` of a layer.
 * - Weights: He-normal where the activation cuts half away and in convolutions, Glorot-uniform in other dense layers, uniform within
 *   `1 / sqrt(units)` in recurrent ones, normal with deviation 1 in tables; biases 0, scales 1,
 *   running means 0 and variances 1.
 * - Deterministic: same spec and same numbers from `random`, same bytes.
 *
 * @returns an ONNX file (operator set 17) that any runtime opens and {@link compileTraining} trains
 * @throws Defect `builder.size_invalid`, `builder.name_invalid`, `builder.normalization_invalid`, `builder.detail_invalid`
 * @example
 * const model = buildNetwork(
 *   {
 *     input: [6, 128],
 *     layers: [
 *       { kind: "convolution", filters: 16, kernel: 5, stride: 2 },
 *       { kind: "groupNormalization", groups: 4 },
 *       { kind: "activation", activation: "relu" },
 *       { kind: "permute", order: [1, 0] },
 *       { kind: "gru", units: 24 },
 *       { kind: "dense", units: 6, name: "head" },
 *     ],
 *   },
 *   createSeededRandom(1),
 * );
 */
export function buildNetwork(spec: NetworkSpec, random: Random): Uint8Array {
  const { input, layers, output = "logits" } = spec;
  assertFits(
    input.length >= 1 && input.length <= 4 && input.every(isSize) && layers.length >= 1,
    "network",
    `an input of shape ${input.join("x")} and ${layers.length} layers; one to four sizes from 1, and at least one layer`,
  );
  const writer = createNetworkWriter(random);
  let value: LayerValue = { name: "data", dims: input };
  if (spec.normalization !== undefined)
    value = writeNormalization(writer, value, spec.normalization);
  if (spec.detail !== undefined) value = writeDetail(writer, value, spec.detail);
  const last = writeLayers(writer, value, layers);
  assertDefect(
    last.name !== "data" && output !== "data" && !output.startsWith("value."),
    "builder.name_invalid",
    `the output is named "${output}"; it can not be "data" or begin with "value.", and some layer must compute it`,
  );
  const named = (name: string): string => (name === last.name ? output : name);
  return writeModel(OPSET, {
    name: "network",
    nodes: writer.emit.nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map(named),
      outputs: node.outputs.map(named),
    })),
    initializers: writer.emit.constants,
    inputs: [
      writeValue("data", layers[0]?.kind === "embedding" ? "int64" : "float32", [
        "batch",
        ...input,
      ]),
    ],
    outputs: [writeValue(output, "float32", ["batch", ...last.dims])],
  });
}

function writeLayers(
  writer: NetworkWriter,
  input: LayerValue,
  layers: readonly LayerSpec[],
): LayerValue {
  return layers.reduce((value, layer) => writeLayer(writer, value, layer), input);
}

function writeLayer(writer: NetworkWriter, input: LayerValue, layer: LayerSpec): LayerValue {
  switch (layer.kind) {
    case "activation": {
      return { ...input, name: writeActivation(writer.emit, input.name, layer.activation) };
    }
    case "averagePool":
    case "maxPool":
      return writePool(writer, input, layer);
    case "batchNormalization":
      return writeBatchNormalization(writer, input, layer);
    case "convolution":
      return writeConvolution(writer, input, layer);
    case "dense":
      return writeDense(writer, input, layer);
    case "embedding":
      return writeEmbedding(writer, input, layer);
    case "flatten":
      return writeFlatten(writer, input);
    case "globalAveragePool":
    case "globalMaxPool":
      return writeGlobalPool(writer, input, layer);
    case "groupNormalization":
      return writeGroupNormalization(writer, input, layer);
    case "gru":
      return writeGru(writer, input, layer);
    case "layerNormalization":
      return writeLayerNormalization(writer, input, layer);
    case "permute":
      return writePermute(writer, input, layer);
    case "residual": {
      const changed = writeLayers(writer, input, layer.layers);
      assertFits(
        changed.dims.join() === input.dims.join() && layer.layers.length > 0,
        "residual",
        `its layers make ${changed.dims.join("x")} of ${input.dims.join("x")}; they must keep the shape`,
      );
      return { ...input, name: writer.emit.node("Add", [input.name, changed.name]) };
    }
    default:
      return layer satisfies never;
  }
}
