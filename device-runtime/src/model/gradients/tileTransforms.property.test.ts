// The transforms of tiles: what they compute is a correlation, and as exact as it is said to be.
import fc from "fast-check";
import { expect, it } from "vitest";
import { createTileTransforms } from "./tileTransforms.ts";

/** Rows of a matrix times a vector, in float32 as an engine does it. */
const times = (matrix: Float32Array, values: ArrayLike<number>): Float32Array =>
  Float32Array.from({ length: matrix.length / values.length }, (_, row) => {
    let sum = 0;
    for (let at = 0; at < values.length; at += 1) {
      const part = (matrix[row * values.length + at] ?? 0) * (values[at] ?? 0);
      sum = Math.fround(sum + Math.fround(part));
    }
    return sum;
  });

const numbers = (length: number): fc.Arbitrary<number[]> =>
  fc.array(fc.float({ min: -1, max: 1, noNaN: true, noDefaultInfinity: true }), {
    minLength: length,
    maxLength: length,
  });

const tile = fc
  .record({ size: fc.integer({ min: 1, max: 4 }), kernel: fc.integer({ min: 1, max: 8 }) })
  .filter(({ size, kernel }) => size + kernel <= 9)
  .chain(({ size, kernel }) =>
    fc.record({
      size: fc.constant(size),
      data: numbers(size + kernel - 1),
      weight: numbers(kernel),
    }),
  );

it("[TC51] tiles of any size up to eight inputs correlate, within 1e-5 of numbers up to 1", () => {
  fc.assert(
    fc.property(tile, ({ size, data, weight }) => {
      const transforms = createTileTransforms(size, weight.length);
      const ofData = times(transforms.data, data);
      const ofWeight = times(transforms.weight, weight);
      for (let at = 0; at < size; at += 1) {
        let found = 0;
        ofData.forEach((value, point) => {
          const product = Math.fround(value * (ofWeight[point] ?? 0));
          found = Math.fround(found + product * (transforms.output[point * size + at] ?? 0));
        });
        const expected = weight.reduce((sum, one, tap) => sum + one * (data[at + tap] ?? 0), 0);
        expect(Math.abs(found - expected)).toBeLessThanOrEqual(1e-5);
      }
    }),
    { numRuns: 2000, seed: 18 },
  );
});

it("[TC51] two outputs of a kernel of three: the matrices of Lavin and Gray 2016, equation 7, but for signs that cancel", () => {
  const { data, weight, output } = createTileTransforms(2, 3);
  const plain = (values: Float32Array): number[] => Array.from(values, (value) => value + 0);
  expect(plain(output)).toEqual([1, 0, 1, 1, 1, -1, 0, 1]);
  expect(plain(data)).toEqual([-1, 0, 1, 0, 0, 1, 1, 0, 0, -1, 1, 0, 0, -1, 0, 1]);
  expect(plain(weight)).toEqual([-1, 0, 0, 0.5, 0.5, 0.5, 0.5, -0.5, 0.5, 0, 0, 1]);
});
