// Page-Hinkley: a sum of what lies above the mean. It must not know what the numbers are of.
import { Defect } from "@attune/protocol";
import {
  anyNumber,
  createDriftDetector,
  type DriftDetector,
  type DriftDetectorState,
} from "./driftDetector.ts";

/** What {@link createPageHinkley} is told once; all of it may be left out. */
export interface PageHinkleyConfig {
  /** Whose rule is followed to the letter; `river` when left out. */
  readonly variant?: "river" | "scikit-multiflow";
  /** No drift before so many observations; 30 when left out. */
  readonly warmUpCount?: number;
  /** A rise of the mean that does not count, in the stream's own unit; .005 when left out. */
  readonly slack?: number;
  /** The sum at which it says drift, in the stream's own unit; 50 when left out. */
  readonly driftSum?: number;
  /** What remains of the sum from one observation to the next, `(0, 1]`; .9999 when left out. */
  readonly keptShare?: number;
}

/** What Page-Hinkley remembers. */
export interface PageHinkleyMemory {
  count: number;
  mean: number;
  sum: number;
  leastSum: number;
}

const start: PageHinkleyMemory = { count: 0, mean: 0, sum: 0, leastSum: Number.POSITIVE_INFINITY };

/**
 * Creates a Page-Hinkley detector of a risen mean, or goes on from a state.
 *
 * - `sum ← max(0, keptShare · sum + x - mean - slack)`, with the mean of everything so far; drift when it reaches `driftSum`.
 *   O(1), 4 numbers of memory. Its default `driftSum` suits streams whose deviation is about 1; no promise on false alarms.
 *
 * Variants: `river` says drift at `sum >= driftSum` from the observation before `warmUpCount` on; `scikit-multiflow` compares
 * the sum above its own least value, and with `>`.
 *
 * @throws {@link Defect} `detector.config_invalid`, `detector.state_invalid`.
 * @example
 * const detector = createPageHinkley({ driftSum: 10 });
 * for (let index = 0; index < 100; index++) detector.observe(index % 2);
 * let delay = 1;
 * while (detector.observe(3) !== "drift") delay++;
 * delay; // => 4
 * @see Page 1954, "Continuous inspection schemes", Biometrika 41; Gama et al. 2014, "A survey on concept drift adaptation",
 *   section 3.2.2. Deviation: forgets by `keptShare`, as river, scikit-multiflow and MOA do.
 */
export function createPageHinkley(
  config: PageHinkleyConfig = {},
  state?: DriftDetectorState<PageHinkleyMemory>,
): DriftDetector<PageHinkleyMemory> {
  const { variant = "river", warmUpCount = 30, slack = 0.005, driftSum = 50 } = config;
  const { keptShare = 0.9999 } = config;
  if (!(warmUpCount >= 1 && slack >= 0 && driftSum > 0 && keptShare > 0 && keptShare <= 1)) {
    throw new Defect(
      "detector.config_invalid",
      `warm up ${warmUpCount} must be 1 or more, slack ${slack} 0 or more, drift sum ${driftSum} above 0, kept share ${keptShare} in (0, 1]`,
    );
  }
  const isRiver = variant === "river";
  return createDriftDetector<PageHinkleyMemory>(
    {
      kind: "pageHinkley",
      memory: { ...start },
      ...anyNumber,
      step(memory, value) {
        memory.count++;
        memory.mean += (value - memory.mean) / memory.count;
        memory.sum = Math.max(0, keptShare * memory.sum + (value - memory.mean - slack));
        memory.leastSum = Math.min(memory.leastSum, memory.sum);
        const isDrift = isRiver ? memory.sum >= driftSum : memory.sum - memory.leastSum > driftSum;
        if (!isDrift || memory.count < warmUpCount - 1) return "normal";
        Object.assign(memory, start);
        return "drift";
      },
    },
    state,
  );
}
