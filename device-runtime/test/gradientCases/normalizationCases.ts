// Random cases of normalizations. For tests only.
import fc from "fast-check";
import { float, integer } from "../../src/model/graph/graphEmitter.ts";
import type { GradientCase } from "../gradientCheck.ts";
import { seed, shape, size, small } from "./draws.ts";

const batchNormalization = fc
  .record({ batch: size(3), channels: size(3), spatial: shape(0, 2, 3), seed })
  .map(({ batch, channels, spatial, seed: from }): GradientCase => {
    const variance = small([channels], from + 4, 1);
    return {
      operator: "BatchNormalization",
      inputs: [
        small([batch, channels, ...spatial], from, 1),
        small([channels], from + 1, 1),
        small([channels], from + 2, 1),
        small([channels], from + 3, 1),
        { dims: [channels], data: variance.data.map((value) => value * value + 0.5) },
      ],
      attributes: { epsilon: float(1e-3) },
      wanted: [0, 1, 2],
    };
  });

/** Normalized by the batch: with the running statistics as further outputs, which nothing reads. */
const batchOfTraining = batchNormalization.map((check): GradientCase => {
  const [data, ...others] = check.inputs;
  const dims = data !== null && data !== undefined && "dims" in data ? [...data.dims] : [];
  // Two values at least, and none too near to each other.
  dims[0] = (dims[0] ?? 1) + 1;
  return {
    ...check,
    inputs: [small(dims, 11, 1), ...others],
    attributes: { epsilon: float(0.5), training_mode: integer(1) },
    outputs: [0],
    outputCount: 3,
    namesAllOutputs: true,
  };
});

const instanceNormalization = fc
  .record({ batch: size(3), channels: size(3), spatial: shape(1, 2, 3), seed })
  .map(
    ({ batch, channels, spatial: [first = 1, ...rest], seed: from }): GradientCase => ({
      operator: "InstanceNormalization",
      inputs: [
        small([batch, channels, first + 1, ...rest], from, 1),
        small([channels], from + 1, 1),
        small([channels], from + 2, 1),
      ],
      attributes: { epsilon: float(0.5) },
      wanted: [0, 1, 2],
    }),
  );

const layerNormalization = fc
  .record({
    lead: shape(1, 2, 3),
    own: shape(1, 2, 3),
    isNegative: fc.boolean(),
    hasShift: fc.boolean(),
    seed,
  })
  .map(({ lead, own: [first = 1, ...rest], isNegative, hasShift, seed: from }): GradientCase => {
    const own = [first + 1, ...rest];
    return {
      operator: "LayerNormalization",
      inputs: [
        small([...lead, ...own], from, 1),
        small(own, from + 1, 1),
        ...(hasShift ? [small(own, from + 2, 1)] : []),
      ],
      attributes: {
        axis: integer(isNegative ? -own.length : lead.length),
        epsilon: float(0.5),
      },
      wanted: hasShift ? [0, 1, 2] : [0, 1],
    };
  });

/** Cases by operator. */
export const normalizationCases: Readonly<Record<string, readonly fc.Arbitrary<GradientCase>[]>> = {
  BatchNormalization: [batchNormalization, batchOfTraining],
  InstanceNormalization: [instanceNormalization],
  LayerNormalization: [layerNormalization],
};
