// What two models' answers to the same questions are counted as. It must not judge them.
import { Defect, type PairedCounts } from "@attune/protocol";

/** Nothing compared yet. */
export const noPairs: PairedCounts = { n: 0, wins: 0, losses: 0 };

/**
 * Counts one more pair.
 *
 * @example
 * addPair(noPairs, true, false); // => { n: 1, wins: 1, losses: 0 }
 */
export function addPair(
  counts: PairedCounts,
  challengerCorrect: boolean,
  championCorrect: boolean,
): PairedCounts {
  return {
    n: counts.n + 1,
    wins: counts.wins + (challengerCorrect && !championCorrect ? 1 : 0),
    losses: counts.losses + (championCorrect && !challengerCorrect ? 1 : 0),
  };
}

/** The same pairs with champion and challenger in each other's place. */
export function swapRoles(counts: PairedCounts): PairedCounts {
  return { n: counts.n, wins: counts.losses, losses: counts.wins };
}

/** @throws {@link Defect} `pairs.counts_invalid` unless the counts are whole, not negative and add up. */
export function assertPairedCounts(counts: PairedCounts): void {
  const { n, wins, losses } = counts;
  const areWhole = [n, wins, losses].every((value) => Number.isSafeInteger(value) && value >= 0);
  if (!areWhole || wins + losses > n) {
    throw new Defect(
      "pairs.counts_invalid",
      `${wins} wins and ${losses} losses of ${n} pairs; all must be whole, not negative, and wins and losses within the pairs`,
    );
  }
}
