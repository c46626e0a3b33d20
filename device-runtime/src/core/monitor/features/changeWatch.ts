// Bets on the known kinds of sensor fault: evidence of each, measured by what the person's own windows show of it. It must not name a channel.
import { Defect } from "@attune/protocol";
import { createEDetector, type EDetector } from "../eDetector.ts";
import type { ChangeDirections } from "./channelChanges.ts";
import type { FeatureReference } from "./featureReference.ts";

/** All that a {@link ChangeWatch} remembers; plain data. */
export interface ChangeWatchState {
  /** What each bettor owns: two stakes a bet. */
  readonly wealth: Float64Array;
  /** Sums of squared scores in units of the population's deviation, `(classCount, changes)`. */
  readonly squares: Float32Array;
  /** Windows in those sums, `(classCount,)`. */
  readonly counts: Uint32Array;
}

/** Evidence of known changes for one person. One owner. */
export interface ChangeWatch {
  /**
   * Bets on the window that the directions have measured last.
   *
   * - Allocates nothing.
   *
   * @param isLate whether only gross deviations count
   * @returns true when one bettor owns so much that its series alone is believed
   */
  observe(label: number, isLate: boolean): boolean;
  /** Half of a series' evidence: the mean over its changes; null of a series that has none. */
  evidenceOf(line: number): number | null;
  /** Evidence of the change that leads: the one of a series that has the most. */
  strongestOf(line: number): number;
  /** How much of a unit the last window lies towards the change that led before it, `(series,)`. */
  readonly shares: Float64Array;
  /** Likewise in the person's own standard deviations, 0 or more. */
  readonly deviations: Float64Array;
  /** Standard deviations towards the change that the last window shows most of, `(series,)`: what a channel is suspected by. */
  readonly largest: Float64Array;
  restart(): void;
  state(): ChangeWatchState;
}

/** Share that normal windows show of a change on average, with slack. Half of a distance's: a bet is on one side only. */
export const changeReferenceRate = 0.08;
/** Stakes for changes that are small in most windows, and for those that are plain in every one. */
const multipliers: readonly number[] = [0.3, 0.9];
/**
 * Scores in units of their limit: at `from` a window counts nothing, at `to` it counts fully. A gain shows in the noise, which hardly
 * differs from visit to visit; offsets and swaps show in the posture as well, which does. Later windows of a visit count for less.
 */
const gainRanges = { early: { from: 0.6, to: 1.4 }, late: { from: 0.9, to: 2 } };
const postureRanges = { early: { from: 0.6, to: 2 }, late: { from: 1, to: 3 } };
/** A limit is the quantile .95 of normal windows: so many standard deviations. */
const limitDeviations = 1.96;
/** How a person's windows spread along a change is taken from this many of each class behind the past, and then stays. */
const measuredCount = 96;
/** The population's spread weighs as much as so many; less where the person spreads more, because a false alarm costs more than a late one. */
const priorCount = 16;
const doubtfulPriorCount = 4;
/** One odd window counts for no more than ten deviations. */
const squareMax = 100;

/**
 * Creates the watch on known changes, or goes on from a state.
 *
 * - **Bets**: two for each gain and offset, upwards and downwards, one for each swap. Each is an e-detector of the share of a
 *   unit that a window lies towards the change.
 * - **Scale**: the population's limit of the class, multiplied by how the person's own windows spread beside it; a bet on a window
 *   uses earlier windows only.
 *
 * @param limit evidence that a series needs by itself
 */
