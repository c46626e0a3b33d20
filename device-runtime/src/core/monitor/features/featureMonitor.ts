// Watches one person's features against the person's own past and says which channel drifted. It must not decide what follows.
import { Defect } from "@attune/protocol";
import { believedCount } from "../eBenjaminiHochberg.ts";
import { createEDetector, defaultMultipliers, type EDetector } from "../eDetector.ts";
import { type ChangeWatchState, changeReferenceRate, createChangeWatch } from "./changeWatch.ts";
import { featureValueMax } from "./featureLayout.ts";
import type { FeatureReference } from "./featureReference.ts";
import {
  createPersonalBaseline,
  limitRow,
  type PersonalBaselineState,
} from "./personalBaseline.ts";

/** How features are watched; plain data. */
export interface FeatureMonitorPolicy {
  /** So many first windows of each class show what is normal for this person, without any alarm; 2 or more. */
  readonly baselineCount: number;
  /** Windows between false alarms on average, at least, of all series together; 10 or more. */
  readonly averageRunLengthMin: number;
  /** So many first windows of a visit (a run of one predicted class) count in full; afterwards only gross deviations do. */
  readonly visitWindows: number;
}

/**
 * Sixty-four windows that overlap by half are a minute and a half of a movement. After 24 the alarms without a cause are ten times as
 * many. What the limits come to on real people is measured by the bench `drift`.
 */
export const defaultFeatureMonitorPolicy: FeatureMonitorPolicy = {
  baselineCount: 64,
  averageRunLengthMin: 10_000,
  visitWindows: 6,
};

