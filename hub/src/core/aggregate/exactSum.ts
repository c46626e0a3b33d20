// The weighted sum of many deltas in exact fixed point, so that neither order nor interruption changes a bit of it.
// It must not know devices, windows or where deltas come from.
import { assertDefect, type ParameterDelta, type ParameterSet } from "@attune/protocol";

/** Fixed-point steps in one unit: 2^40. */
const STEPS_PER_UNIT = 2 ** 40;

/**
 * Where a sum is split in two, each half exact in a double. An addend is at most 2^52 steps (see {@link addendUnitsMax}); its
 * low half is below 2^26 and its high half at most 2^26, so 2^26 addends leave both halves within 2^53.
 */
const SPLIT = 2 ** 26;

/** Largest weight times value: 2^12 units are 2^52 steps, which a double holds exactly. */
export const addendUnitsMax: number = 2 ** 12;

/** Running totals of one tensor, in steps: `high * 2^26 + low`. */
interface TensorSum {
  readonly high: Float64Array;
  readonly low: Float64Array;
}

/**
 * A weighted sum of deltas that can be added to and taken from in any order, with the same result to the bit.
 *
 * Two doubles an element hold more than the 64-bit integer that they stand for, so there is no overflow to rule out.
 */
export interface ExactSum {
  /** Sum of weights. */
  readonly weight: number;
  /** How many deltas are in it. */
  readonly deltaCount: number;
  /**
   * Adds `weight` times a delta, scaled down to `clipNorm` when its norm is above.
   *
   * @param norm the delta's Euclidean norm, from `deltaNorm`
   */
  add(delta: ParameterDelta, weight: number, norm: number, clipNorm: number): void;
  /** Takes out what `add` put in with the same arguments; the rest is as if it had never been there. */
  remove(delta: ParameterDelta, weight: number, norm: number, clipNorm: number): void;
  /** The weighted mean: tensors that no delta touched are left out. Empty when nothing was added. */
  mean(): ParameterDelta;
  /** The exact totals as bytes: equal sums have equal bytes. */
  bytes(): Uint8Array;
}

/**
 * Starts a sum over the tensors of a base.
 *
 * - Memory: 16 bytes a parameter, for the tensors that are touched.
 * - Cost: a few nanoseconds a value, nothing allocated after a tensor's first delta.
 *
 * @throws Defect `aggregate.weight_invalid`, `aggregate.addend_too_large`, `aggregate.shape_mismatch`
 */
export function createExactSum(base: ParameterSet): ExactSum {
  const tensors = new Map<number, TensorSum>();
  let weightSum = 0;
  let deltaCount = 0;

  const accumulate = (
    delta: ParameterDelta,
    weight: number,
    norm: number,
    clipNorm: number,
    sign: 1 | -1,
  ): void => {
    assertDefect(
      Number.isInteger(weight) && weight >= 1,
      "aggregate.weight_invalid",
      `weight is ${weight}, it must be a whole number from 1`,
    );
    assertDefect(
      weight * Math.min(norm, clipNorm) <= addendUnitsMax,
      "aggregate.addend_too_large",
      `weight ${weight} times norm ${Math.min(norm, clipNorm)} is above ${addendUnitsMax}`,
    );
    const factor = norm > clipNorm ? clipNorm / norm : 1;
    for (const { index, values } of delta) {
      const { high, low } = sumOf(index, values.length);
      for (let at = 0; at < values.length; at += 1) {
        // Rounded before it is weighted: a weight of 3 is then exactly three times a weight of 1.
        const steps = sign * weight * Math.round((values[at] as number) * factor * STEPS_PER_UNIT);
        const upper = Math.floor(steps / SPLIT);
        high[at] = (high[at] as number) + upper;
        low[at] = (low[at] as number) + (steps - upper * SPLIT);
      }
    }
    weightSum += sign * weight;
    deltaCount += sign;
  };

  const sumOf = (index: number, length: number): TensorSum => {
    const known = tensors.get(index);
    if (known !== undefined) return known;
    assertDefect(
      base[index]?.data.length === length,
      "aggregate.shape_mismatch",
      `delta has ${length} values for tensor ${index}, the base ${base[index]?.data.length ?? "none"}`,
    );
    const made = { high: new Float64Array(length), low: new Float64Array(length) };
    tensors.set(index, made);
    return made;
  };

  /** Carries, so that equal totals have equal halves: `low` in [0, 2^26). */
  const carry = ({ high, low }: TensorSum): void => {
    for (let at = 0; at < high.length; at += 1) {
      const carried = Math.floor((low[at] as number) / SPLIT);
      high[at] = (high[at] as number) + carried;
      low[at] = (low[at] as number) - carried * SPLIT;
    }
  };

  const inOrder = (): [number, TensorSum][] => {
    const sorted = [...tensors].sort(([a], [b]) => a - b);
    for (const [, sum] of sorted) carry(sum);
    return sorted;
  };

  return {
    get weight() {
      return weightSum;
    },
    get deltaCount() {
      return deltaCount;
    },
    add: (delta, weight, norm, clipNorm) => accumulate(delta, weight, norm, clipNorm, 1),
    remove: (delta, weight, norm, clipNorm) => accumulate(delta, weight, norm, clipNorm, -1),
    mean() {
      if (weightSum === 0) return [];
      return inOrder().map(([index, { high, low }]) => {
        const values = new Float32Array(high.length);
        for (let at = 0; at < values.length; at += 1) {
          const steps = (high[at] as number) * SPLIT + (low[at] as number);
          // Adding 0 turns -0 into 0.
          values[at] = steps / weightSum / STEPS_PER_UNIT + 0;
        }
        return { index, values };
      });
    },
    bytes() {
      const sorted = inOrder().filter(([, { high, low }]) =>
        high.some((value, at) => value !== 0 || low[at] !== 0),
      );
      const valueCount = sorted.reduce((sum, [, { high }]) => sum + high.length, 0);
      const bytes = new Uint8Array(16 + sorted.length * 8 + valueCount * 16);
      const view = new DataView(bytes.buffer);
      view.setFloat64(0, weightSum, true);
      view.setFloat64(8, deltaCount, true);
      let offset = 16;
      for (const [index, { high, low }] of sorted) {
        view.setFloat64(offset, index, true);
        offset += 8;
        for (let at = 0; at < high.length; at += 1) {
          view.setFloat64(offset, high[at] as number, true);
          view.setFloat64(offset + 8, low[at] as number, true);
          offset += 16;
        }
      }
      return bytes;
    },
  };
}
