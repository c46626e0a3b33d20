// Which of many alarms to believe. It must not know where the evidence comes from.
import { Defect } from "@attune/protocol";

/**
 * How many of the series with the most evidence are believed, so that at most the share `alpha` of what is believed is false.
 *
 * - Believes the largest `k` for which the `k`-th largest e-value is at least `count / (alpha · k)`. Whatever the dependence between
 *   the series. Pure; O(count log count), allocates one array.
 * - Range: 0 to `evidences.length`. The ones to believe are the `k` largest.
 *
 * The share holds for e-values at one look. Evidence of e-detectors grows in the long run also without a change: asked with `alpha = 1 / averageRunLengthMin` after
 * each observation, what holds is the run length. While nothing has changed, the average time to the first belief is at least `averageRunLengthMin`,
 * because `k` that are believed make the mean of all at least that, and a mean of e-detectors is one. An evidence that reaches `count · averageRunLengthMin` is
 * believed by itself, two together need half of that each.
 *
 * @param evidences each 0 or more; infinite ones count as certain.
 * @throws {@link Defect} `detector.level_invalid`, `detector.evidence_invalid`.
 * @example
 * believedCount([90, 3, 70, 0], 0.1); // => 2
 * believedCount([30, 3, 10, 0], 0.1); // => 0
 * @see Wang and Ramdas 2022, "False discovery rate control with e-values", section 4; Shin, Ramdas and Rinaldo 2024,
 *   "E-detectors", section 2 (averages of e-detectors).
 */
export function believedCount(evidences: ArrayLike<number>, alpha: number): number {
  if (!(alpha > 0 && alpha <= 1)) {
    throw new Defect("detector.level_invalid", `alpha is ${alpha}, it must be in (0, 1]`);
  }
  const sorted = Float64Array.from(evidences).sort();
  // NaN sorts behind everything.
  if (sorted.length > 0 && !((sorted[0] as number) >= 0 && (sorted.at(-1) as number) >= 0)) {
    throw new Defect("detector.evidence_invalid", "an evidence is negative or NaN");
  }
  const count = sorted.length;
  for (let believed = count; believed >= 1; believed--) {
    if ((sorted[count - believed] as number) * alpha * believed >= count) return believed;
  }
  return 0;
}
