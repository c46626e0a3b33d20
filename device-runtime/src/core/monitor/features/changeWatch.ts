// Bets on the known kinds of sensor fault: evidence of each, measured by what the person's own windows show of it. It must not name a channel.
import { Defect } from "@attune/protocol";
import type { ChangeDirections } from "./channelChanges.ts";
import type { FeatureReference } from "./featureReference.ts";

/** All that a {@link ChangeWatch} remembers; plain data. */
export interface ChangeWatchState {
  /** What each bettor owns, `(bets,)`. */
  readonly wealth: Float64Array;
  /** Sums of squared scores in units of the population's deviation, `(classCount, changes)`. */
  readonly squares: Float32Array;
  /** Windows in those sums, `(classCount,)`. */
  readonly counts: Uint32Array;
}

/** Evidence of known changes for one person. One owner. */
export interface ChangeWatch {
  /**
   * Bets on the window that the directions have measured last. Allocates nothing.
   *
   * @param isLate whether only gross deviations count
   */
  observe(label: number, isLate: boolean): void;
  /** Whether any change is looked for in a series. */
  isWatched(line: number): boolean;
  /** Mean evidence over the changes of each series, `(series,)`. */
  readonly means: Float64Array;
  /** Evidence of the change that leads: the one of a series that has the most, `(series,)`. */
  readonly strongest: Float64Array;
  /** How much of a unit the last window lies towards the change that led before it, `(series,)`. */
  readonly shares: Float64Array;
  /** Likewise in the person's own standard deviations, 0 or more. */
  readonly deviations: Float64Array;
  /** Standard deviations towards the change that the last window shows most of, `(series,)`: what a channel is suspected by. */
  readonly largest: Float64Array;
  restart(): void;
  state(): ChangeWatchState;
}

/** Share that normal windows show of a change on average, with ample slack: it is .04 of one that is distributed normally. */
export const changeReferenceRate = 0.08;
/** What a bettor places on a whole share: nine tenths of what `createEDetector` allows. A change that is looked for is plain in most windows. */
const stake = 2.7;
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
 * - **Bets**: two for each gain and offset, upwards and downwards, one for each swap. Each keeps the sum of an e-detector with one
 *   stake, `M <- (1 + stake (share - rate)) (M + 1)`, of the share of a unit that a window lies towards the change.
 * - **Scale**: the population's limit of the class, multiplied by how the person's own windows spread beside it; a bet on a window
 *   uses earlier windows only.
 *
 * @throws {@link Defect} `detector.state_invalid`.
 */
export function createChangeWatch(
  reference: FeatureReference,
  { changes, scores }: ChangeDirections,
  state?: ChangeWatchState,
): ChangeWatch {
  const { changeLimits, classCount, layout } = reference;
  const changeCount = changes.length;
  const lineCount = layout.series.length;
  // Bet k is on change k upwards, those behind on gains and offsets downwards; a window that lies away from a swap says nothing.
  const downCount = changes.filter(({ kind }) => kind !== "swap").length;
  const betCount = changeCount + downCount;
  const betsOf = layout.series.map((_, line) =>
    Uint16Array.from(
      changes.flatMap(({ kind, series }, index) =>
        !series.includes(line) ? [] : kind === "swap" ? [index] : [index, changeCount + index],
      ),
    ),
  );
  const cells = classCount * changeCount;
  if (
    state !== undefined &&
    (state.wealth.length !== betCount ||
      !state.wealth.every((owned) => owned >= 0 && owned < Number.POSITIVE_INFINITY) ||
      state.squares.length !== cells ||
      state.counts.length !== classCount)
  ) {
    throw new Defect(
      "detector.state_invalid",
      `state has ${state.wealth.length} wealths and ${state.squares.length} squares of changes, ${betCount} and ${cells} are needed`,
    );
  }
  const wealth = state?.wealth.slice() ?? new Float64Array(betCount);
  const squares = state?.squares.slice() ?? new Float32Array(cells);
  const counts = state?.counts.slice() ?? new Uint32Array(classCount);
  const betShares = new Float64Array(betCount);
  const betDeviations = new Float64Array(betCount);
  const leaders = new Int16Array(lineCount).fill(-1);
  const means = new Float64Array(lineCount);
  const strongest = new Float64Array(lineCount);
  const shares = new Float64Array(lineCount);
  const deviations = new Float64Array(lineCount);
  const largest = new Float64Array(lineCount);
  lead();

  /** Adds up what the bettors own by series. */
  function lead(): void {
    for (let line = 0; line < lineCount; line++) {
      const own = betsOf[line] as Uint16Array;
      let leader = -1;
      let most = 0;
      let sum = 0;
      for (let k = 0; k < own.length; k++) {
        const evidence = wealth[own[k] as number] as number;
        sum += evidence;
        if (evidence > most) {
          most = evidence;
          leader = own[k] as number;
        }
      }
      leaders[line] = leader;
      strongest[line] = most;
      means[line] = own.length === 0 ? 0 : sum / own.length;
    }
  }

  /** Places a bet on how much of a unit the window lies towards a change, by what is in `betDeviations`. */
  function bet(index: number, { from, to }: { readonly from: number; readonly to: number }): void {
    const place = ((betDeviations[index] as number) / limitDeviations - from) / (to - from);
    const share = Math.min(1, Math.max(0, place));
    const grown = 1 + stake * (share - changeReferenceRate);
    wealth[index] = grown * ((wealth[index] as number) + 1);
    betShares[index] = share;
  }

  return {
    means,
    strongest,
    shares,
    deviations,
    largest,
    observe(label, isLate) {
      const count = counts[label] as number;
      const isMeasured = count >= measuredCount;
      for (let index = 0; index < changeCount; index++) {
        const cell = label * changeCount + index;
        const score =
          (limitDeviations * (scores[index] as number)) / (changeLimits[cell] as number);
        const square = squares[cell] as number;
        const prior = square > count ? doubtfulPriorCount : priorCount;
        const own = Math.sqrt((prior + square) / (prior + count));
        const kind = changes[index]?.kind;
        const ranges = kind === "gain" ? gainRanges : postureRanges;
        const range = isLate ? ranges.late : ranges.early;
        betDeviations[index] = score / own;
        bet(index, range);
        if (index < downCount) {
          betDeviations[changeCount + index] = -score / own;
          bet(changeCount + index, range);
        }
        if (!isMeasured) {
          squares[cell] = square + Math.min(squareMax, score * score);
        }
      }
      if (!isMeasured) counts[label] = count + 1;
      for (let line = 0; line < lineCount; line++) {
        const leader = leaders[line] as number;
        shares[line] = leader < 0 ? 0 : (betShares[leader] as number);
        deviations[line] = leader < 0 ? 0 : Math.abs(betDeviations[leader] as number);
        const own = betsOf[line] as Uint16Array;
        let most = 0;
        for (let k = 0; k < own.length; k++) {
          most = Math.max(most, betDeviations[own[k] as number] as number);
        }
        largest[line] = most;
      }
      lead();
    },
    isWatched: (line) => (betsOf[line]?.length ?? 0) > 0,
    restart() {
      wealth.fill(0);
      lead();
    },
    state: () => ({
      wealth: wealth.slice(),
      squares: squares.slice(),
      counts: counts.slice(),
    }),
  };
}
