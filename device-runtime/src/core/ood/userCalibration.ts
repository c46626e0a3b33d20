// How unusual a window is for this person, with what is known of all people as long as little is known of the person. It must not know how
// scores are made, nor what follows.
import { Defect } from "@attune/protocol";
import { type RateInterval, wilsonInterval } from "../monitor/rate.ts";
import { binOf, type PopulationScores, placeInBin } from "./populationScores.ts";

/** How a person's own scores count; plain data of a model package. */
export interface PersonalRule {
  /** The population weighs as much as so many independent windows of the person, `> 0`. */
  readonly priorCount: number;
  /** After so many windows a window counts half, `>= 1`. */
  readonly halfLifeWindows: number;
  /** So many first windows are not counted in the re-check, `>= 0`. */
  readonly baselineWindows: number;
  /** Outliers that are more than this share of a person's windows are no events but what the person is like, `(0, 1]`. */
  readonly commonShare: number;
  /** An outlier counts so often then, `>= 1`. */
  readonly commonWeight: number;
}

/** All that is remembered of a person's scores; plain data. */
export interface UserCalibrationState {
  /** Left out before states had versions, which is the first. */
  readonly version?: 1;
  /** Of the population that the bins are of: under another model they say nothing. */
  readonly edges: Float64Array;
  /** Weight of the person's own windows in each of the population's bins. */
  readonly bins: Float64Array;
  /** Of all own windows, outliers that are common counted as often as the rule says. */
  readonly weight: number;
  /** Of all own windows, each counted once, and of the outliers among them. */
  readonly windowWeight: number;
  readonly outlierWeight: number;
  /** Place of the last window among all people's, `[0, 1]`, and the running moments that give how alike neighbours are. */
  readonly lastPlace: number;
  readonly placeSum: number;
  readonly squareSum: number;
  readonly productSum: number;
  readonly windowCount: number;
  readonly checkedCount: number;
  readonly flaggedCount: number;
}

/** What can be told about a person's calibration. */
export interface UserCalibrationReport {
  readonly windowCount: number;
  /** Independent windows that the person's own scores are worth now. */
  readonly effectiveCount: number;
  /** Windows in a row that count as one. */
  readonly windowsPerEffective: number;
  /** Re-check: windows after the baseline, and how many of them were called outliers. */
  readonly checkedCount: number;
  readonly flaggedCount: number;
  /** Where the person's share of outliers lies, with 95 %, by effective windows. */
  readonly flaggedShare: RateInterval;
  /** The share is not above the stated level, as far as can be told. */
  readonly holds: boolean;
}

/** One person's scores. One owner. */
export interface UserCalibration {
  /**
   * Takes in one score.
   *
   * - Allocates nothing; O(bins), some fifty nanoseconds.
   *
   * @param score NaN counts as unusual as can be
   * @returns the share of normal windows of this person that score as high, as far as is known, `[0, 1]`
   */
  observe(score: number): number;
  report(): UserCalibrationReport;
  state(): UserCalibrationState;
  /** Another model scores: with other steps everything is learned anew, with the same nothing changes. */
  follow(population: PopulationScores): void;
}

/**
 * While outliers are rare the population weighs as much as 100 windows that resemble each other like HAPT's, so that events do not become normal by
 * happening; once a tenth of the windows are outliers they count four times, and some minutes make them normal. Each of the values is what a rule
 * chose inside of folds of people who did not judge it (docs/adr/0015-two-distances-by-default.md).
 */
export const defaultPersonalRule: PersonalRule = {
  priorCount: 25,
  halfLifeWindows: 300,
  baselineWindows: 100,
  commonShare: 0.1,
  commonWeight: 4,
};

/** Normal windows that are taken to have been before the first: the share of outliers of a few windows says nothing. */
const windowsBefore = 50;

/** What neighbours are taken to be like before the person has shown it: four windows in a row count as one. */
const likenessPrior = 0.6;
/** In windows. */
const likenessPriorCount = 50;
/** Variance of a place that is anywhere alike. */
const placeVariance = 1 / 12;
/** 64 windows in a row as one at most: a person who sits all day is still more than one observation. */
const likenessMax = 63 / 65;

