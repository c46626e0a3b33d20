// Measures how far people are from their own past. It runs where a package is made, not on a device.
import { type Outcome, refuse } from "@attune/protocol";
import { fitMahalanobis } from "../../ood/fitMahalanobis.ts";
import { channelChangesOf, channelFeaturesOf } from "./channelChanges.ts";
import {
  checkFeatureLayout,
  type FeatureLayout,
  featureValueMax,
  watchedClassMax,
} from "./featureLayout.ts";
import { checkFeatureReference, type FeatureReference } from "./featureReference.ts";
import { createPersonalBaseline } from "./personalBaseline.ts";

/** The windows of one person, or of one wearing of the device, in the order of time. */
export interface PersonWindows {
  /** `(n, featureCount)` row by row, as the device will compute them. */
  readonly features: ArrayLike<number>;
  /** The class that the model predicted for each, `(n,)`; not the truth, because a device does not know it. */
  readonly predictedClasses: ArrayLike<number>;
}

/** How {@link fitFeatureReference} measures. */
export interface FeatureReferenceFit {
  readonly layout: FeatureLayout;
  readonly classCount: number;
  /** So many first windows of each class are a person's past, 2 or more; 12 when left out. */
  readonly baselineCount?: number;
  /** Share of normal windows below a score limit, `(0.5, 1)`; .95 when left out. */
  readonly quantile?: number;
}

/** Windows of 2.56 s that overlap by half: 15 seconds of a movement. Measures people as they are known after so little. */
const defaultBaselineCount = 12;

/** Standard deviations; normal windows spread by one, so a lower limit would come of too few of them. */
const changeLimitMin = 1;
/** Standard deviations likewise: a distance far below one comes of rounding, of features that never vary. */
const scoreLimitMin = 0.25;

/** Correlations shrunk by so much: what two people's correlations differ by anyway. */
const shrinkage = 0.05;

interface ClassSums {
  /** Windows of the past, mean and sum of squares are those of the person. */
  count: number;
  readonly mean: Float64Array;
  readonly squares: Float64Array;
}

/**
 * Measures, over many people, how one person's later windows lie around the same person's first ones.
 *
 * - Uses each person's first `baselineCount` windows of a class as that person's past, shrunk towards all people's, and the rest
 *   to measure; so it needs people whose windows of a class are more than that, from sessions without drift, that the model was
 *   **not** trained on: on its own people a model's predicted classes are too good.
 * - Pure, O(windows · features²).
 *
 * @param people at least two with windows left to measure.
 * @returns the reference, or `input.shape_mismatch`, `input.not_finite`.
 */
