// Generators of parameter sets and of deltas against them. Tests only.
import fc from "fast-check";
import type { ParameterDelta } from "../src/delta/parameterDelta.ts";
import {
  elementCount,
  type ParameterSet,
  type ParameterTensor,
  parameterSetOf,
} from "../src/parameters/parameterSet.ts";

/** Finite float32 values of every size, -0 and denormals among them. */
export const finite: fc.Arbitrary<number> = fc.float({ noNaN: true, noDefaultInfinity: true });

/** What weights look like. */
export const weight: fc.Arbitrary<number> = fc.float({ min: -16, max: 16, noNaN: true });

const tensorOf = (value: fc.Arbitrary<number>): fc.Arbitrary<ParameterTensor> =>
  fc
    .tuple(
      fc.string({ unit: "grapheme", maxLength: 8 }),
      fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
    )
    .chain(([name, dims]) => {
      const length = elementCount(dims);
      return fc
        .array(value, { minLength: length, maxLength: length })
        .map((data) => ({ name, dims, data: Float32Array.from(data) }));
    });

/** Tensors in any order, each name once. */
export const tensors = (value: fc.Arbitrary<number>): fc.Arbitrary<ParameterTensor[]> =>
  fc.uniqueArray(tensorOf(value), { selector: ({ name }) => name, maxLength: 5 });

/** A base, and a delta for some of its tensors. */
export const baseAndDelta = (
  value: fc.Arbitrary<number>,
): fc.Arbitrary<{ base: ParameterSet; delta: ParameterDelta }> =>
  tensors(weight)
    .map(parameterSetOf)
    .chain((base) =>
      fc
        .tuple(
          ...base.map(({ data }, index) =>
            fc.option(
              fc
                .array(value, { minLength: data.length, maxLength: data.length })
                .map((values) => ({ index, values: Float32Array.from(values) })),
              { nil: undefined },
            ),
          ),
        )
        .map((changes) => ({ base, delta: changes.filter((change) => change !== undefined) })),
    );
