// One watched rate of one user: block means, the user's own normal, the alarm. It must not know what the rate is of.
import { Defect } from "@attune/protocol";
import { createEDetector, type EDetector, type EDetectorState } from "./eDetector.ts";
import { shrunkRate } from "./rate.ts";

/** How one rate is watched; plain data of a model package. */
export interface RateRule {
  /**
   * So many observations are averaged into one for the detector, 1 or more. Windows that overlap and errors that come in runs are
   * one observation, not many; the run length then counts blocks.
   */
  readonly blockLength: number;
  /** Blocks between false alarms on average, at least; 10 or more. */
  readonly averageRunLengthMin: number;
  /** Added to what is normal: a rise that nobody would act on, `[0, 1)`. */
  readonly slack: number;
  /** So many first blocks show what is normal for this user, without any alarm; 0 takes the package's rate as it is. */
  readonly baselineBlocks: number;
  /** The package's rate weighs as much as so many blocks of the user's own. */
  readonly priorBlocks: number;
}

/** All that a {@link RateMonitor} remembers; plain data. */
export interface RateMonitorState {
  readonly version: 1;
  /** The block that is not full yet. */
  readonly blockSum: number;
  readonly blockCount: number;
  readonly baselineSum: number;
  readonly baselineCount: number;
  /** Null while the baseline is learned. */
  readonly detector: EDetectorState | null;
  /** Of all observations. */
  readonly totalSum: number;
  readonly totalCount: number;
  /** Observations left aside: not a number. */
  readonly skippedCount: number;
  /** Mean of about the last {@link recentBlocks} blocks. */
  readonly recentRate: number;
}

/** What can be told about a watched rate. */
export interface RateReport {
  /** Observations so far, and their mean (0 when there are none). */
  readonly count: number;
  readonly rate: number;
  /** Observations left aside: not a number. */
  readonly skippedCount: number;
  /** Mean of about the last sixteen blocks: what the rate is now. */
  readonly recentRate: number;
  /** What counts as normal, slack included; null while that is learned. */
  readonly referenceRate: number | null;
  /** From 0 to `limit`. */
  readonly evidence: number;
  readonly limit: number;
  readonly alarmCount: number;
  /** Why no alarm can come yet, or empty. */
  readonly waiting: string;
}

/** One rate, watched. One owner. */
export interface RateMonitor {
  /**
   * Takes in one observation in `[0, 1]`; true when the alarm is raised. One outside counts as the nearer end; NaN changes nothing but
   * `skippedCount`. Allocates nothing.
   */
  observe(value: number): boolean;
  /** Evidence of the last alarm. */
  alarmEvidence(): number;
  report(): RateReport;
  state(): RateMonitorState;
}

/** Weight of the mean of what is recent, in blocks. */
const recentBlocks = 16;

/** The highest reference rate at which a rise can still show. */
const referenceRateMax = 0.99;

/**
 * Creates a watch on one rate, or goes on from a state.
 *
 * The user's first blocks give the user's own normal; that is where a normal but unusual person stops being an alarm. Somebody with a lower rate than all
 * people is pulled towards theirs by `priorBlocks`, somebody with a higher one is not: a reference below the person's own mean would alarm for ever. From then
 * on an e-detector watches the block means.
 *
 * @param populationRate what is normal for all people, `[0, 1)`; of the model package.
 * @throws Defect `detector.config_invalid` for a rule that no detector takes, `detector.state_invalid` for a state that does not hold together.
 */
export function createRateMonitor(
  rule: RateRule,
  populationRate: number,
  state?: RateMonitorState,
): RateMonitor {
  if (state !== undefined && !holdsTogether(state)) {
    throw new Defect(
      "detector.state_invalid",
      "state of a rate is not of version 1 with counts and finite sums; start without it",
    );
  }
  // Fields of an object: a number with a fraction in a closure's variable would be made anew at each change.
  const sums = {
    block: state?.blockSum ?? 0,
    baseline: state?.baselineSum ?? 0,
    total: state?.totalSum ?? 0,
    recent: state?.recentRate ?? populationRate,
  };
  let blockCount = state?.blockCount ?? 0;
  let baselineCount = state?.baselineCount ?? 0;
  let totalCount = state?.totalCount ?? 0;
  let skippedCount = state?.skippedCount ?? 0;
  // The reference follows from what was observed, so it need not be kept.
  let detector: EDetector | null =
    baselineCount < rule.baselineBlocks ? null : detectorFrom(state?.detector ?? undefined);

  function detectorFrom(detectorState?: EDetectorState): EDetector {
    const own = baselineCount === 0 ? 0 : sums.baseline / baselineCount;
    const shrunk = shrunkRate(populationRate, rule.priorBlocks, sums.baseline, baselineCount);
    const normal = Math.max(own, shrunk);
    const referenceRate = Math.min(referenceRateMax, normal + rule.slack);
    const { averageRunLengthMin } = rule;
    return createEDetector({ referenceRate, averageRunLengthMin }, detectorState);
  }

  // Both apart, so that what is called at every window is small enough to be part of its caller: a number handed over is made anew otherwise.
  function closeBlock(): boolean {
    const mean = sums.block / blockCount;
    sums.block = 0;
    blockCount = 0;
    return observeBlock(mean);
  }

  function observeOutside(value: number): boolean {
    if (!Number.isNaN(value)) return monitor.observe(value < 0 ? 0 : 1);
    skippedCount++;
    return false;
  }

  function observeBlock(mean: number): boolean {
    sums.recent += (mean - sums.recent) / recentBlocks;
    if (detector !== null) return detector.observe(mean);
    sums.baseline += mean;
    baselineCount++;
    if (baselineCount >= rule.baselineBlocks) detector = detectorFrom();
    return false;
  }

  const monitor: RateMonitor = {
    observe(value) {
      if (!(value >= 0 && value <= 1)) return observeOutside(value);
      sums.total += value;
      totalCount++;
      sums.block += value;
      blockCount++;
      return blockCount >= rule.blockLength && closeBlock();
    },
    alarmEvidence: () => detector?.alarmEvidence() ?? 0,
    report: () => ({
      count: totalCount,
      rate: totalCount === 0 ? 0 : sums.total / totalCount,
      skippedCount,
      recentRate: sums.recent,
      referenceRate: detector?.referenceRate ?? null,
      evidence: detector?.evidence() ?? 0,
      limit: rule.averageRunLengthMin,
      alarmCount: detector?.state().alarmCount ?? 0,
      waiting:
        detector === null
          ? `waiting: ${baselineCount} of ${rule.baselineBlocks} blocks to learn what is normal here`
          : "",
    }),
    state: () => ({
      version: 1,
      blockSum: sums.block,
      blockCount,
      baselineSum: sums.baseline,
      baselineCount,
      detector: detector?.state() ?? null,
      totalSum: sums.total,
      totalCount,
      skippedCount,
      recentRate: sums.recent,
    }),
  };
  return monitor;
}

/** A sum of so many observations in `[0, 1]`. */
const isSumOf = (sum: number, count: number): boolean =>
  Number.isSafeInteger(count) && count >= 0 && sum >= 0 && sum <= count;

function holdsTogether(state: RateMonitorState): boolean {
  return (
    state.version === 1 &&
    isSumOf(state.blockSum, state.blockCount) &&
    isSumOf(state.baselineSum, state.baselineCount) &&
    isSumOf(state.totalSum, state.totalCount) &&
    isSumOf(0, state.skippedCount) &&
    state.recentRate >= 0 &&
    state.recentRate <= 1
  );
}
