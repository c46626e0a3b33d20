// Which true shares of classes explain the predicted ones. It must not know which prediction was right.
import { accept, type Outcome, refuse } from "@attune/protocol";

/**
 * Estimates the shares of true classes from how often each was predicted, when only the shares changed and not the looks of a class.
 *
 * - Shape: `confusion` is `(K, K)`, row the truth, column the prediction, counts of people that the model was not trained on;
 *   `predictedCounts` is `(K,)`. Returns `(K,)`, 0 or more, adding up to 1. Pure, O(steps · K²).
 *
 * Maximum likelihood by expectation maximisation with squared extrapolation; it stays within the possible shares where the matrix cannot be inverted. It
 * ends where no other shares are likelier by more than 1e-8 nats an observation.
 *
 * @returns the shares, or `input.shape_mismatch`, `input.not_finite`.
 * @example
 * const shares = labelShares([[9, 1], [2, 8]], [55, 45]);
 * shares.ok && shares.value[0]; // => ≈ 0.5
 * @see Saerens, Latinne and Decaestecker 2002, "Adjusting the outputs of a classifier to new a priori probabilities"; Lipton, Wang
 *   and Smola 2018, "Detecting and correcting for label shift with black box predictors". Deviation: the first's iteration on the
 *   second's confusion matrix of hard predictions. Varadhan and Roland 2008, "Simple and globally convergent methods for accelerating the convergence of
 *   any EM algorithm", scheme S3.
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
  const observed = predictedCounts.map((count) => count / total);
  let shares: readonly number[] = predictedCounts.map(() => 1 / classCount);
  for (let step = 0; step < stepMax; step++) {
    const weights = weightsOf(shares, rates, observed);
    // Of all shares, none makes the counts likelier than these by more: the likelihood is concave.
    if (Math.max(...weights) - 1 < likelihoodGap) return accept([...shares]);
    const first = reweighted(shares, weights);
    const second = reweighted(first, weightsOf(first, rates, observed));
    shares = leapOf(shares, first, second, (next) => likelihoodOf(next, rates, observed));
  }
  return accept([...shares]);
}

/** Per observation, in nats: far below what any count can tell. */
const likelihoodGap = 1e-8;
/** With leaps it takes dozens where predictions depend on the truth, hundreds and seldom thousands where they hardly do; 2 of 20,000
 * random cases are then still within 1e-6. */
const stepMax = 10_000;

/** How much likelier one more share of each true class would make the predictions; 1 on average. */
function weightsOf(
  shares: readonly number[],
  rates: readonly (readonly number[])[],
  observed: readonly number[],
): number[] {
  const chances = observed.map((_, label) =>
    sumOf(shares.map((share, truth) => share * rateOf(rates, truth, label))),
  );
  // What no class in question is ever predicted as tells nothing of them.
  const explained = sumOf(observed.filter((_, label) => (chances[label] as number) > 0));
  if (explained === 0) return shares.map(() => 1);
  return shares.map((_, truth) =>
    sumOf(
      observed.map((share, label) => {
        const chance = chances[label] as number;
        return chance > 0 ? (share * rateOf(rates, truth, label)) / chance / explained : 0;
      }),
    ),
  );
}

function reweighted(shares: readonly number[], weights: readonly number[]): number[] {
  const next = shares.map((share, truth) => share * (weights[truth] as number));
  const sum = sumOf(next);
  return next.map((share) => share / sum);
}

/** Where two steps point to, as far on as their shrinking allows and the likelihood rises: squared extrapolation. */
function leapOf(
  start: readonly number[],
  first: readonly number[],
  second: readonly number[],
  likelihood: (shares: readonly number[]) => number,
): readonly number[] {
  const moved = first.map((share, truth) => share - (start[truth] as number));
  const turned = second.map(
    (share, truth) => share - 2 * (first[truth] as number) + (start[truth] as number),
  );
  const turn = Math.hypot(...turned);
  if (turn === 0) return second;
  const least = likelihood(second);
  for (let reach = Math.hypot(...moved) / turn; reach > 1; reach = reach / 2) {
    const leap = start.map(
      (share, truth) =>
        share + 2 * reach * (moved[truth] as number) + reach * reach * (turned[truth] as number),
    );
    const staysInside = leap.every((share, truth) => share >= leapMin * (second[truth] as number));
    if (!staysInside) continue;
    // Rounding of the start would grow by the square of the reach.
    const sum = sumOf(leap);
    const next = leap.map((share) => share / sum);
    if (likelihood(next) >= least) return next;
  }
  return second;
}

/** A leap leaves at least so much of a share: one that is close to 0 takes long to rise again. */
const leapMin = 0.1;

function likelihoodOf(
  shares: readonly number[],
  rates: readonly (readonly number[])[],
  observed: readonly number[],
): number {
  return sumOf(
    observed.map((share, label) => {
      const chance = sumOf(shares.map((one, truth) => one * rateOf(rates, truth, label)));
      return share === 0 || chance === 0 ? 0 : share * Math.log(chance);
    }),
  );
}

function rateOf(rates: readonly (readonly number[])[], truth: number, label: number): number {
  return (rates[truth] as readonly number[])[label] as number;
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
