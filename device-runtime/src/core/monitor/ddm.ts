// DDM: an error rate that leaves its best by some of its deviations. It must not know what the errors are of.
import { Defect } from "@attune/protocol";
import {
  createDriftDetector,
  type DriftDetector,
  type DriftDetectorState,
  ratesOnly,
} from "./driftDetector.ts";

/** What {@link createDdm} is told once; all of it may be left out. */
export interface DdmConfig {
  /** No answer but `normal` in the first so many observations; 30 when left out. */
  readonly warmUpCount?: number;
  /** Deviations above the best rate at which it warns; 2 when left out. */
  readonly warningDeviations?: number;
  /** Deviations above the best rate at which it says drift; 3 when left out. */
  readonly driftDeviations?: number;
}

/** What DDM remembers. */
export interface DdmMemory {
  count: number;
  rate: number;
  /** Rate, deviation and their sum where that sum was least. */
  bestRate: number;
  bestDeviation: number;
  bestSum: number;
}

const start: DdmMemory = {
  count: 0,
  rate: 0,
  bestRate: Number.POSITIVE_INFINITY,
  bestDeviation: Number.POSITIVE_INFINITY,
  bestSum: Number.POSITIVE_INFINITY,
};

/**
 * Creates a DDM detector of a risen error rate, or goes on from a state.
 *
 * - With `p` the error rate since the start and `s = √(p (1 - p) / n)`, it says drift when `p + s` is above
 *   `pBest + driftDeviations · sBest`, taken where `p + s` was least.
 * - Takes errors as 1 and the rest as 0 (shares of blocks too). O(1), 5 numbers of memory.
 * - **Promises nothing** about false alarms: it looks after every sample with limits meant for one look. `createEDetector` does.
 *
 * Variant: river's. Scikit-multiflow and MOA begin one observation earlier; later scikit-multiflow compares with `>=`, so that
 * a stream of nothing but errors (`s = 0`) is drift at every thirtieth.
 *
 * @throws {@link Defect} `detector.config_invalid`, `detector.state_invalid`.
 * @example
 * const detector = createDdm();
 * for (let index = 0; index < 200; index++) detector.observe(index % 10 === 0 ? 1 : 0);
 * let delay = 1;
 * while (detector.observe(1) !== "drift") delay++;
 * delay; // => 10
 * @see Gama et al. 2004, "Learning with drift detection", section 3.
 */
export function createDdm(
  config: DdmConfig = {},
  state?: DriftDetectorState<DdmMemory>,
): DriftDetector<DdmMemory> {
  const { warmUpCount = 30, warningDeviations = 2, driftDeviations = 3 } = config;
  if (!(warmUpCount >= 1 && warningDeviations > 0 && driftDeviations >= warningDeviations)) {
    throw new Defect(
      "detector.config_invalid",
      `warm up ${warmUpCount} must be 1 or more, deviations ${warningDeviations} above 0 and at most ${driftDeviations}`,
    );
  }
  return createDriftDetector<DdmMemory>(
    {
      kind: "ddm",
      memory: { ...start },
      ...ratesOnly,
      step(memory, value) {
        memory.count++;
        memory.rate += (value - memory.rate) / memory.count;
        if (memory.count <= warmUpCount) return "normal";
        const { rate } = memory;
        const deviation = Math.sqrt((rate * (1 - rate)) / memory.count);
        const sum = rate + deviation;
        if (sum <= memory.bestSum) {
          memory.bestRate = rate;
          memory.bestDeviation = deviation;
          memory.bestSum = sum;
        }
        const driftLimit = memory.bestRate + driftDeviations * memory.bestDeviation;
        if (sum > driftLimit) {
          Object.assign(memory, start);
          return "drift";
        }
        const warningLimit = memory.bestRate + warningDeviations * memory.bestDeviation;
        return sum > warningLimit ? "warning" : "normal";
      },
    },
    state,
  );
}
