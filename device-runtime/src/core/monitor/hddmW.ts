// HDDM_W: two moving averages that are further apart than McDiarmid's bound allows. It must not know what the numbers are of.
import { Defect } from "@attune/protocol";
import {
  createDriftDetector,
  type DriftDetector,
  type DriftDetectorState,
  ratesOnly,
} from "./driftDetector.ts";

/** What {@link createHddmW} is told once; all of it may be left out. */
export interface HddmWConfig {
  /** Whose rule is followed to the letter; `river` when left out. */
  readonly variant?: "river" | "scikit-multiflow";
  /** Error probability of one comparison, `(0, 1)`; .001 when left out. */
  readonly driftConfidence?: number;
  /** The same for a warning; .005 when left out. */
  readonly warningConfidence?: number;
  /** Weight of the newest value in a moving average, `(0, 1)`; .05 when left out. */
  readonly newestWeight?: number;
  /** Whether a fall of the mean counts too; false when left out. */
  readonly isTwoSided?: boolean;
}

/** What HDDM_W remembers: moving averages, each with the sum of its squared weights; -1 for an average of nothing. */
export interface HddmWMemory {
  mean: number;
  spread: number;
  /** Before a possible rise, and since. */
  riseCut: number;
  riseBeforeMean: number;
  riseBeforeSpread: number;
  riseSinceMean: number;
  riseSinceSpread: number;
  /** Before a possible fall, and since. */
  fallCut: number;
  fallBeforeMean: number;
  fallBeforeSpread: number;
  fallSinceMean: number;
  fallSinceSpread: number;
}

const start: HddmWMemory = {
  mean: -1,
  spread: 1,
  riseCut: Number.POSITIVE_INFINITY,
  riseBeforeMean: -1,
  riseBeforeSpread: 1,
  riseSinceMean: -1,
  riseSinceSpread: 1,
  fallCut: Number.NEGATIVE_INFINITY,
  fallBeforeMean: -1,
  fallBeforeSpread: 1,
  fallSinceMean: -1,
  fallSinceSpread: 1,
};

/**
 * Creates an HDDM_W detector of a changed mean of numbers in `[0, 1]`, or goes on from a state.
 *
 * - Compares a moving average of the values since a possible change with that before it, against McDiarmid's bound for
 *   exponentially weighted sums. Fast on large steps, blind to small ones: the bound never gets narrower than its `newestWeight`
 *   lets it. O(1), 12 numbers of memory.
 * - `driftConfidence` holds for one comparison of independent values; it makes one after every value.
 *
 * Variants differ in the two-sided rule: in `river` (0.13 and later) a fall is a drift; in `scikit-multiflow`, which river
 * followed before, its cut starts at infinity and is never reached, so a fall never shows. `river` also counts a first value's
 * weight once more.
 *
 * @throws {@link Defect} `detector.config_invalid`, `detector.state_invalid`.
 * @example
 * const detector = createHddmW();
 * for (let index = 0; index < 200; index++) detector.observe(index % 10 === 0 ? 1 : 0);
 * let delay = 1;
 * while (detector.observe(1) !== "drift") delay++;
 * delay; // => 16
 * @see Frías-Blanco et al. 2014, "Online and non-parametric drift detection methods based on Hoeffding's bounds", algorithm 2.
 */
export function createHddmW(
  config: HddmWConfig = {},
  state?: DriftDetectorState<HddmWMemory>,
): DriftDetector<HddmWMemory> {
  const { variant = "river", driftConfidence = 0.001, warningConfidence = 0.005 } = config;
  const { newestWeight = 0.05, isTwoSided = false } = config;
  if (
    !(driftConfidence > 0 && driftConfidence <= warningConfidence && warningConfidence < 1) ||
    !(newestWeight > 0 && newestWeight < 1)
  ) {
    throw new Defect(
      "detector.config_invalid",
      `confidences ${driftConfidence} and ${warningConfidence} and the newest weight ${newestWeight} must be in (0, 1), the warning's confidence not the smaller`,
    );
  }
  const isRiver = variant === "river";
  const oldWeight = 1 - newestWeight;
  const oldSquare = oldWeight * oldWeight;
  const newestSquare = newestWeight * newestWeight;
  const driftNats = Math.log(1 / driftConfidence);
  const warningNats = Math.log(1 / warningConfidence);
  const firstSpread = isRiver ? newestSquare + oldSquare : 1;
  const seesFalls = isTwoSided && isRiver;

  return createDriftDetector<HddmWMemory>(
    {
      kind: "hddmW",
      memory: { ...start },
      ...ratesOnly,
      step(memory, value) {
        if (memory.mean < 0) {
          memory.spread = firstSpread;
          memory.mean = value;
        } else {
          memory.spread = newestSquare + oldSquare * memory.spread;
          memory.mean = newestWeight * value + oldWeight * memory.mean;
        }
        const bound = Math.sqrt((memory.spread * driftNats) / 2);

        if (memory.mean + bound < memory.riseCut) {
          memory.riseCut = memory.mean + bound;
          memory.riseBeforeMean = memory.mean;
          memory.riseBeforeSpread = memory.spread;
          memory.riseSinceMean = -1;
          memory.riseSinceSpread = 1;
        } else {
          if (memory.riseSinceMean < 0) {
            memory.riseSinceSpread = firstSpread;
            memory.riseSinceMean = value;
          } else {
            memory.riseSinceSpread = newestSquare + oldSquare * memory.riseSinceSpread;
            memory.riseSinceMean = newestWeight * value + oldWeight * memory.riseSinceMean;
          }
        }
        let isDrift = false;
        let isWarning = false;
        if (memory.riseSinceMean >= 0) {
          const rise = memory.riseSinceMean - memory.riseBeforeMean;
          const spread = memory.riseBeforeSpread + memory.riseSinceSpread;
          isDrift = rise > Math.sqrt((spread * driftNats) / 2);
          isWarning = rise > Math.sqrt((spread * warningNats) / 2);
        }

        if (seesFalls) {
          if (memory.mean - bound > memory.fallCut) {
            memory.fallCut = memory.mean - bound;
            memory.fallBeforeMean = memory.mean;
            memory.fallBeforeSpread = memory.spread;
            memory.fallSinceMean = -1;
            memory.fallSinceSpread = 1;
          } else {
            if (memory.fallSinceMean < 0) {
              memory.fallSinceSpread = firstSpread;
              memory.fallSinceMean = value;
            } else {
              memory.fallSinceSpread = newestSquare + oldSquare * memory.fallSinceSpread;
              memory.fallSinceMean = newestWeight * value + oldWeight * memory.fallSinceMean;
            }
            const fall = memory.fallBeforeMean - memory.fallSinceMean;
            const spread = memory.fallBeforeSpread + memory.fallSinceSpread;
            isDrift ||= fall > Math.sqrt((spread * driftNats) / 2);
            isWarning ||= fall > Math.sqrt((spread * warningNats) / 2);
          }
        }
        if (isDrift) {
          Object.assign(memory, start);
          return "drift";
        }
        return isWarning ? "warning" : "normal";
      },
    },
    state,
  );
}