/**
 * Creates the calibration of one person, or goes on from a state.
 *
 * - State: two numbers a bin, under 1 KB.
 *
 * The p-value is a mixture of two shares, of the population's windows and of the person's own that score as high, the population weighing
 * `priorCount` and the person's own what they are worth when windows that follow each other are alike. That is the mean of a Dirichlet process
 * posterior whose base is the population.
 *
 * A person's own windows hold the very events that are to be found: counted like all others, they fill the share that may be called outliers, and what
 * happens often is found no more. So a person's own windows count little as long as outliers are rare, and outliers count the more once they are
 * common. A person whom the population has never seen is unusual for some minutes and normal then; an activity that nobody knows and that goes on for
 * long becomes normal, too, as does a stream that is wrong for good, which is why the share above the **population's** threshold is watched beside
 * it (`createUserMonitors`).
 *
 * @param alpha what is called an outlier in the re-check: a p-value of at most this
 * @param state from {@link UserCalibration.state}; one of another population or version, or that nobody can have come to, is left aside
 * @throws {@link Defect} `ood.level_invalid`, `ood.rule_invalid`
 * @see Ferguson 1973, "A Bayesian analysis of some nonparametric problems", section 2; conformal p-values of Vovk, Gammerman and Shafer
 *   2005, section 2.2. Deviation: own windows are weighted by age, by their effective sample size and by how common outliers are, so validity is
 *   measured by the re-check and not promised.
 */
export function createUserCalibration(
  population: PopulationScores,
  alpha: number,
  rule: PersonalRule = defaultPersonalRule,
  state?: UserCalibrationState,
): UserCalibration {
  if (!(alpha > 0 && alpha < 1)) {
    throw new Defect("ood.level_invalid", `alpha is ${alpha}, it must be in (0, 1)`);
  }
  const { priorCount, halfLifeWindows, baselineWindows, commonShare, commonWeight } = rule;
  if (!(priorCount > 0 && halfLifeWindows >= 1 && baselineWindows >= 0)) {
    throw new Defect(
      "ood.rule_invalid",
      `prior of ${priorCount}, half life of ${halfLifeWindows} and baseline of ${baselineWindows} windows: above 0, 1 or more, 0 or more`,
    );
  }
  if (!(commonShare > 0 && commonShare <= 1 && commonWeight >= 1)) {
    throw new Defect(
      "ood.rule_invalid",
      `outliers count ${commonWeight} times above a share of ${commonShare}: 1 or more, in (0, 1]`,
    );
  }
  const keep = 0.5 ** (1 / halfLifeWindows);
  let known = population;
  let own = restore(state !== undefined && isSound(state, known.edges) ? state : nothing(known));

  // A number that is passed to a long function, or returned by it, is made anew on the heap; one in an array is not.
  const passed = new Float64Array(1);

  /** Windows in a row that are worth one: `(1 + r) / (1 - r)` at a likeness of neighbours `r`. */
  function windowsPerEffective(): number {
    const mean = own.windowWeight > 0 ? own.placeSum / own.windowWeight : 0.5;
    const variance = Math.max(0, own.squareSum - own.windowWeight * mean * mean);
    const together = own.productSum - own.windowWeight * mean * mean;
    const prior = likenessPriorCount * placeVariance;
    const likeness = (likenessPrior * prior + together) / (prior + variance);
    const bounded = Math.min(likenessMax, Math.max(0, likeness));
    return (1 + bounded) / (1 - bounded);
  }

  /** Takes in the score that was passed, and leaves the p-value in its place. */
  function takeIn(): void {
    const score = passed[0] as number;
    const bin = Number.isNaN(score) ? own.bins.length - 1 : binOf(known, score);
    let above = 0;
    let inBin = 0;
    // Every window before this one counts a little less from here on.
    for (let at = own.bins.length - 1; at >= 0; at--) {
      const weight = own.bins[at] as number;
      if (at > bin) above += weight;
      else if (at === bin) inBin = weight;
      own.bins[at] = weight * keep;
    }
    let share = 1;
    if (bin < 0) {
      // Below the first edge all is as usual as can be.
      above = own.weight;
    } else {
      // Inside a step windows lie evenly: counted as if they all were at its beginning, fewer would be outliers than may be.
      const left = 1 - placeInBin(known, bin, score);
      const next = known.shares[bin + 1] ?? 0;
      share = next + left * ((known.shares[bin] as number) - next);
      above += left * inBin;
    }
    const perEffective = windowsPerEffective();
    const p =
      (priorCount * share + above / perEffective) / (priorCount + own.weight / perEffective);

    const isOutlier = p <= alpha;
    own.windowWeight = own.windowWeight * keep + 1;
    own.outlierWeight = own.outlierWeight * keep + (isOutlier ? 1 : 0);
    const areCommon = own.outlierWeight > commonShare * (own.windowWeight + windowsBefore);
    const counts = isOutlier && areCommon ? commonWeight : 1;
    if (bin >= 0) own.bins[bin] = (own.bins[bin] as number) + counts;
    own.weight = own.weight * keep + counts;
    const place = 1 - share;
    own.placeSum = own.placeSum * keep + place;
    own.squareSum = own.squareSum * keep + place * place;
    own.productSum =
      own.productSum * keep + place * (own.windowCount === 0 ? place : own.lastPlace);
    own.lastPlace = place;
    own.windowCount += 1;
    if (own.windowCount > baselineWindows) {
      own.checkedCount += 1;
      if (isOutlier) own.flaggedCount += 1;
    }
    passed[0] = p;
  }

  return {
    observe(score) {
      passed[0] = score;
      takeIn();
      return passed[0];
    },
    report() {
      const perEffective = windowsPerEffective();
      const flaggedShare = wilsonInterval(
        own.flaggedCount / perEffective,
        own.checkedCount / perEffective,
        1.96,
      );
      return {
        windowCount: own.windowCount,
        effectiveCount: own.windowWeight / perEffective,
        windowsPerEffective: perEffective,
        checkedCount: own.checkedCount,
        flaggedCount: own.flaggedCount,
        flaggedShare,
        holds: flaggedShare.low <= alpha,
      };
    },
    state: () => restore(own),
    follow(next) {
      const isNew = !isSame(known.edges, next.edges);
      known = next;
      if (isNew) own = restore(nothing(next));
    },
  };
}