export function createChangeWatch(
  reference: FeatureReference,
  { changes, scores }: ChangeDirections,
  limit: number,
  state?: ChangeWatchState,
): ChangeWatch {
  const { changeLimits, classCount, layout } = reference;
  const changeCount = changes.length;
  const betCount = 2 * changeCount;
  const lineCount = layout.series.length;
  // Change k upwards is bet 2k, downwards 2k + 1.
  const betsOf = layout.series.map((_, line) =>
    Uint16Array.from(
      changes.flatMap(({ kind, series }, index) =>
        !series.includes(line) ? [] : kind === "swap" ? [2 * index] : [2 * index, 2 * index + 1],
      ),
    ),
  );
  // A bettor who owns this has brought its series to its limit alone.
  const averageRunLengthMin = Math.max(10, ...betsOf.map((bets) => 2 * bets.length * limit));
  const config = { referenceRate: changeReferenceRate, averageRunLengthMin, multipliers };
  const stakeCount = multipliers.length;
  const cells = classCount * changeCount;
  if (
    state !== undefined &&
    (state.wealth.length !== betCount * stakeCount ||
      state.squares.length !== cells ||
      state.counts.length !== classCount)
  ) {
    throw new Defect(
      "detector.state_invalid",
      `state has ${state.wealth.length} wealths and ${state.squares.length} squares of changes, ${betCount * stakeCount} and ${cells} are needed`,
    );
  }
  const bets = Array.from({ length: betCount }, (_, bet): EDetector => {
    if (state === undefined) return createEDetector(config);
    const wealth = Array.from(state.wealth.subarray(bet * stakeCount, (bet + 1) * stakeCount));
    return createEDetector(config, {
      wealth,
      sampleCount: 0,
      samplesSinceAlarm: 1,
      alarmCount: 0,
    });
  });
  const squares = state?.squares.slice() ?? new Float32Array(cells);
  const counts = state?.counts.slice() ?? new Uint32Array(classCount);
  const evidences = new Float64Array(betCount);
  const betShares = new Float64Array(betCount);
  const betDeviations = new Float64Array(changeCount);
  const leaders = new Int16Array(lineCount).fill(-1);
  const shares = new Float64Array(lineCount);
  const deviations = new Float64Array(lineCount);
  const largest = new Float64Array(lineCount);
  bets.forEach((one, index) => {
    evidences[index] = one.evidence();
  });
  lead();

  function lead(): void {
    for (let line = 0; line < lineCount; line++) {
      const own = betsOf[line] as Uint16Array;
      let leader = -1;
      let most = 0;
      for (let k = 0; k < own.length; k++) {
        const evidence = evidences[own[k] as number] as number;
        if (evidence > most) {
          most = evidence;
          leader = own[k] as number;
        }
      }
      leaders[line] = leader;
    }
  }

  function place(index: number, at: number): boolean {
    const detector = bets[index] as EDetector;
    const share = Math.min(1, Math.max(0, at));
    const isAlarm = detector.observe(share);
    betShares[index] = share;
    evidences[index] = isAlarm ? detector.alarmEvidence() : detector.evidence();
    return isAlarm;
  }

  return {
    shares,
    deviations,
    largest,
    observe(label, isLate) {
      const count = counts[label] as number;
      const isMeasured = count >= measuredCount;
      let hasAlarm = false;
      for (let index = 0; index < changeCount; index++) {
        const cell = label * changeCount + index;
        const score =
          (limitDeviations * (scores[index] as number)) / (changeLimits[cell] as number);
        const square = squares[cell] as number;
        const prior = square > count ? doubtfulPriorCount : priorCount;
        const own = Math.sqrt((prior + square) / (prior + count));
        const kind = changes[index]?.kind;
        const ranges = kind === "gain" ? gainRanges : postureRanges;
        const { from, to } = isLate ? ranges.late : ranges.early;
        const deviation = score / own;
        const ratio = deviation / limitDeviations;
        betDeviations[index] = deviation;
        if (place(2 * index, (ratio - from) / (to - from))) hasAlarm = true;
        // A window that lies away from a swap says nothing.
        if (kind !== "swap" && place(2 * index + 1, (-ratio - from) / (to - from))) hasAlarm = true;
        if (!isMeasured) {
          squares[cell] = square + Math.min(squareMax, score * score);
        }
      }
      if (!isMeasured) counts[label] = count + 1;
      for (let line = 0; line < lineCount; line++) {
        const leader = leaders[line] as number;
        shares[line] = leader < 0 ? 0 : (betShares[leader] as number);
        deviations[line] = leader < 0 ? 0 : Math.abs(betDeviations[leader >> 1] as number);
        const own = betsOf[line] as Uint16Array;
        let most = 0;
        for (let k = 0; k < own.length; k++) {
          const index = own[k] as number;
          const deviation = betDeviations[index >> 1] as number;
          most = Math.max(most, index % 2 === 0 ? deviation : -deviation);
        }
        largest[line] = most;
      }
      lead();
      return hasAlarm;
    },
    evidenceOf(line) {
      const own = betsOf[line];
      if (own === undefined || own.length === 0) return null;
      let sum = 0;
      for (let k = 0; k < own.length; k++) sum += evidences[own[k] as number] as number;
      return sum / own.length;
    },
    strongestOf(line) {
      const leader = leaders[line] ?? -1;
      return leader < 0 ? 0 : (evidences[leader] as number);
    },
    restart() {
      bets.forEach((_, index) => {
        bets[index] = createEDetector(config);
      });
      evidences.fill(0);
      leaders.fill(-1);
    },
    state: () => ({
      wealth: Float64Array.from(bets.flatMap((one) => one.state().wealth)),
      squares: squares.slice(),
      counts: counts.slice(),
    }),
  };
}
