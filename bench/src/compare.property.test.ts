import fc from "fast-check";
import { expect, test } from "vitest";
import { spreadOf } from "./compare.ts";

const samples = fc.array(fc.double({ min: -1e9, max: 1e9, noNaN: true }), { minLength: 1 });

test("the five numbers of a spread are in order and inside the sample", () => {
  fc.assert(
    fc.property(samples, (values) => {
      const { min, lowerQuartile, median, upperQuartile, max } = spreadOf(values);
      const order = [min, lowerQuartile, median, upperQuartile, max];
      expect(order).toEqual(order.toSorted((a, b) => a - b));
      expect(min).toBe(Math.min(...values) + 0);
      expect(max).toBe(Math.max(...values) + 0);
    }),
  );
});

test("a spread does not depend on the order and leaves the sample alone", () => {
  fc.assert(
    fc.property(samples, (values) => {
      const before = [...values];
      expect(spreadOf(values.toReversed())).toEqual(spreadOf(values));
      expect(values).toEqual(before);
    }),
  );
});
