// Random cases of normalizations. For tests only.
import fc from "fast-check";
import { float } from "../../src/model/graph/graphEmitter.ts";
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

/** Cases by operator. */
export const normalizationCases: Readonly<Record<string, readonly fc.Arbitrary<GradientCase>[]>> = {
  BatchNormalization: [batchNormalization],
};
