// Which of many alarms to believe. It must not know where the evidence comes from.
import { Defect } from "@attune/protocol";

/**
 * How many of the series with the most evidence are believed, so that at most the share `alpha` of what is believed is false.
 *
 * - Believes the largest `k` for which the `k`-th largest e-value is at least `count / (alpha · k)`. Whatever the dependence between
 *   the series. Pure; O(count log count), allocates one array.
 * - Range: 0 to `evidences.length`. The ones to believe are the `k` largest.
 *
 * For e-detectors ask it with `alpha = 1 / averageRunLengthMin`, and again after each observation: an evidence that reaches
 * `count · averageRunLengthMin` alone is believed by itself, two together need half of that each.
 *
 * @param evidences each 0 or more; infinite ones count as certain.
 * @throws {@link Defect} `detector.level_invalid`, `detector.evidence_invalid`.
 * @example
 * believedCount([90, 3, 70, 0], 0.1); // => 2
 * believedCount([30, 3, 10, 0], 0.1); // => 0
 * @see Wang and Ramdas 2022, "False discovery rate control with e-values", section 4; online at every look: Xu and Ramdas 2024,
 *   "Online multiple testing with e-values". Deviation: none.
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
