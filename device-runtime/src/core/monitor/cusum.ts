// CUSUM: sums of what lies above and below a known mean. It must not know what the numbers are of.
import { Defect } from "@attune/protocol";
import {
  anyNumber,
  createDriftDetector,
  type DriftDetector,
  type DriftDetectorState,
  detectorValueMax,
} from "./driftDetector.ts";

/** What {@link createCusum} is told once. */
export interface CusumConfig {
  /** The mean that is normal. */
  readonly target: number;
  /** A distance from it that does not count, 0 or more: half of the shift to be found, in the stream's own unit. */
  readonly slack: number;
  /** The sum at which it says drift, above 0, in the stream's own unit. */
  readonly driftSum: number;
  /** Whether a fall counts too; true when left out. */
  readonly isTwoSided?: boolean;
}

/** What CUSUM remembers. */
export interface CusumMemory {
  riseSum: number;
  fallSum: number;
  /** Observations since each sum was last 0: when a drift that shows now began. */
  riseLength: number;
  fallLength: number;
  /** Observations from the estimated onset to the last drift, that observation included; 0 before the first one. */
  lastDriftLength: number;
}

/**
 * Creates a two-sided CUSUM around a known mean, or goes on from a state.
 *
 * - `rise ← max(0, rise + x - target - slack)`, `fall ← max(0, fall + target - x - slack)`; drift when one reaches `driftSum`.
 *   O(1), 5 numbers of memory.
 * - With independent values, a known `target` and half of the true shift as `slack`, no rule with the same average run length
 *   finds that shift sooner (Lorden 1971). A `target` that is off makes it alarm steadily: prefer `createEDetector` then.
 * - `memory.lastDriftLength` dates the onset: the observations since the sum that alarmed was last 0.
 *
 * @throws {@link Defect} `detector.config_invalid`, `detector.state_invalid`.
 * @example
 * const detector = createCusum({ target: 0, slack: 0.5, driftSum: 5 });
 * for (const value of [0.2, -0.3, 0.1, 2, 2, 2]) detector.observe(value); // three of four that are needed
 * detector.observe(2); // => "drift"
 * detector.state().memory.lastDriftLength; // => 4
 * @see Page 1954, "Continuous inspection schemes", Biometrika 41; Montgomery, "Introduction to statistical quality control",
 *   section 9.1.2 (tabular CUSUM). Deviation: none.
 */
export function createCusum(
  config: CusumConfig,
  state?: DriftDetectorState<CusumMemory>,
): DriftDetector<CusumMemory> {
  const { target, slack, driftSum, isTwoSided = true } = config;
  if (
    !(
      Math.abs(target) <= detectorValueMax &&
      slack >= 0 &&
      slack <= detectorValueMax &&
      driftSum > 0
    )
  ) {
    throw new Defect(
      "detector.config_invalid",
      `target ${target} must be finite, slack ${slack} 0 or more, drift sum ${driftSum} above 0`,
    );
  }
  return createDriftDetector<CusumMemory>(
    {
      kind: "cusum",
      memory: { riseSum: 0, fallSum: 0, riseLength: 0, fallLength: 0, lastDriftLength: 0 },
      ...anyNumber,
      step(memory, value) {
        const apart = value - target;
        const rise = memory.riseSum + apart - slack;
        if (rise > 0) {
          memory.riseSum = rise;
          memory.riseLength++;
        } else {
          memory.riseSum = memory.riseLength = 0;
        }
        const fall = memory.fallSum - apart - slack;
        if (fall > 0) {
          memory.fallSum = fall;
          memory.fallLength++;
        } else {
          memory.fallSum = memory.fallLength = 0;
        }
        const isRise = memory.riseSum >= driftSum;
        const isFall = isTwoSided && memory.fallSum >= driftSum;
        if (!isRise && !isFall) return "normal";
        memory.lastDriftLength = isRise ? memory.riseLength : memory.fallLength;
        memory.riseSum = memory.fallSum = memory.riseLength = memory.fallLength = 0;
        return "drift";
      },
    },
    state,
  );
}
