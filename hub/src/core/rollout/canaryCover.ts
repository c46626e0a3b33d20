// Which minority a canary is sure to hold somebody of: what it cannot meet it cannot feel. Pure; it chooses no device.

/**
 * The chance that canaries, drawn without a preference, are none of some devices: hypergeometric.
 *
 * - Shape: whole numbers, `minority` and `canaries` at most `fleet`. Range: 0 to 1. Pure, O(canaries).
 *
 * @example
 * missChance(30, 9, 6).toFixed(3); // => "0.091"
 */
export function missChance(fleet: number, minority: number, canaries: number): number {
  let chance = 1;
  for (let drawn = 0; drawn < canaries; drawn += 1) {
    chance *= Math.max(0, fleet - minority - drawn) / (fleet - drawn);
  }
  return chance;
}

/**
 * The fewest canaries that miss a minority with a chance of at most `alpha`. About `ln(alpha) / ln(1 - share)`, however large the fleet.
 *
 * @param share of the fleet, in (0, 1]; 1 asks for one canary
 * @example
 * canariesFor(30, 0.3, 0.05); // => 8
 */
export function canariesFor(fleet: number, share: number, alpha: number): number {
  const minority = Math.max(1, Math.ceil(share * fleet));
  let canaries = Math.min(1, fleet);
  while (canaries < fleet && missChance(fleet, minority, canaries) > alpha) canaries += 1;
  return canaries;
}

/**
 * The smallest number of devices of which so many canaries are one with a chance of at least `1 - alpha`.
 *
 * @example
 * coveredMinority(30, 6, 0.05); // => 11
 */
export function coveredMinority(fleet: number, canaries: number, alpha: number): number {
  let [missed, met] = [0, fleet];
  // A larger minority is missed less often.
  while (met - missed > 1) {
    const middle = Math.floor((missed + met) / 2);
    if (missChance(fleet, middle, canaries) <= alpha) met = middle;
    else missed = middle;
  }
  return met;
}
