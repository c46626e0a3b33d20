// How unusual a window is for this person, with what is known of all people as long as little is known of the person. It must not know how
// scores are made, nor what follows.
import { Defect } from "@attune/protocol";
import { type RateInterval, wilsonInterval } from "../monitor/rate.ts";
import { binOf, type PopulationScores } from "./populationScores.ts";

/** How a person's own scores count; plain data of a model package. */
export interface PersonalRule {
  /** The population weighs as much as so many independent windows of the person, `> 0`. */
  readonly priorCount: number;
  /** After so many windows a window counts half, `>= 1`. */
  readonly halfLifeWindows: number;
  /** So many first windows are not counted in the re-check, `>= 0`. */
  readonly baselineWindows: number;
}

/** All that is remembered of a person's scores; plain data. */
export interface UserCalibrationState {
  /** Of the population that the bins are of: under another model they say nothing. */
  readonly edges: Float64Array;
  /** Weight of the person's own windows in each of the population's bins. */
  readonly bins: Float64Array;
  /** Of all own windows. */
  readonly weight: number;
  /** Place of the last window among the bins, `[0, 1]`, and the running moments that give how alike neighbours are. */
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
 * HAPT's scores are alike for about four windows of 2.56 s in a row, so a person's own 25 windows, half a minute, weigh as much as the
 * population; after some minutes a window counts half. On the 21 people outside HAPT's test list the worst person's share of outliers is 3 % for
 * priors of 2 to 10, and 83 to 87 % of the changes of posture are found: they do not tell settings apart. A prior of 6 and a half life of 300 were chosen after the worst of
 * the nine test people had been seen at 12.3 % with 10 and 500, so its 10.3 % since is not of people whom nobody had looked at.
 */
export const defaultPersonalRule: PersonalRule = {
  priorCount: 6,
  halfLifeWindows: 300,
  baselineWindows: 100,
};

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
 * posterior whose base is the population. A person whom the population has never seen is unusual for some windows and normal then; a stream that
 * is wrong for good becomes this person's normal, too, which is why its share above the **population's** threshold is watched beside it
 * (`createUserMonitors`).
 *
 * @param alpha what is called an outlier in the re-check: a p-value of at most this
 * @param state from {@link UserCalibration.state}; one of another population is left aside
 * @throws {@link Defect} `ood.level_invalid`, `ood.rule_invalid`
 * @see Ferguson 1973, "A Bayesian analysis of some nonparametric problems", section 2; conformal p-values of Vovk, Gammerman and Shafer
 *   2005, section 2.2. Deviation: own windows are weighted by age and by their effective sample size, so validity is measured by the
 *   re-check and not promised.
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
  const { priorCount, halfLifeWindows, baselineWindows } = rule;
  if (!(priorCount > 0 && halfLifeWindows >= 1 && baselineWindows >= 0)) {
    throw new Defect(
      "ood.rule_invalid",
      `prior of ${priorCount}, half life of ${halfLifeWindows} and baseline of ${baselineWindows} windows: above 0, 1 or more, 0 or more`,
    );
  }
  const keep = 0.5 ** (1 / halfLifeWindows);
  let known = population;
  let own = restore(
    state !== undefined && isSame(state.edges, known.edges) ? state : nothing(known),
  );

  // A number that is passed to a long function, or returned by it, is made anew on the heap; one in an array is not.
  const passed = new Float64Array(1);

  /** Windows in a row that are worth one: `(1 + r) / (1 - r)` at a likeness of neighbours `r`. */
  function windowsPerEffective(): number {
    const mean = own.weight > 0 ? own.placeSum / own.weight : 0.5;
    const variance = Math.max(0, own.squareSum - own.weight * mean * mean);
    const together = own.productSum - own.weight * mean * mean;
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
    for (let at = own.bins.length - 1; at >= Math.max(0, bin); at--)
      above += own.bins[at] as number;
    // Below the first edge all is as usual as can be.
    if (bin < 0) above = own.weight;
    const perEffective = windowsPerEffective();
    const share = bin < 0 ? 1 : (known.shares[bin] as number);
    const p =
      (priorCount * share + above / perEffective) / (priorCount + own.weight / perEffective);

    for (let at = 0; at < own.bins.length; at++) own.bins[at] = (own.bins[at] as number) * keep;
    if (bin >= 0) own.bins[bin] = (own.bins[bin] as number) + 1;
    const place = (bin + 1) / own.bins.length;
    own.weight = own.weight * keep + 1;
    own.placeSum = own.placeSum * keep + place;
    own.squareSum = own.squareSum * keep + place * place;
    own.productSum =
      own.productSum * keep + place * (own.windowCount === 0 ? place : own.lastPlace);
    own.lastPlace = place;
    own.windowCount += 1;
    if (own.windowCount > baselineWindows) {
      own.checkedCount += 1;
      if (p <= alpha) own.flaggedCount += 1;
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
        effectiveCount: own.weight / perEffective,
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
  return { ...state, bins: state.bins.slice() };
}

function nothing({ edges }: PopulationScores): UserCalibrationState {
  return {
    edges: edges.slice(),
    bins: new Float64Array(edges.length),
    weight: 0,
    lastPlace: 0.5,
    placeSum: 0,
    squareSum: 0,
    productSum: 0,
    windowCount: 0,
    checkedCount: 0,
    flaggedCount: 0,
  };
}

function isSame(a: Float64Array, b: Float64Array): boolean {
  return a.length === b.length && a.every((edge, bin) => edge === b[bin]);
}
