// EDDM: distances between errors that shrink. It must not know what the errors are of.
import { Defect } from "@attune/protocol";
import {
  createDriftDetector,
  type DriftDetector,
  type DriftDetectorState,
  ratesOnly,
} from "./driftDetector.ts";

/** What {@link createEddm} is told once; all of it may be left out. */
export interface EddmConfig {
  /** No answer but `normal` before there are more errors than this; 30 when left out. */
  readonly warmUpCount?: number;
  /** Share of the best distance below which it warns, `(0, 1]`; .95 when left out. */
  readonly warningRatio?: number;
  /** Share of the best distance below which it says drift, `(0, 1]`; .9 when left out. */
  readonly driftRatio?: number;
}

/** What EDDM remembers. */
export interface EddmMemory {
  count: number;
  lastErrorAt: number;
  errorCount: number;
  distanceMean: number;
  distanceSquares: number;
  bestDistance: number;
  isWarning: number;
}

const start: EddmMemory = {
  count: 0,
  lastErrorAt: 0,
  errorCount: 0,
  distanceMean: 0,
  distanceSquares: 0,
  bestDistance: 0,
  isWarning: 0,
};

/**
 * Creates an EDDM detector of errors that come closer together, or goes on from a state.
 *
 * - With mean `m` and deviation `s` of the distances between errors, it says drift when `m + 2 s` falls below `driftRatio` of
 *   the largest it ever was. A value of 1 is an error, every other one is none.
 * - O(1), 7 numbers of memory. **Promises nothing** about false alarms, and on steady streams it has many: the largest `m + 2 s`
 *   is mostly an early, noisy one.
 *
 * Variant: scikit-multiflow's and MOA's, which river followed too until it began to divide the squares by `n - 1`.
 *
 * @throws {@link Defect} `detector.config_invalid`, `detector.state_invalid`.
 * @example
 * const detector = createEddm();
 * for (let index = 0; index < 1000; index++) detector.observe(0);
 * let delay = 1;
 * while (detector.observe(1) !== "drift") delay++;
 * delay; // => 31
 * @see Baena-García et al. 2006, "Early drift detection method", section 3.
 */
export function createEddm(
  config: EddmConfig = {},
  state?: DriftDetectorState<EddmMemory>,
): DriftDetector<EddmMemory> {
  const { warmUpCount = 30, warningRatio = 0.95, driftRatio = 0.9 } = config;
  if (!(warmUpCount >= 1 && driftRatio > 0 && driftRatio <= warningRatio && warningRatio <= 1)) {
    throw new Defect(
      "detector.config_invalid",
      `warm up ${warmUpCount} must be 1 or more, ratios ${driftRatio} and ${warningRatio} in (0, 1], the warning's not the smaller`,
    );
  }
  return createDriftDetector<EddmMemory>(
    {
      kind: "eddm",
      memory: { ...start },
      ...ratesOnly,
      step(memory, value) {
        memory.count++;
        if (value !== 1) return memory.isWarning === 1 ? "warning" : "normal";
        memory.errorCount++;
        const distance = memory.count - memory.lastErrorAt;
        memory.lastErrorAt = memory.count;
        const before = distance - memory.distanceMean;
        memory.distanceMean += before / memory.errorCount;
        memory.distanceSquares += before * (distance - memory.distanceMean);
        memory.isWarning = 0;
        if (memory.count < warmUpCount - 1) return "normal";
        const reach =
          memory.distanceMean + 2 * Math.sqrt(memory.distanceSquares / memory.errorCount);
        if (reach > memory.bestDistance) {
          memory.bestDistance = reach;
          return "normal";
        }
        if (memory.errorCount <= warmUpCount) return "normal";
        const ratio = reach / memory.bestDistance;
        if (ratio < driftRatio) {
          Object.assign(memory, start);
          return "drift";
        }
        memory.isWarning = ratio < warningRatio ? 1 : 0;
        return memory.isWarning === 1 ? "warning" : "normal";
      },
    },
    state,
  );
}
