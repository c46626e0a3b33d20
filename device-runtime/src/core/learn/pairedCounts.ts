// What two models' answers to the same questions are counted as. It must not judge them.
import { Defect } from "@attune/protocol";

/** How often a challenger and a champion were asked the same question, and how often they differed in being right. */
export interface PairedCounts {
  /** All pairs, also those where both were right or both wrong. */
  readonly count: number;
  /** Pairs where the challenger was right and the champion wrong. */
  readonly wins: number;
  /** Pairs where the challenger was wrong and the champion right. */
  readonly losses: number;
}

/** Nothing compared yet. */
export const noPairs: PairedCounts = { count: 0, wins: 0, losses: 0 };

/**
 * Counts one more pair.
 *
 * @example
 * addPair(noPairs, true, false); // => { count: 1, wins: 1, losses: 0 }
 */
export function addPair(
  counts: PairedCounts,
  challengerCorrect: boolean,
  championCorrect: boolean,
): PairedCounts {
  return {
    count: counts.count + 1,
    wins: counts.wins + (challengerCorrect && !championCorrect ? 1 : 0),
    losses: counts.losses + (championCorrect && !challengerCorrect ? 1 : 0),
  };
}

/** The same pairs with champion and challenger in each other's place. */
export function swapRoles(counts: PairedCounts): PairedCounts {
  return { count: counts.count, wins: counts.losses, losses: counts.wins };
}

/** @throws {@link Defect} `pairs.counts_invalid` unless the counts are whole, not negative and add up. */
export function assertPairedCounts(counts: PairedCounts): void {
  const { count, wins, losses } = counts;
  const areWhole = [count, wins, losses].every(
    (value) => Number.isSafeInteger(value) && value >= 0,
  );
  if (!areWhole || wins + losses > count) {
    throw new Defect(
      "pairs.counts_invalid",
      `${wins} wins and ${losses} losses of ${count} pairs; all must be whole, not negative, and wins and losses within the pairs`,
    );
  }
}
