// How unusual a score is among all people: the share of normal windows that score as high. It must not know any one person.
import { accept, Defect, type Outcome, refuse } from "@attune/protocol";

/** Steps of scores, with what lies above each among normal windows of people whom the model was not trained on; plain data. */
export interface PopulationScores {
  /** Rising, `(bins,)`. Scores below the first one are in no bin. */
  readonly edges: Float64Array;
  /** Share of normal windows that score an edge or more, each person counted alike, never rising, in `[0, 1]`, `(bins,)`. */
  readonly shares: Float64Array;
  /** People that it rests on. */
  readonly personCount: number;
}

/** Where the steps lie: the shares that a step is wanted for. Fine where a threshold may be, coarse elsewhere. */
const sharesWanted = [
  0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2, 0.17, 0.14, 0.12, 0.1, 0.085, 0.07, 0.06, 0.05,
  0.042, 0.035, 0.03, 0.025, 0.02, 0.016, 0.013, 0.01, 0.008, 0.006, 0.0045, 0.003, 0.002, 0.001,
];

/** Beyond the highest normal score, in units of its distance from the median: a person's own scores are told apart there, too. */
const stepsBeyond = [1e-9, 0.03, 0.07, 0.12, 0.2, 0.3, 0.45, 0.7, 1, 1.5, 2.5, 4, 8, 16];

/** {@link sharesWanted} and {@link stepsBeyond}. */
export const populationBinsMax: number = 64;

/**
 * Measures the scores of all people.
 *
 * - Pure, O(n log n).
 *
 * @param scores finite, of normal windows of people whom the model was not trained on
 * @param persons whose window it is, `(n,)`; one number for all when that is not known
 * @throws {@link Defect} `ood.scores_not_finite`, `ood.scores_missing`
 */
export function measurePopulation(
  scores: ArrayLike<number>,
  persons: ArrayLike<number>,
): PopulationScores {
  if (scores.length === 0 || scores.length !== persons.length) {
    throw new Defect(
      "ood.scores_missing",
      `${scores.length} scores of ${persons.length} windows; one score a window, and at least one`,
    );
  }
  const counts = new Map<number, number>();
  for (let index = 0; index < persons.length; index += 1) {
    const person = persons[index] as number;
    counts.set(person, (counts.get(person) ?? 0) + 1);
  }
  const weighted = Array.from({ length: scores.length }, (_, index) => ({
    score: scores[index] as number,
    weight: 1 / (counts.get(persons[index] as number) as number) / counts.size,
  })).sort((a, b) => b.score - a.score);
  if (!weighted.every(({ score }) => Number.isFinite(score))) {
    throw new Defect("ood.scores_not_finite", "a score is not finite");
  }
  const highest = weighted[0] as { readonly score: number };
  let median = highest.score;
  // From the highest score down: where the share above reaches what is wanted, a step begins.
  const rising: { edge: number; share: number }[] = [];
  let share = 0;
  let next = sharesWanted.length - 1;
  for (let index = 0; index < weighted.length; index += 1) {
    const { score, weight } = weighted[index] as {
      readonly score: number;
      readonly weight: number;
    };
    share += weight;
    if (share < 0.5) median = score;
    const isLastOfTies = weighted[index + 1]?.score !== score;
    if (!isLastOfTies || next < 0 || share < (sharesWanted[next] as number)) continue;
    while (next >= 0 && share >= (sharesWanted[next] as number)) next -= 1;
    rising.unshift({ edge: score, share: Math.min(1, share) });
  }
  // Half of it: the distance of two numbers may be too large for one where a step of it is not.
  const halfSpread = highest.score / 2 - median / 2 || Math.abs(highest.score) / 2 || 0.5;
  for (const step of stepsBeyond) {
    const edge = highest.score + 2 * step * halfSpread;
    if (edge < Number.POSITIVE_INFINITY && edge > (rising.at(-1)?.edge ?? Number.NEGATIVE_INFINITY))
      rising.push({ edge, share: 0 });
  }
  return {
    edges: Float64Array.from(rising, ({ edge }) => edge),
    shares: Float64Array.from(rising, (one) => one.share),
    personCount: counts.size,
  };
}

/**
 * Checks scores from outside.
 *
 * @returns `input.shape_mismatch`, `input.not_finite`
 */
export function checkPopulation(population: PopulationScores): Outcome<PopulationScores> {
  // Whatever came: null has no fields.
  const { edges, shares, personCount } = population ?? {};
  if (
    !(edges instanceof Float64Array && shares instanceof Float64Array) ||
    !(edges.length >= 1 && edges.length <= populationBinsMax) ||
    shares.length !== edges.length ||
    !(Number.isInteger(personCount) && personCount >= 1)
  ) {
    return refuse(
      "input.shape_mismatch",
      `population has ${edges?.length} edges, ${shares?.length} shares and ${personCount} people; 1 to ${populationBinsMax} edges, a share each; measure it again`,
    );
  }
  for (let bin = 0; bin < edges.length; bin += 1) {
    const edge = edges[bin] as number;
    const share = shares[bin] as number;
    const isRising = bin === 0 || edge > (edges[bin - 1] as number);
    const isFalling = bin === 0 || share <= (shares[bin - 1] as number);
    if (!Number.isFinite(edge) || !(share >= 0 && share <= 1) || !isRising || !isFalling) {
      return refuse(
        "input.not_finite",
        `population's step ${bin} is ${edge} with share ${share}: edges rise, shares fall from 1 to 0; measure it again`,
      );
    }
  }
  return accept(population);
}

/** The bin that a score falls into, -1 below the first edge. NaN is as high as can be. O(log bins), allocates nothing. */
export function binOf({ edges }: PopulationScores, score: number): number {
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((edges[middle] as number) > score) high = middle;
    else low = middle + 1;
  }
  return low - 1;
}

/** How far a score lies in its bin, `[0, 1)`; 0 in the last one, which has no end, and 1 for NaN. Allocates nothing. */
export function placeInBin({ edges }: PopulationScores, bin: number, score: number): number {
  const from = edges[bin] as number;
  const to = edges[bin + 1];
  if (Number.isNaN(score)) return 1;
  // Halves: the distance of two numbers may be too large for one.
  return to === undefined ? 0 : (score / 2 - from / 2) / (to / 2 - from / 2);
}
