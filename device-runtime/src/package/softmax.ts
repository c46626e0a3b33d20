// From raw scores to probabilities. It must not choose a class.

/**
 * `softmax(logits / temperature)` of one sample, into the caller's array.
 *
 * - Shape: both hold `classCount` values from their offset on.
 * - Subtracts the largest score first, so large scores do not overflow. NaN in, NaN out.
 * - Allocates nothing.
 *
 * @param temperature `> 0`
 */
export function softmaxInto(
  logits: Float32Array,
  from: number,
  classCount: number,
  temperature: number,
  into: Float32Array,
  to: number,
): void {
  let largest = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < classCount; index += 1) {
    largest = Math.max(largest, logits[from + index] as number);
  }
  let sum = 0;
  for (let index = 0; index < classCount; index += 1) {
    const power = Math.exp(((logits[from + index] as number) - largest) / temperature);
    into[to + index] = power;
    sum += power;
  }
  for (let index = 0; index < classCount; index += 1) {
    into[to + index] = (into[to + index] as number) / sum;
  }
}

/** Index of the largest of `classCount` values from `from` on; the first one of several. */
export function largestIndex(values: Float32Array, from: number, classCount: number): number {
  let best = 0;
  for (let index = 1; index < classCount; index += 1) {
    if ((values[from + index] as number) > (values[from + best] as number)) best = index;
  }
  return best;
}