/** All that is remembered, as it changes. */
type Memory = { -readonly [key in keyof UserCalibrationState]: UserCalibrationState[key] };

function restore(state: UserCalibrationState): Memory {
  return { ...state, version: 1, bins: state.bins.slice() };
}

function nothing({ edges }: PopulationScores): UserCalibrationState {
  return {
    version: 1,
    edges: edges.slice(),
    bins: new Float64Array(edges.length),
    weight: 0,
    windowWeight: 0,
    outlierWeight: 0,
    lastPlace: 0.5,
    placeSum: 0,
    squareSum: 0,
    productSum: 0,
    windowCount: 0,
    checkedCount: 0,
    flaggedCount: 0,
  };
}

/** Whether a state is one that scores against these steps can have led to: of others a p-value would be no share. */
function isSound(state: UserCalibrationState, edges: Float64Array): boolean {
  const { bins, weight, windowWeight, outlierWeight, lastPlace } = state;
  const sums = [weight, windowWeight, outlierWeight, state.placeSum, state.squareSum];
  const counts = [state.flaggedCount, state.checkedCount, state.windowCount];
  return (
    (state.version ?? 1) === 1 &&
    state.edges instanceof Float64Array &&
    isSame(state.edges, edges) &&
    bins instanceof Float64Array &&
    bins.length === edges.length &&
    [...bins, ...sums, state.productSum, lastPlace].every(
      (sum) => Number.isFinite(sum) && sum >= 0,
    ) &&
    // Sums of parts and of the whole round apart.
    bins.reduce((sum, bin) => sum + bin, 0) <= weight * (1 + 1e-9) &&
    outlierWeight <= windowWeight &&
    lastPlace <= 1 &&
    counts.every((count, at) => Number.isSafeInteger(count) && count >= (counts[at - 1] ?? 0))
  );
}

function isSame(a: Float64Array, b: Float64Array): boolean {
  return a.length === b.length && a.every((edge, bin) => edge === b[bin]);
}
