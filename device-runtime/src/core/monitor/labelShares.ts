// Which true shares of classes explain the predicted ones. It must not know which prediction was right.
import { accept, type Outcome, refuse } from "@attune/protocol";

/**
 * Estimates the shares of true classes from how often each was predicted, when only the shares changed and not the looks of a class.
 *
 * - Shape: `confusion` is `(K, K)`, row the truth, column the prediction, counts of people that the model was not trained on;
 *   `predictedCounts` is `(K,)`. Returns `(K,)`, 0 or more, adding up to 1. Pure, O(steps · K²).
 *
 * Maximum likelihood by expectation maximisation, which stays within the possible shares where the matrix cannot be inverted.
 *
 * @returns the shares, or `input.shape_mismatch`, `input.not_finite`.
 * @example
 * const shares = labelShares([[9, 1], [2, 8]], [55, 45]);
 * shares.ok && shares.value[0]; // => ≈ 0.5
 * @see Saerens, Latinne and Decaestecker 2002, "Adjusting the outputs of a classifier to new a priori probabilities"; Lipton, Wang
 *   and Smola 2018, "Detecting and correcting for label shift with black box predictors". Deviation: the first's iteration on the
 *   second's confusion matrix of hard predictions.
 */
export function labelShares(
  confusion: readonly (readonly number[])[],
  predictedCounts: readonly number[],
): Outcome<number[]> {
  const classCount = predictedCounts.length;
  if (
    classCount < 2 ||
    confusion.length !== classCount ||
    !confusion.every((row) => row.length === classCount)
  ) {
    return refuse(
      "input.shape_mismatch",
      `confusion of ${confusion.length} rows for ${classCount} classes; pass one row and column a class, two classes or more`,
    );
  }
  const all = [...predictedCounts, ...confusion.flat()];
  const total = sumOf(predictedCounts);
  if (!all.every((count) => count >= 0 && count < Number.POSITIVE_INFINITY) || !(total > 0)) {
    return refuse("input.not_finite", "counts must be finite, 0 or more, and not all 0");
  }
  // A class that was never seen is taken to be predicted as itself.
  const rates = confusion.map((row, truth) => {
    const sum = sumOf(row);
    return row.map((count, label) => (sum > 0 ? count / sum : label === truth ? 1 : 0));
  });
  let shares = predictedCounts.map(() => 1 / classCount);
  for (let step = 0; step < stepMax; step++) {
    const next = shares.map(() => 0);
    for (let label = 0; label < classCount; label++) {
      const chance = sumOf(shares.map((share, truth) => share * rateOf(rates, truth, label)));
      if (chance === 0) continue;
      shares.forEach((share, truth) => {
        const part = (share * rateOf(rates, truth, label)) / chance;
        next[truth] = (next[truth] as number) + (part * (predictedCounts[label] as number)) / total;
      });
    }
    const sum = sumOf(next);
    if (!(sum > 0)) break;
    const moved = next.reduce(
      (most, share, truth) => Math.max(most, Math.abs(share / sum - (shares[truth] as number))),
      0,
    );
    shares = next.map((share) => share / sum);
    if (moved < 1e-10) break;
  }
  return accept(shares);
}

/** It converges linearly; at six classes with 5 % confusion, some dozens. */
const stepMax = 2000;

function rateOf(rates: readonly (readonly number[])[], truth: number, label: number): number {
  return (rates[truth] as readonly number[])[label] as number;
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
