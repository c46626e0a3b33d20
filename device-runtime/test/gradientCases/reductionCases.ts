// Random cases of reductions over axes. For tests only.
import fc from "fast-check";
import { integer, integers } from "../../src/model/graph/graphEmitter.ts";
import { type CheckedTensor, type GradientCase, spacedValues } from "../gradientCheck.ts";
import { awayFromZero, seed, shape, small } from "./draws.ts";

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

/** The same case on other numbers. */
const on = (
  cases: fc.Arbitrary<GradientCase>,
  values: (dims: readonly number[]) => CheckedTensor,
): fc.Arbitrary<GradientCase> =>
  cases.map((check): GradientCase => {
    const [data, ...others] = check.inputs;
    const dims = data !== null && data !== undefined && "dims" in data ? data.dims : [];
    return { ...check, inputs: [values(dims), ...others] };
  });

/** Numbers from 1 to 2. */
const positive = (dims: readonly number[]): CheckedTensor => {
  const { data } = small(dims, 7, 0.5);
  return { dims, data: data.map((value) => 1.5 + value) };
};

/** Cases by operator. */
export const reductionCases: Readonly<Record<string, readonly fc.Arbitrary<GradientCase>[]>> = {
  ReduceL1: [reduce("ReduceL1")],
  ReduceL2: [on(reduce("ReduceL2"), (dims) => awayFromZero(dims, 5))],
  ReduceLogSum: [on(reduce("ReduceLogSum"), positive)],
  ReduceLogSumExp: [on(reduce("ReduceLogSumExp"), (dims) => small(dims, 3, 1.5))],
  ReduceMax: [reduce("ReduceMax")],
  ReduceMean: [reduce("ReduceMean")],
  ReduceMin: [reduce("ReduceMin")],
  ReduceProd: [on(reduce("ReduceProd"), positive)],
  ReduceSumSquare: [reduce("ReduceSumSquare")],
  ReduceSum: [reduce("ReduceSum")],
};
