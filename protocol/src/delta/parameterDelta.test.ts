import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { baseAndDelta, weight } from "../../test/arbitraryParameters.ts";
import { encodeParameters, parameterSetOf } from "../parameters/parameterSet.ts";
import {
  applyDelta,
  clipDelta,
  deltaBetween,
  deltaNorm,
  type ParameterDelta,
} from "./parameterDelta.ts";

const base = parameterSetOf([
  { name: "a", dims: [2], data: Float32Array.of(1, 2) },
  { name: "b", dims: [1], data: Float32Array.of(-0.5) },
  { name: "c", dims: [1], data: Float32Array.of(7) },
]);
const delta = (index: number, ...values: number[]): ParameterDelta => [
  { index, values: Float32Array.from(values) },
];

describe("the difference of two sets", () => {
  it("[PR32] has the trained tensors only, at their places in the base", () => {
    const trained = parameterSetOf([
      { name: "c", dims: [1], data: Float32Array.of(7.25) },
      { name: "a", dims: [2], data: Float32Array.of(1, 1.5) },
    ]);
    expect(deltaBetween(base, trained)).toStrictEqual([
      { index: 0, values: Float32Array.of(0, -0.5) },
      { index: 2, values: Float32Array.of(0.25) },
    ]);
  });

  it("[PR32] throws a Defect for a tensor that the base has not, or has otherwise", () => {
    for (const name of ["d", "b"]) {
      const trained = parameterSetOf([{ name, dims: [2], data: Float32Array.of(1, 2) }]);
      expect(() => deltaBetween(base, trained)).toThrowError(
        expect.objectContaining({ code: "delta.shape_mismatch" }),
      );
    }
  });
});

describe("application", () => {
  it("[PR32] adds in float32 and leaves the other tensors as they are", () => {
    const applied = applyDelta(base, delta(0, 0.1, 2 ** -30));
    expect(applied[0]?.data).toStrictEqual(Float32Array.of(Math.fround(1 + Math.fround(0.1)), 2));
    expect(applied[1]).toBe(base[1]);
    expect(base[0]?.data).toStrictEqual(Float32Array.of(1, 2));
  });

  it("[PR32] never makes a -0", () => {
    const applied = applyDelta(base, delta(1, 0.5));
    expect(Object.is(applied[1]?.data[0], 0)).toBe(true);
    const zero = parameterSetOf([{ name: "z", dims: [2], data: Float32Array.of(0, 0) }]);
    expect(
      [...(applyDelta(zero, delta(0, -0, -1e-45))[0]?.data ?? [])].map((value) =>
        Object.is(value, -0),
      ),
    ).toStrictEqual([false, false]);
  });

  it("[PR32] throws a Defect for another shape, a place that is none, and a sum that is not finite", () => {
    expect(() => applyDelta(base, delta(0, 1))).toThrowError(
      expect.objectContaining({ code: "delta.shape_mismatch" }),
    );
    expect(() => applyDelta(base, delta(3, 1))).toThrowError(
      expect.objectContaining({ code: "delta.shape_mismatch" }),
    );
    const large = parameterSetOf([{ name: "w", dims: [1], data: Float32Array.of(3.4e38) }]);
    expect(() => applyDelta(large, delta(0, 3.4e38))).toThrowError(
      expect.objectContaining({ code: "delta.result_not_finite" }),
    );
    expect(() => applyDelta(base, delta(1, Number.NaN))).toThrowError(
      expect.objectContaining({ code: "delta.result_not_finite" }),
    );
  });

  it("[PR32] of the same delta to the same base gives the same bits, in whatever buffers they lie", () => {
    fc.assert(
      fc.property(baseAndDelta(weight), ({ base: some, delta: change }) => {
        const shifted = change.map(({ index, values }) => {
          const buffer = new Float32Array(values.length + 3);
          buffer.set(values, 3);
          return { index, values: buffer.subarray(3) };
        });
        const once = applyDelta(some, change);
        expect(encodeParameters(applyDelta(some, shifted))).toStrictEqual(encodeParameters(once));
        // What comes out is canonical: no -0, all finite.
        expect(encodeParameters(parameterSetOf(once))).toStrictEqual(encodeParameters(once));
      }),
    );
  });
});

describe("norm and clip", () => {
  it("[PR34] is Euclidean over all tensors, summed in float64", () => {
    expect(deltaNorm([...delta(0, 3, 0), ...delta(1, 4)])).toBe(5);
    expect(deltaNorm([])).toBe(0);
    expect(deltaNorm(delta(0, 1e30, 1e30))).toBeCloseTo(Math.SQRT2 * 1e30, -24);
    expect(deltaNorm(delta(0, Number.NaN, 1))).toBeNaN();
    expect(deltaNorm(delta(0, Number.POSITIVE_INFINITY, 1))).toBe(Number.POSITIVE_INFINITY);
  });

  it("[PR34] leaves a delta within the norm as it is, to the object", () => {
    const small = delta(0, 3, 4);
    expect(clipDelta(small, 5)).toBe(small);
    expect(clipDelta([], 1)).toStrictEqual([]);
  });

  it("[PR34] brings every longer one to the norm and keeps its direction", () => {
    fc.assert(
      fc.property(
        baseAndDelta(weight),
        fc.double({ min: 1e-3, max: 50, noNaN: true }),
        ({ delta: change }, normMax) => {
          const clipped = clipDelta(change, normMax);
          // Each value is rounded to float32 once.
          expect(deltaNorm(clipped)).toBeLessThanOrEqual(normMax * (1 + 2 ** -23) + 1e-40);
          const factor = Math.min(1, normMax / deltaNorm(change));
          clipped.forEach(({ values }, at) => {
            values.forEach((value, index) => {
              const before = change[at]?.values[index] ?? Number.NaN;
              expect(Math.abs(value - before * factor)).toBeLessThanOrEqual(
                Math.abs(before) * 2 ** -22 + 1e-44,
              );
            });
          });
        },
      ),
    );
  });

  it("[PR34] lets NaN through, for the encoder to stop", () => {
    expect(deltaNorm(clipDelta(delta(0, Number.NaN), 1))).toBeNaN();
    expect(deltaNorm(clipDelta(delta(0, Number.POSITIVE_INFINITY), 1))).toBeNaN();
  });
});
