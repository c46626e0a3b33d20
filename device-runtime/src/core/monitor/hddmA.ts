// HDDM_A: two averages that are further apart than Hoeffding's bound allows. It must not know what the numbers are of.
import { Defect } from "@attune/protocol";
import {
  createDriftDetector,
  type DriftDetector,
  type DriftDetectorState,
  ratesOnly,
} from "./driftDetector.ts";

/** What {@link createHddmA} is told once; all of it may be left out. */
export interface HddmAConfig {
  /** Whose rule is followed to the letter; `river` when left out. */
  readonly variant?: "river" | "scikit-multiflow";
  /** Error probability of one comparison, `(0, 1)`; .001 when left out. */
  readonly driftConfidence?: number;
  /** The same for a warning; .005 when left out. */
  readonly warningConfidence?: number;
  /** Whether a fall of the mean counts too; false when left out. */
  readonly isTwoSided?: boolean;
}

/** What HDDM_A remembers. */
export interface HddmAMemory {
  count: number;
  sum: number;
  /** Count and sum of the beginning whose mean, bound included, was lowest. */
  lowCount: number;
  lowSum: number;
  /** Count and sum of the beginning whose mean, bound included, was highest. */
  highCount: number;
  highSum: number;
}

const start: HddmAMemory = { count: 0, sum: 0, lowCount: 0, lowSum: 0, highCount: 0, highSum: 0 };

/**
 * Creates an HDDM_A detector of a changed mean of numbers in `[0, 1]`, or goes on from a state.
 *
 * - Keeps the beginning of the stream whose mean, with its Hoeffding bound, is lowest (highest for a fall) and compares the mean
 *   of everything with it. O(1), 6 numbers of memory.
 * - `driftConfidence` holds for one comparison of independent values. It makes one after every value, so alarms on a steady
 *   stream are not bounded by it.
 *
 * Variants: in `river` a fall is a drift when two-sided; in `scikit-multiflow` a fall only starts the averages again, silently.
 *
 * @throws {@link Defect} `detector.config_invalid`, `detector.state_invalid`.
 * @example
 * const detector = createHddmA();
 * for (let index = 0; index < 200; index++) detector.observe(index % 10 === 0 ? 1 : 0);
 * let delay = 1;
 * while (detector.observe(1) !== "drift") delay++;
 * delay; // => 5
 * @see Frías-Blanco et al. 2014, "Online and non-parametric drift detection methods based on Hoeffding's bounds", algorithm 1.
 */
export function createHddmA(
  config: HddmAConfig = {},
  state?: DriftDetectorState<HddmAMemory>,
): DriftDetector<HddmAMemory> {
  const { variant = "river", driftConfidence = 0.001, warningConfidence = 0.005 } = config;
  const { isTwoSided = false } = config;
  if (!(driftConfidence > 0 && driftConfidence <= warningConfidence && warningConfidence < 1)) {
    throw new Defect(
      "detector.config_invalid",
      `confidences ${driftConfidence} and ${warningConfidence} must be in (0, 1), the warning's not the smaller`,
    );
  }
  const isRiver = variant === "river";
  const cutNats = Math.log(1 / driftConfidence);
  const driftNats = Math.log(2 / driftConfidence);
  const warningNats = Math.log(2 / warningConfidence);

  /** Whether a mean of `count` is `gap` away from that of its first `partCount` by more than chance allows. */
  function isApart(gap: number, count: number, partCount: number, nats: number): boolean {
    if (count === partCount) return false;
    const ratio = ((count - partCount) / partCount) * (1 / count);
    return gap >= Math.sqrt((ratio / 2) * nats);
  }

  return createDriftDetector<HddmAMemory>(
    {
      kind: "hddmA",
      memory: { ...start },
      ...ratesOnly,
      step(memory, value) {
        memory.count++;
        memory.sum += value;
        const { count, sum } = memory;
        const mean = sum / count;
        if (count === 1) {
          memory.lowCount = memory.highCount = count;
          memory.lowSum = memory.highSum = sum;
        }
        const bound = Math.sqrt((1 / (2 * count)) * cutNats);
        const lowBound = Math.sqrt((1 / (2 * memory.lowCount)) * cutNats);
        if (memory.lowSum / memory.lowCount + lowBound >= mean + bound) {
          memory.lowCount = count;
          memory.lowSum = sum;
        }
        const highBound = Math.sqrt((1 / (2 * memory.highCount)) * cutNats);
        if (memory.highSum / memory.highCount - highBound <= mean - bound) {
          memory.highCount = count;
          memory.highSum = sum;
        }
        const rise = mean - memory.lowSum / memory.lowCount;
        const fall = memory.highSum / memory.highCount - mean;
        const isRise = isApart(rise, count, memory.lowCount, driftNats);
        const isFall = isTwoSided && isApart(fall, count, memory.highCount, driftNats);
        let isWarning = isApart(rise, count, memory.lowCount, warningNats);
        if (isRiver && isTwoSided && isApart(fall, count, memory.highCount, warningNats)) {
          isWarning = true;
        }
        if (isRise || isFall) Object.assign(memory, start);
        if (isRise || (isRiver && isFall)) return "drift";
        return isWarning ? "warning" : "normal";
      },
    },
    state,
  );
}
