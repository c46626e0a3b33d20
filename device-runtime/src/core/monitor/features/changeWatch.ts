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
  /** The most evidence of a single change of a series. */
  strongestOf(line: number): number;
  /** The last window as the change sees it that had the most evidence for a series before that window. */
  readonly shares: Float64Array;
  /** Likewise in the person's own standard deviations, `(series,)`; below 0 for a change downwards, 0 before any. */
  readonly deviations: Float64Array;
  /** Likewise of the change that the last window shows most of, 0 or more: what a channel is suspected by. */
  readonly largest: Float64Array;
  /** Whether the leading change of a series has a direction: values that come from another axis have none. */
  isDirected(line: number): boolean;
  restart(): void;
  state(): ChangeWatchState;
}

/** Share that normal windows show of a change on average, with slack. Half of a distance's: a bet is on one side only. */
export const changeReferenceRate = 0.07;
/** Stakes for changes that are small in most windows, and for those that are plain in every one. */
const multipliers: readonly number[] = [0.3, 0.9];
/** Scores in units of their limit: at `from` a window counts nothing, at `to` it counts fully. */
const earlyRange = { from: 0.6, to: 1.4 };
const lateRange = { from: 1, to: 3 };
/** A limit is the quantile .95 of normal windows: so many standard deviations. */
const limitDeviations = 1.96;
/** How a person's windows spread along a change is taken from this many of each class behind the past, and then stays. */
const measuredCount = 48;
/** The population's spread weighs as much as so many. */
const priorCount = 16;
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
  // Up is bet 2k, down 2k + 1; a window that lies away from a swap says nothing.
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
  bets.forEach((bet, index) => {
    evidences[index] = bet.evidence();
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

  function bet(index: number, share: number): boolean {
    const detector = bets[index] as EDetector;
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
      const { from, to } = isLate ? lateRange : earlyRange;
      const count = counts[label] as number;
      const isMeasured = count >= measuredCount;
      let hasAlarm = false;
      for (let index = 0; index < changeCount; index++) {
        const cell = label * changeCount + index;
        const score = (limitDeviations * (scores[index] as number)) / (changeLimits[cell] as number);
        const own = Math.sqrt((priorCount + (squares[cell] as number)) / (priorCount + count));
        const deviation = score / own;
        const place = (deviation / limitDeviations - 0) / (to - from);
        const begin = from / (to - from);
        betDeviations[index] = deviation;
        if (bet(2 * index, Math.min(1, Math.max(0, place - begin)))) hasAlarm = true;
        if (changes[index]?.kind !== "swap") {
          if (bet(2 * index + 1, Math.min(1, Math.max(0, -place - begin)))) hasAlarm = true;
        }
        if (!isMeasured) {
          squares[cell] = (squares[cell] as number) + Math.min(squareMax, score * score);
        }
      }
      if (!isMeasured) counts[label] = count + 1;
      for (let line = 0; line < lineCount; line++) {
        const leader = leaders[line] as number;
        shares[line] = leader < 0 ? 0 : (betShares[leader] as number);
        deviations[line] = leader < 0 ? 0 : (betDeviations[leader >> 1] as number);
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
    isDirected: (line) => changes[(leaders[line] ?? -1) >> 1]?.kind !== "swap",
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