/** How far a series is from the person's own past since its change began. */
export interface SeriesSeverity {
  /** Mean distance in standard deviations, and a range that holds it with about 95 %: windows that overlap count half. */
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** A series that changed. */
export interface DriftedSeries {
  /** Name in the layout, or {@link jointSeries}. */
  readonly name: string;
  readonly evidence: number;
  /** Windows since the change began, as far as can be told: since the evidence last rested. */
  readonly onsetWindows: number;
  readonly severity: SeriesSeverity;
  /** Which way its features moved on average; `mixed` when they moved apart, and for {@link jointSeries}. */
  readonly direction: "up" | "down" | "mixed";
}

/** Features have changed. */
export interface FeatureAlarm {
  /** The series that are believed to have changed, most evidence first. */
  readonly drifted: readonly DriftedSeries[];
  /** Evidence that one series needs by itself. */
  readonly limit: number;
  /** All channels, the one that drifted first; `suspicion` is a mean of log distances, larger is more suspect. */
  readonly channels: readonly { readonly name: string; readonly suspicion: number }[];
}

/** What can be told about a person's features. */
export interface FeatureMonitorReport {
  readonly windowCount: number;
  /** Windows left aside: a feature or class that cannot be used. */
  readonly skippedCount: number;
  readonly alarmCount: number;
  /** Classes whose normal is known, of how many. */
  readonly learnedClassCount: number;
  readonly classCount: number;
  readonly series: readonly { readonly name: string; readonly evidence: number }[];
  readonly limit: number;
}

/** All that a {@link FeatureMonitor} remembers; plain data, about 4 KB for 36 features in 6 classes. */
export interface FeatureMonitorState {
  readonly version: 2;
  readonly baseline: PersonalBaselineState;
  readonly changes: ChangeWatchState;
  /** What the bettors on distances own, `(series + 1, stakes)`. */
  readonly wealth: Float64Array;
  /** Log evidence since it last rested, windows, sum and sum of squares of scores and sum of shifts since then: five numbers a series. */
  readonly onsets: Float64Array;
  readonly suspicions: Float64Array;
  readonly lastClass: number;
  readonly visitLength: number;
  readonly windowCount: number;
  readonly skippedCount: number;
  readonly alarmCount: number;
}

/** One person's features, watched. One owner. */
export interface FeatureMonitor {
  /**
   * Takes in the features of one window and the class that the model predicted for it.
   *
   * - Shape: `(featureCount,)`, as in the reference's layout. A window with a value that is not finite or beyond
   *   `1e15`, or of a class that is unknown, is left aside.
   * - O(classes · features + features² / 2), allocates nothing unless an alarm is near.
   *
   * @returns the alarm that this window raised, or null; the evidence then starts again.
   */
  observe(features: ArrayLike<number>, predictedClass: number): FeatureAlarm | null;
  report(): FeatureMonitorReport;
  state(): FeatureMonitorState;
}

/** The series of all features jointly: their distance to the nearest of the person's classes. */
export const jointSeries = "joint";

/** Share of a unit of deviation that normal windows show on average, with slack: the e-detectors' reference rate. */
const referenceRate = 0.1;
/** Scores in units of their limit: at `from` a window counts nothing, at `to` it counts fully. */
const earlyRange = { from: 0.6, to: 2 };
const jointEarlyRange = { from: 1, to: 2 };
/** A posture that is a little unusual for an hour is one observation; a sensor that is broken goes on being so. */
const lateRange = { from: 1, to: 3 };
/** Stake of the sum that dates the onset. */
const onsetStake = 2.7;
/** Weight of the past in what names the channel: twenty windows. */
const suspicionKept = 0.95;
/** How much the predicted class counts beside the class in which a channel is least unusual. */
const predictedWeight = 0.3;
/** How much the known changes count beside both: they are asked in the predicted class only. */
const changeWeight = 0.7;
const onsetCells = 5;
/** Standard deviations that features must have moved on average before a direction is told. */
const directionMin = 0.5;

/**
 * Creates a watch on one person's features, or goes on from a state.
 *
 * - **Person**: the first windows of each class give the person's own normal, shrunk towards all people's.
 * - **Known changes**: beside how far a channel is from its normal, the monitor bets on what a gain, an offset or a swap of axes would
 *   make of this person's windows, against what the other channels lead to expect; a change that is small in every feature is
 *   plain on that way. Half of a channel's evidence is of its distance, half the mean over its changes.
 * - **Class**: each window is compared within its predicted class; what is normal for walking says nothing about sitting.
 * - **Dependence**: windows of one visit resemble each other, so only its first ones count in full.
 * - **Many features**: one e-detector a series and one for all features jointly; alarms by online e-BH, so that a hundred series
 *   alarm no more often than one.
 * - **Naming**: a fault fools the model, so the predicted class may be wrong; a channel is suspect by how unusual it is in the
 *   class where it is least unusual.
 *
 * The promised run length holds while normal windows have a mean exceedance below a tenth of a distance, .08 of a known change,
 * given the past; that is measured on people, not proven: see the bench `drift`. It says that input changed, not that this matters: ask `createErrorEstimate`.
 *
 * @param reference one that `checkFeatureReference` accepts.
 * @throws {@link Defect} `detector.config_invalid`, `detector.state_invalid`.
 * @example
 * import { fitFeatureReference } from "./fitFeatureReference.ts";
 * const series = ["x", "y"].map((name, index) => ({ name, features: [index], isChannel: true }));
 * const layout = { featureCount: 2, series, logFeatures: [], axes: [], logFloor: 1 };
 * // Two people, one class, windows that sway a little.
 * const sway = (step: number): number => Math.sin(7 * step);
 * const people = [0, 1].map((own) => ({
 *   features: Array.from({ length: 200 }, (_, at) => own + sway(at)),
 *   predictedClasses: Array.from({ length: 100 }, () => 0),
 * }));
 * const reference = fitFeatureReference(people, { layout, classCount: 1 });
 * if (!reference.ok) throw new Error(reference.refusal.message);
 * const monitor = createFeatureMonitor(reference.value);
 * for (let step = 0; step < 100; step++) monitor.observe([sway(step), sway(step + 0.5)], 0);
 * // The second channel breaks.
 * let alarm = monitor.observe([0, 9], 0);
 * for (let step = 0; alarm === null; step++) alarm = monitor.observe([sway(step), 9], 0);
 * alarm.channels[0]?.name; // => "y"
 * @see Shin, Ramdas and Rinaldo 2024, "E-detectors"; Wang and Ramdas 2022, "False discovery rate control with e-values".
 */
export function createFeatureMonitor(
  reference: FeatureReference,
  policy: FeatureMonitorPolicy = defaultFeatureMonitorPolicy,
  state?: FeatureMonitorState,
): FeatureMonitor {
  const { classCount, layout } = reference;
  const { averageRunLengthMin, baselineCount, visitWindows } = policy;
  const seriesCount = layout.series.length;
  const stakeCount = defaultMultipliers.length;
  const lineCount = seriesCount + 1;
  const limit = averageRunLengthMin * lineCount;
  if (!(baselineCount >= 2 && averageRunLengthMin >= 10 && visitWindows >= 1)) {
    throw new Defect(
      "detector.config_invalid",
      `baseline ${baselineCount} must be 2 or more, run length ${averageRunLengthMin} 10 or more, visit ${visitWindows} 1 or more`,
    );
  }
  if (
    state !== undefined &&
    (state.version !== 2 ||
      state.wealth.length !== lineCount * stakeCount ||
      state.onsets.length !== lineCount * onsetCells ||
      state.suspicions.length !== seriesCount)
  ) {
    throw new Defect(
      "detector.state_invalid",
      `state has version ${state.version} and ${state.wealth.length} wealths, 2 and ${lineCount * stakeCount} are needed`,
    );
  }
  const baseline = createPersonalBaseline(reference, baselineCount, state?.baseline);
  const detectors = Array.from({ length: lineCount }, (_, line) =>
    detectorOf(state?.wealth.subarray(line * stakeCount, (line + 1) * stakeCount)),
  );
  const changes = createChangeWatch(reference, baseline.directions, state?.changes);
  const onsets = new Float64Array(lineCount * onsetCells);
  const suspicions = new Float64Array(seriesCount);
  // In buffers: a number with a fraction that is handed to a function, or back, may be put on the heap.
  const shares = new Float64Array(lineCount);
  const evidences = new Float64Array(lineCount);
  if (state !== undefined) {
    onsets.set(state.onsets);
    suspicions.set(state.suspicions);
  }
  let lastClass = state?.lastClass ?? -1;
  let visitLength = state?.visitLength ?? 0;
  let windowCount = state?.windowCount ?? 0;
  let skippedCount = state?.skippedCount ?? 0;
  let alarmCount = state?.alarmCount ?? 0;

  function detectorOf(owned?: Float64Array): EDetector {
    const config = { referenceRate, averageRunLengthMin: limit };
    if (owned === undefined) return createEDetector(config);
    const wealth = Array.from(owned);
    return createEDetector(config, {
      version: 1,
      wealth,
      sampleCount: 0,
      samplesSinceAlarm: 1,
      alarmCount: 0,
    });
  }

  function isUsable(features: ArrayLike<number>, label: number): boolean {
    if (!(Number.isInteger(label) && label >= 0 && label < classCount)) return false;
    if (features.length < layout.featureCount) return false;
    for (let index = 0; index < layout.featureCount; index++) {
      if (!(Math.abs(features[index] as number) <= featureValueMax)) return false;
    }
    return true;
  }

  /** How much of a full deviation a score is, `[0, 1]`. */
  function shareOf(line: number, score: number): number {
    const late = visitLength > visitWindows;
    const range = late ? lateRange : line === seriesCount ? jointEarlyRange : earlyRange;
    return Math.min(1, Math.max(0, (score - range.from) / (range.to - range.from)));
  }

  /** Joins what a series has as evidence by its distance with that of its known changes, half each. A mean of e-values is one. */
  function joinChanges(line: number): void {
    if (!changes.isWatched(line)) return;
    evidences[line] = ((evidences[line] as number) + (changes.means[line] as number)) / 2;
  }

  /** Counts the window for the beginning of a change, by what has more evidence so far. */
  function dateOnset(line: number): void {
    // The joint one has no changes. To read beyond the end instead would put the number on the heap.
    const strongest = line < seriesCount ? (changes.strongest[line] as number) : 0;
    const isChange = strongest > (detectors[line] as EDetector).evidence();
    const surprise = isChange
      ? (changes.shares[line] as number) - changeReferenceRate
      : (shares[line] as number) - referenceRate;
    const deviations = isChange ? changes.deviations : baseline.scores;
    const deviation = deviations[line] as number;
    const at = line * onsetCells;
    const rested = (onsets[at] as number) + Math.log(1 + onsetStake * surprise);
    if (rested <= 0) {
      onsets.fill(0, at, at + onsetCells);
      return;
    }
    onsets[at] = rested;
    onsets[at + 1] = (onsets[at + 1] as number) + 1;
    onsets[at + 2] = (onsets[at + 2] as number) + deviation;
    onsets[at + 3] = (onsets[at + 3] as number) + deviation * deviation;
    if (line < seriesCount) {
      onsets[at + 4] = (onsets[at + 4] as number) + (baseline.shifts[line] as number);
    }
  }

  function nameOf(line: number): string {
    return layout.series[line]?.name ?? jointSeries;
  }

  function driftedSeries(line: number, evidence: number): DriftedSeries {
    const [, count = 0, sum = 0, squares = 0, shifts = 0] = onsets.subarray(line * onsetCells);
    const mean = count === 0 ? 0 : sum / count;
    const variance = count < 2 ? 0 : Math.max(0, squares / count - mean * mean);
    const half = count === 0 ? 0 : 1.96 * Math.sqrt(variance / (count / 2));
    const severity = { mean, low: Math.max(0, mean - half), high: mean + half };
    const shift = count === 0 ? 0 : shifts / count;
    const direction = shift > directionMin ? "up" : shift < -directionMin ? "down" : "mixed";
    return { name: nameOf(line), evidence, onsetWindows: count, severity, direction };
  }

  function alarmOf(): FeatureAlarm {
    const believed = believedCount(evidences, 1 / averageRunLengthMin);
    const drifted = [...evidences]
      .map((evidence, line) => driftedSeries(line, evidence))
      .sort((a, b) => b.evidence - a.evidence)
      .slice(0, believed);
    const channels = layout.series
      .map(({ name, isChannel }, line) => ({
        name,
        isChannel,
        suspicion: (suspicions[line] as number) * (1 - suspicionKept),
      }))
      .filter(({ isChannel }) => isChannel)
      .sort((a, b) => b.suspicion - a.suspicion)
      .map(({ name, suspicion }) => ({ name, suspicion }));
    return { drifted, limit, channels };
  }

  return {
    observe(features, predictedClass) {
      if (!isUsable(features, predictedClass)) {
        skippedCount++;
        return null;
      }
      windowCount++;
      if (predictedClass !== lastClass) {
        lastClass = predictedClass;
        visitLength = 0;
      }
      visitLength++;
      if (!baseline.isLearned(predictedClass)) {
        baseline.learn(features, predictedClass);
        return null;
      }
      baseline.score(features, predictedClass);
      const row = limitRow(reference, predictedClass);
      let largest = 0;
      let hasAlarm = false;
      changes.observe(predictedClass, visitLength > visitWindows);
      for (let line = 0; line < lineCount; line++) {
        const score = baseline.scores[line] as number;
        const share = shareOf(line, score / (reference.scoreLimits[row + line] as number));
        const detector = detectors[line] as EDetector;
        shares[line] = share;
        dateOnset(line);
        if (detector.observe(share)) hasAlarm = true;
        evidences[line] = detector.evidence();
        joinChanges(line);
        largest = Math.max(largest, evidences[line] as number);
        if (line < seriesCount) {
          const least = baseline.leastScores[line] as number;
          const towards = changes.largest[line] as number;
          suspicions[line] =
            suspicionKept * (suspicions[line] as number) +
            Math.log(1 + least * least) +
            predictedWeight * Math.log(1 + score * score) +
            changeWeight * Math.log(1 + towards * towards);
        }
      }
      // Below this even all series together are not believed.
      if (!hasAlarm && largest < averageRunLengthMin) return null;
      detectors.forEach((detector, line) => {
        if (detector.state().samplesSinceAlarm > 0) return;
        evidences[line] = detector.alarmEvidence();
        joinChanges(line);
      });
      if (believedCount(evidences, 1 / averageRunLengthMin) === 0) return null;
      const alarm = alarmOf();
      alarmCount++;
      detectors.forEach((_, line) => {
        detectors[line] = detectorOf();
      });
      changes.restart();
      onsets.fill(0);
      suspicions.fill(0);
      return alarm;
    },
    report: () => ({
      windowCount,
      skippedCount,
      alarmCount,
      learnedClassCount: Array.from({ length: classCount }, (_, label) => label).filter((label) =>
        baseline.isLearned(label),
      ).length,
      classCount,
      series: detectors.map((detector, line) => ({
        name: nameOf(line),
        evidence: detector.evidence(),
      })),
      limit,
    }),
    state: () => ({
      version: 2,
      baseline: baseline.state(),
      changes: changes.state(),
      wealth: Float64Array.from(detectors.flatMap((detector) => detector.state().wealth)),
      onsets: onsets.slice(),
      suspicions: suspicions.slice(),
      lastClass,
      visitLength,
      windowCount,
      skippedCount,
      alarmCount,
    }),
  };
}
