// What a slice takes, counted, against the same written as a walk along the axis.
import fc from "fast-check";
import { expect, it } from "vitest";
import { sliceSpan } from "./rearrange.ts";

/** Every index of the axis that the slice takes, in its order, as NumPy has it. */
function walked(size: number, start: number, end: number, step: number): number[] {
  const from = start < 0 ? start + size : start;
  const to = end < 0 ? end + size : end;
  const taken: number[] = [];
  if (step > 0) {
    for (let at = Math.max(0, Math.min(size, from)); at < Math.min(size, to); at += step) {
      taken.push(at);
    }
  } else {
    const stop = end < -size ? -1 : Math.max(-1, to);
    for (let at = Math.max(0, Math.min(size - 1, from)); at > stop; at += step) taken.push(at);
  }
  return taken;
}

it("[TC3] a slice is counted as it is walked", () => {
  const far = fc.constantFrom(-(2 ** 31), -(2 ** 40), 2 ** 31 - 1, 2 ** 40);
  const place = fc.oneof(fc.integer({ min: -14, max: 14 }), far);
  const step = fc.constantFrom(1, 2, 3, 5, 20, -1, -2, -3, -5, -20);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), place, place, step, (size, start, end, by) => {
      const { first, count } = sliceSpan(size, start, end, by);
      expect(Array.from({ length: count }, (_, at) => first + at * by)).toEqual(
        walked(size, start, end, by),
      );
    }),
    { numRuns: 2000, seed: 62 },
  );
});

it("[TC62] an axis of any length costs nothing to slice", () => {
  expect(sliceSpan(1e9, 1, 999_999_999, 1)).toEqual({ first: 1, count: 999_999_998 });
  expect(sliceSpan(1e9, -1, -(2 ** 40), -2)).toEqual({ first: 999_999_999, count: 500_000_000 });
});
