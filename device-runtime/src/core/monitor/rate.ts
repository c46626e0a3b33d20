// What a count of events among tries says about their rate. It must not raise an alarm.
import { Defect } from "@attune/protocol";

/** A range of rates within `[0, 1]`. */
export interface RateInterval {
  readonly low: number;
  readonly high: number;
}

/**
 * The rates that go with so many hits among so many tries: Wilson's score interval.
 *
 * - Range: within `[0, 1]`; all of it when nothing was tried. Pure, O(1).
 *
 * For one look at independent tries, as in a table at the end. A rate that is watched needs evidence that allows for looking:
 * `createEDetector`, `differenceInterval`.
 *
 * @param deviations half width in standard deviations: 1.96 for 95 %.
 * @throws {@link Defect} `rate.counts_invalid`.
 * @example
 * wilsonInterval(0, 0, 1.96); // => { low: 0, high: 1 }
 * @see Wilson 1927, "Probable inference, the law of succession, and statistical inference".
 */
export function wilsonInterval(hits: number, count: number, deviations: number): RateInterval {
  if (!(hits >= 0 && hits <= count && deviations > 0)) {
    throw new Defect(
      "rate.counts_invalid",
      `${hits} hits of ${count} tries at ${deviations} deviations; hits must be within the tries, deviations above 0`,
    );
  }
  if (count === 0) return { low: 0, high: 1 };
  const share = hits / count;
  const square = deviations ** 2 / count;
  const middle = (share + square / 2) / (1 + square);
  const half =
    (deviations * Math.sqrt((share * (1 - share)) / count + square / count / 4)) / (1 + square);
  return { low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
}

/**
 * A person's own mean rate, pulled towards that of all people as long as little is known of the person.
 *
 * - Range: between the two. Pure.
 *
 * @param populationRate the rate of all people, counted as if `priorCount` observations of this person had shown it.
 * @param sum sum of the person's own observations.
 * @param count how many those were.
 * @example
 * shrunkRate(0.05, 20, 6, 20); // => 0.175
 */
export function shrunkRate(
  populationRate: number,
  priorCount: number,
  sum: number,
  count: number,
): number {
  const weight = priorCount + count;
  return weight === 0 ? populationRate : (populationRate * priorCount + sum) / weight;
}