export function fitFeatureReference(
  people: readonly PersonWindows[],
  fit: FeatureReferenceFit,
): Outcome<FeatureReference> {
  const { layout, classCount, baselineCount = defaultBaselineCount, quantile = 0.95 } = fit;
  const checked = checkFeatureLayout(layout);
  if (!checked.ok) return checked;
  const { featureCount } = layout;
  if (
    !(Number.isInteger(classCount) && classCount >= 1 && classCount <= watchedClassMax) ||
    !(Number.isInteger(baselineCount) && baselineCount >= 2) ||
    !(quantile > 0.5 && quantile < 1)
  ) {
    return refuse(
      "input.shape_mismatch",
      `${classCount} classes (1 to ${watchedClassMax}), ${baselineCount} baseline windows (2 or more), quantile ${quantile} (0.5 to 1)`,
    );
  }
  for (const { features, predictedClasses } of people) {
    if (features.length !== predictedClasses.length * featureCount) {
      return refuse(
        "input.shape_mismatch",
        `${features.length} features for ${predictedClasses.length} windows of ${featureCount}; pass one row a window`,
      );
    }
    for (let index = 0; index < features.length; index++) {
      const value = features[index] as number;
      if (!(Math.abs(value) <= featureValueMax)) {
        return refuse(
          "input.not_finite",
          `feature ${index % featureCount} is ${value}; leave it out`,
        );
      }
    }
    for (let index = 0; index < predictedClasses.length; index++) {
      const label = predictedClasses[index] as number;
      if (!(Number.isInteger(label) && label >= 0 && label < classCount)) {
        return refuse(
          "input.shape_mismatch",
          `predicted class is ${label}, it must be 0 to ${classCount - 1}`,
        );
      }
    }
  }

  const pasts = people.map((person) => pastOf(person, fit.layout, classCount, baselineCount));
  const { means, betweenVariances } = populationOf(pasts, classCount, featureCount);
  const residuals: number[] = [];
  const residualClasses: number[] = [];
  const squareMeans = new Float64Array(classCount * featureCount);
  const personCounts = new Uint32Array(classCount);
  const row = new Float64Array(featureCount);
  people.forEach((person, index) => {
    const past = pasts[index] as readonly ClassSums[];
    const sums = new Float64Array(classCount * featureCount);
    const laterCounts = new Uint32Array(classCount);
    forEachLater(person, featureCount, classCount, baselineCount, (at, label) => {
      readRow(person.features, at, layout, row);
      laterCounts[label] = (laterCounts[label] as number) + 1;
      residualClasses.push(label);
      const own = past[label] as ClassSums;
      for (let i = 0; i < featureCount; i++) {
        const cell = label * featureCount + i;
        const ownMean = own.mean[i] as number;
        const centre = ownMean + (2 / (2 + own.count)) * ((means[cell] as number) - ownMean);
        const residual = (row[i] as number) - centre;
        residuals.push(residual);
        sums[cell] = (sums[cell] as number) + residual * residual;
      }
    });
    for (let label = 0; label < classCount; label++) {
      const count = laterCounts[label] as number;
      if (count === 0) continue;
      personCounts[label] = (personCounts[label] as number) + 1;
      for (let i = 0; i < featureCount; i++) {
        const cell = label * featureCount + i;
        squareMeans[cell] = (squareMeans[cell] as number) + (sums[cell] as number) / count;
      }
    }
  });
  const windowCount = residuals.length / featureCount;
  const joint = fitMahalanobis(residuals, new Uint8Array(windowCount), {
    dimension: featureCount,
    classCount: 1,
    shrinkage,
  });
  if (!joint.ok) return joint;

  const withinVariances = new Float64Array(classCount * featureCount);
  for (let label = 0; label < classCount; label++) {
    for (let i = 0; i < featureCount; i++) {
      const cell = label * featureCount + i;
      const measured = (squareMeans[cell] as number) / Math.max(1, personCounts[label] as number);
      withinVariances[cell] = measured > 0 ? measured : pooledSquare(squareMeans, i, featureCount);
    }
  }
  const channelFeatures = channelFeaturesOf(layout);
  const inDeviations: number[] = [];
  residualClasses.forEach((label, window) => {
    for (const i of channelFeatures) {
      const deviation = Math.sqrt(withinVariances[label * featureCount + i] as number);
      inDeviations.push((residuals[window * featureCount + i] as number) / deviation);
    }
  });
  const changes = fitMahalanobis(inDeviations, new Uint8Array(windowCount), {
    dimension: channelFeatures.length,
    classCount: 1,
    shrinkage,
  });
  if (!changes.ok) return changes;
  const changeCount = channelChangesOf(layout, classCount).length;
  const reference: FeatureReference = {
    version: 2,
    layout,
    classCount,
    baselineCount,
    means,
    withinVariances,
    betweenVariances,
    factor: joint.value.factor,
    changeFactor: changes.value.factor,
    changeLimits: new Float64Array(classCount * changeCount).fill(1),
    scoreLimits: new Float64Array(classCount * (layout.series.length + 1)).fill(1),
  };
  return checkFeatureReference({ ...reference, ...limitsOf(people, reference, quantile) });
}

/** What a class or feature that never varied gets: the mean square of that feature in all classes, or of 1. */
function pooledSquare(squareMeans: Float64Array, feature: number, featureCount: number): number {
  let sum = 0;
  for (let cell = feature; cell < squareMeans.length; cell += featureCount) {
    sum += squareMeans[cell] as number;
  }
  return sum > 0 ? sum / (squareMeans.length / featureCount) : 1;
}

function readRow(
  features: ArrayLike<number>,
  at: number,
  layout: FeatureLayout,
  row: Float64Array,
): void {
  for (let i = 0; i < layout.featureCount; i++) row[i] = features[at + i] as number;
  for (const i of layout.logFeatures) {
    row[i] = Math.log(Math.max(0, row[i] as number) + layout.logFloor);
  }
}

