import { Defect } from "@attune/protocol";
import fc from "fast-check";
import { expect, it } from "vitest";
import { believedCount } from "./eBenjaminiHochberg.ts";

it("[LC84] one certain series is believed by itself, several by less each, none by none", () => {
  expect(believedCount([39, 0, 0, 0], 0.1)).toBe(0);
  expect(believedCount([40, 0, 0, 0], 0.1)).toBe(1);
  expect(believedCount([20, 20, 0, 0], 0.1)).toBe(2);
  expect(believedCount([10, 10, 10, 10], 0.1)).toBe(4);
  expect(believedCount([Number.POSITIVE_INFINITY, 1], 0.01)).toBe(1);
  expect(believedCount([], 0.1)).toBe(0);
});

it("[LC84] at most alpha of what is believed is false on average, whatever the dependence", () => {
  // Fair e-values that are all alike: 100 with one chance in a hundred.
  let falseShare = 0;
  for (let draw = 0; draw < 100; draw++) {
    const evidences = Array.from({ length: 10 }, () => (draw === 0 ? 100 : 0));
    falseShare += believedCount(evidences, 0.05) > 0 ? 0.01 : 0;
  }
  expect(falseShare).toBeLessThanOrEqual(0.05);
});

it("[LC84] more evidence never believes less", () => {
  const evidence = fc.double({ min: 0, max: 1e6, noNaN: true });
  fc.assert(
    fc.property(fc.array(evidence, { minLength: 1 }), fc.nat(), evidence, (values, pick, more) => {
      const raised = [...values];
      const at = pick % values.length;
      raised[at] = (raised[at] as number) + more;
      expect(believedCount(raised, 0.1)).toBeGreaterThanOrEqual(believedCount(values, 0.1));
    }),
  );
});

it("[LC84] levels and evidences that cannot be are defects", () => {
  expect(() => believedCount([1], 0)).toThrow(Defect);
  expect(() => believedCount([-1], 0.1)).toThrow(Defect);
  expect(() => believedCount([Number.NaN, 2], 0.1)).toThrow(Defect);
});
