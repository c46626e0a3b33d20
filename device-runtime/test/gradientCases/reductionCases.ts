// Random cases of reductions over axes. For tests only.
import fc from "fast-check";
import { integer, integers } from "../../src/model/graph/graphEmitter.ts";
import { type GradientCase, spacedValues } from "../gradientCheck.ts";
import { seed, shape } from "./draws.ts";

const reduce = (operator: string) =>
  fc
    .record({
      dims: shape(1, 4),
      picks: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
      keepdims: fc.integer({ min: 0, max: 1 }),
      negative: fc.boolean(),
      seed,
    })
    .map(({ dims, picks, keepdims, negative, seed: from }): GradientCase => {
      const axes = dims
        .map((_, axis) => axis)
        .filter((axis) => picks[axis])
        .map((axis) => (negative ? axis - dims.length : axis));
      const chosen = axes.length === 0 ? [dims.length - 1] : axes;
      const opensBatch = !chosen.some((axis) => axis === 0 || axis === -dims.length);
      const common = { operator, hasOpenBatch: opensBatch };
      return operator === "ReduceSum"
        ? {
            ...common,
            inputs: [spacedValues(dims, from), chosen],
            attributes: { keepdims: integer(keepdims) },
          }
        : {
            ...common,
            inputs: [spacedValues(dims, from)],
            attributes: { keepdims: integer(keepdims), axes: integers(chosen) },
          };
    });

/** Cases by operator. */
export const reductionCases: Readonly<Record<string, readonly fc.Arbitrary<GradientCase>[]>> = {
  ReduceMean: [reduce("ReduceMean")],
  ReduceSum: [reduce("ReduceSum")],
};
