// What all gradient cases are drawn from. For tests only.
import fc from "fast-check";
import { type CheckedTensor, spacedValues } from "../gradientCheck.ts";

/** A size from 1. */
export const size = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });
/** Where the numbers of a case begin. */
export const seed: fc.Arbitrary<number> = fc.integer({ min: 1, max: 1e6 });
/** Sizes of all axes. */
export const shape = (minRank: number, maxRank: number, max = 4): fc.Arbitrary<number[]> =>
  fc.array(size(max), { minLength: minRank, maxLength: maxRank });

/** Values scaled down, for operators that saturate. */
export const small = (dims: readonly number[], from: number, scale: number): CheckedTensor => {
  const { data } = spacedValues(dims, from);
  const bound = Math.max(...data.map((value) => Math.abs(value)));
  return { dims, data: data.map((value) => (value / bound) * scale) };
};

/** Numbers between 0.7 and 1.7 of either sign, for operators that are sharp near 0. */
export const awayFromZero = (dims: readonly number[], from: number): CheckedTensor => {
  const { data } = small(dims, from, 1);
  return { dims, data: data.map((value) => value + Math.sign(value) * 0.7) };
};
