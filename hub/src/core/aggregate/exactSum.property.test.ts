import { type ParameterDelta, parameterSetOf } from "@attune/protocol";
import fc from "fast-check";
import { expect, it } from "vitest";
import { addendUnitsMax, createExactSum } from "./exactSum.ts";

const base = parameterSetOf([
  { name: "a", dims: [3], data: new Float32Array(3) },
  { name: "b", dims: [2], data: new Float32Array(2) },
]);

const values = (length: number): fc.Arbitrary<Float32Array> =>
  fc
    .array(fc.float({ noNaN: true, min: -8, max: 8 }), { minLength: length, maxLength: length })
    .map((list) => Float32Array.from(list));

interface Weighted {
  readonly delta: ParameterDelta;
  readonly weight: number;
  readonly norm: number;
}

const weighted: fc.Arbitrary<Weighted> = fc
  .record({
    a: fc.option(values(3)),
    b: values(2),
    weight: fc.integer({ min: 1, max: 512 }),
  })
  .map(({ a, b, weight }) => {
    const delta = [...(a === null ? [] : [{ index: 0, values: a }]), { index: 1, values: b }];
    const norm = Math.sqrt(delta.flatMap((t) => [...t.values]).reduce((sum, v) => sum + v * v, 0));
    return { delta, weight, norm };
  });

const clipNorm = 5;

const sumOf = (deltas: readonly Weighted[]) => {
  const sum = createExactSum(base);
  for (const { delta, weight, norm } of deltas) sum.add(delta, weight, norm, clipNorm);
  return sum;
};

it("[HB20] a sum has the same bytes in any order", () => {
  fc.assert(
    fc.property(
      fc
        .array(weighted, { minLength: 1, maxLength: 12 })
        .chain((deltas) =>
          fc.tuple(fc.constant(deltas), fc.shuffledSubarray(deltas, { minLength: deltas.length })),
        ),
      ([deltas, shuffled]) => {
        expect(sumOf(shuffled).bytes()).toEqual(sumOf(deltas).bytes());
        expect(sumOf(shuffled).mean()).toEqual(sumOf(deltas).mean());
      },
    ),
  );
});

it("[HB20] removing a device leaves the sum as if it had never been there", () => {
  fc.assert(
    fc.property(fc.array(weighted, { maxLength: 8 }), weighted, fc.nat(), (deltas, extra, at) => {
      const place = at % (deltas.length + 1);
      const sum = sumOf([...deltas.slice(0, place), extra, ...deltas.slice(place)]);
      sum.remove(extra.delta, extra.weight, extra.norm, clipNorm);
      expect(sum.bytes()).toEqual(sumOf(deltas).bytes());
    }),
  );
});

it("[HB21] the mean equals the mean in exact integers of 2^-40", () => {
  fc.assert(
    fc.property(fc.array(weighted, { minLength: 1, maxLength: 12 }), (deltas) => {
      const totals = [0n, 0n];
      let weights = 0n;
      for (const { delta, weight, norm } of deltas) {
        const factor = norm > clipNorm ? clipNorm / norm : 1;
        weights += BigInt(weight);
        delta
          .find(({ index }) => index === 1)
          ?.values.forEach((value, element) => {
            const steps = BigInt(Math.round(value * factor * 2 ** 40));
            totals[element] = (totals[element] as bigint) + steps * BigInt(weight);
          });
      }
      const mean = sumOf(deltas)
        .mean()
        .find(({ index }) => index === 1);
      totals.forEach((total, element) => {
        const exact = Number(total) / Number(weights) / 2 ** 40;
        expect(mean?.values[element]).toBe(Math.fround(exact) + 0);
      });
    }),
  );
});

it("[HB21] largest weights at the clip norm neither overflow nor lose a step", () => {
  const sum = createExactSum(base);
  const delta = [{ index: 0, values: Float32Array.of(8, -8, 8) }];
  const count = 4096;
  for (let index = 0; index < count; index += 1) sum.add(delta, addendUnitsMax / 8, 8, 8);
  for (let index = 0; index < count - 1; index += 1) sum.remove(delta, addendUnitsMax / 8, 8, 8);
  expect(sum.mean()).toEqual([{ index: 0, values: Float32Array.of(8, -8, 8) }]);
  expect(sum.deltaCount).toBe(1);
});

it("[HB21] a weight that could overflow is a defect, and so is a delta of another shape", () => {
  const sum = createExactSum(base);
  const delta = [{ index: 0, values: Float32Array.of(1, 1, 1) }];
  expect(() => sum.add(delta, addendUnitsMax + 1, 1, 5)).toThrow("aggregate.addend_too_large");
  expect(() => sum.add(delta, 0, 1, 5)).toThrow("aggregate.weight_invalid");
  expect(() => sum.add(delta, 1, Number.NaN, 5)).toThrow("aggregate.addend_too_large");
  expect(() => sum.add([{ index: 1, values: Float32Array.of(1) }], 1, 1, 5)).toThrow(
    "aggregate.shape_mismatch",
  );
});