function pastOf(
  person: PersonWindows,
  layout: FeatureLayout,
  classCount: number,
  baselineCount: number,
): readonly ClassSums[] {
  const { featureCount } = layout;
  const sums = Array.from(
    { length: classCount },
    (): ClassSums => ({
      count: 0,
      mean: new Float64Array(featureCount),
      squares: new Float64Array(featureCount),
    }),
  );
  const row = new Float64Array(featureCount);
  for (let window = 0; window < person.predictedClasses.length; window++) {
    const own = sums[person.predictedClasses[window] as number] as ClassSums;
    if (own.count >= baselineCount) continue;
    readRow(person.features, window * featureCount, layout, row);
    own.count++;
    for (let i = 0; i < featureCount; i++) {
      const mean = own.mean[i] as number;
      own.mean[i] = mean + ((row[i] as number) - mean) / own.count;
    }
  }
  return sums;
}

function populationOf(
  pasts: readonly (readonly ClassSums[])[],
  classCount: number,
  featureCount: number,
): { means: Float64Array; betweenVariances: Float64Array } {
  const means = new Float64Array(classCount * featureCount);
  const betweenVariances = new Float64Array(classCount * featureCount);
  for (let label = 0; label < classCount; label++) {
    const seen = pasts.map((past) => past[label] as ClassSums).filter(({ count }) => count > 0);
    for (let i = 0; i < featureCount; i++) {
      const cell = label * featureCount + i;
      const sum = seen.reduce((total, { mean }) => total + (mean[i] as number), 0);
      const centre = seen.length === 0 ? 0 : sum / seen.length;
      const squares = seen.reduce(
        (total, { mean }) => total + ((mean[i] as number) - centre) ** 2,
        0,
      );
      means[cell] = centre;
      betweenVariances[cell] = squares / Math.max(1, seen.length - 1);
    }
  }
  return { means, betweenVariances };
}

/** Calls back for the windows behind a person's past. */
function forEachLater(
  person: PersonWindows,
  featureCount: number,
  classCount: number,
  baselineCount: number,
  visit: (at: number, label: number) => void,
): void {
  const counts = new Uint32Array(classCount);
  for (let window = 0; window < person.predictedClasses.length; window++) {
    const label = person.predictedClasses[window] as number;
    const count = (counts[label] as number) + 1;
    counts[label] = count;
    if (count > baselineCount) visit(window * featureCount, label);
  }
}

/** Quantiles of the scores that the very code of a device gives to people's later windows. */
function limitsOf(
  people: readonly PersonWindows[],
  reference: FeatureReference,
  quantile: number,
): Pick<FeatureReference, "scoreLimits" | "changeLimits"> {
  const { classCount, baselineCount, layout } = reference;
  const changeCount = reference.changeLimits.length / classCount;
  const lineCount = layout.series.length + 1;
  const columns = lineCount + changeCount;
  const ofClass: number[][] = Array.from({ length: classCount * columns }, () => []);
  const ofAll: number[][] = Array.from({ length: columns }, () => []);
  for (const { features, predictedClasses } of people) {
    const baseline = createPersonalBaseline(reference, baselineCount);
    for (let window = 0; window < predictedClasses.length; window++) {
      const label = predictedClasses[window] as number;
      const at = window * layout.featureCount;
      const row = Array.prototype.slice.call(features, at, at + layout.featureCount) as number[];
      if (!baseline.isLearned(label)) {
        baseline.learn(row, label);
        continue;
      }
      baseline.score(row, label);
      const scored = [...baseline.scores, ...baseline.directions.scores.map(Math.abs)];
      scored.forEach((score, column) => {
        ofClass[label * columns + column]?.push(score);
        ofAll[column]?.push(score);
      });
    }
  }
  // A class that was hardly seen must not get a limit that normal windows of the others exceed.
  const floors = ofAll.map((scores) => quantileOf(scores, 0.9));
  const fallbacks = ofAll.map((scores) => quantileOf(scores, quantile));
  const limits = ofClass.map((scores, cell) => {
    const column = cell % columns;
    const own =
      scores.length >= 1 / (1 - quantile) ? quantileOf(scores, quantile) : fallbacks[column];
    // Where a class is still, so is its noise along a change: its own limit holds.
    const floor =
      column < lineCount ? Math.max(scoreLimitMin, floors[column] as number) : changeLimitMin;
    return Math.max(own as number, floor);
  });
  const isOfChange = (_: number, cell: number): boolean => cell % columns >= lineCount;
  return {
    scoreLimits: Float64Array.from(limits.filter((limit, cell) => !isOfChange(limit, cell))),
    changeLimits: Float64Array.from(limits.filter(isOfChange)),
  };
}

function quantileOf(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 1;
}
