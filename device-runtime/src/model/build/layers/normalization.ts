// Writes normalisations with fresh scales, shifts and statistics. Which of them go by the batch in training is the plan's business.
import { float } from "../../graph/graphEmitter.ts";
import type {
  BatchNormalizationLayer,
  GroupNormalizationLayer,
  LayerNormalizationLayer,
} from "../networkSpec.ts";
import { assertFits, isSize, type LayerValue, type NetworkWriter } from "../networkWriter.ts";

const EPSILON = 1e-5;

const ones = (count: number): Float32Array => new Float32Array(count).fill(1);

/** Over the batch and all sizes of a channel; statistics of nothing yet. */
export function writeBatchNormalization(
  writer: NetworkWriter,
  input: LayerValue,
  layer: BatchNormalizationLayer,
): LayerValue {
  const name = writer.layerName("norm", layer.name);
  const [channels = 0] = input.dims;
  const { momentum = 0.9 } = layer;
  assertFits(
    momentum >= 0 && momentum < 1,
    name,
    `a momentum of ${momentum}; 0 or more, and below 1`,
  );
  const inputs = [
    input.name,
    writer.parameter(`${name}.scale`, [channels], ones(channels)),
    writer.parameter(`${name}.shift`, [channels], new Float32Array(channels)),
    writer.parameter(`${name}.mean`, [channels], new Float32Array(channels)),
    writer.parameter(`${name}.variance`, [channels], ones(channels)),
  ];
  const normalized = writer.emit.node("BatchNormalization", inputs, {
    epsilon: float(EPSILON),
    momentum: float(momentum),
  });
  return { name: normalized, dims: input.dims };
}

/** As exporters write it, because operator set 17 has no operator for it: groups as channels of an instance normalisation. */
export function writeGroupNormalization(
  writer: NetworkWriter,
  input: LayerValue,
  layer: GroupNormalizationLayer,
): LayerValue {
  const { emit } = writer;
  const name = writer.layerName("norm", layer.name);
  const [channels = 0, ...sizes] = input.dims;
  const { groups } = layer;
  assertFits(
    isSize(groups) && channels % groups === 0,
    name,
    `${groups} groups of ${channels} channels; groups divide the channels`,
  );
  const grouped = emit.node("Reshape", [input.name, emit.integers([0, groups, -1])]);
  const even = emit.node(
    "InstanceNormalization",
    [grouped, emit.floats([groups], ones(groups)), emit.floats([groups], new Float32Array(groups))],
    { epsilon: float(EPSILON) },
  );
  const back = emit.node("Reshape", [even, emit.integers([-1, ...input.dims])]);
  const dims = [channels, ...sizes.map(() => 1)];
  const scale = writer.parameter(`${name}.scale`, dims, ones(channels));
  const shift = writer.parameter(`${name}.shift`, dims, new Float32Array(channels));
  return {
    name: emit.node("Add", [emit.node("Mul", [back, scale]), shift]),
    dims: input.dims,
  };
}

/** Over the last axis. */
export function writeLayerNormalization(
  writer: NetworkWriter,
  input: LayerValue,
  layer: LayerNormalizationLayer,
): LayerValue {
  const name = writer.layerName("norm", layer.name);
  const count = input.dims.at(-1) ?? 1;
  const inputs = [
    input.name,
    writer.parameter(`${name}.scale`, [count], ones(count)),
    writer.parameter(`${name}.shift`, [count], new Float32Array(count)),
  ];
  const normalized = writer.emit.node("LayerNormalization", inputs, { epsilon: float(EPSILON) });
  return { name: normalized, dims: input.dims };
}
