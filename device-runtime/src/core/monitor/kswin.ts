// KSWIN: the newest values against a draw from those before them, by Kolmogorov-Smirnov. It must not know what the numbers are of.
import { Defect } from "@attune/protocol";
import type { Random } from "../../ports/random.ts";
import { ksDistance, ksExactTail } from "../distance/kolmogorovSmirnov.ts";
import { counterDraw } from "../profile/counterDraw.ts";
import {
  anyNumber,
  createDriftDetector,
  type DriftDetector,
  type DriftDetectorState,
  isCount,
} from "./driftDetector.ts";

/** What {@link createKswin} is told once; all but `random` may be left out. */
export interface KswinConfig {
  /** Error probability of one comparison, `(0, 1)`; .005 when left out. */
  readonly alpha?: number;
  /** Values that it keeps, at most 4096; 100 when left out. */
  readonly windowLength?: number;
  /** How many of the newest are compared, at most half of the window; 30 when left out. */
  readonly newestCount?: number;
}

/** What KSWIN remembers. */
export interface KswinMemory {
  /** Newest values, oldest first up to `count`, then a ring whose oldest is at `oldest`. */
  values: Float64Array;
  count: number;
  oldest: number;
  /** Where its draws began and how many it has made. */
  seed: number;
  drawCount: number;
}

/** 32 KB of values; a comparison sorts half of them. */
const windowLengthMax = 4096;
/** River does not take a smaller distance for drift, however small its p-value. */
const distanceMin = 0.1;

/**
 * Creates a KSWIN detector of any change in distribution, or goes on from a state.
 *
 * - At every observation, once its window is full: the `newestCount` newest against as many drawn without replacement from the
 *   values before them; drift when the exact two-sided p-value is at most `alpha` and the distance is above .1. Keeps the newest.
 * - O(newestCount log newestCount), some microseconds; the window in memory. `alpha` holds for one comparison, and there is one
 *   after every value: at the default .005 it alarms about every few hundred independent ones.
 *
 * Variant: river's, with draws of its own (a seed drawn once from `random`, then a counter), so that it resumes to the bit.
 *
 * @throws {@link Defect} `detector.config_invalid`, `detector.state_invalid`.
 * @example
 * let draws = 0;
 * const detector = createKswin({ nextUint32: () => draws++ }, { alpha: 1e-6 });
 * for (let index = 0; index < 200; index++) detector.observe(index % 10);
 * let delay = 1;
 * while (detector.observe(20) !== "drift") delay++;
 * delay; // => 21
 * @see Raab, Heusinger and Schleif 2020, "Reactive soft prototype computing for concept drift streams", section 3.2. Deviation:
 *   the exact p-value in place of their bound, as in river.
 */
export function createKswin(
  random: Random,
  config: KswinConfig = {},
  state?: DriftDetectorState<KswinMemory>,
): DriftDetector<KswinMemory> {
  const { alpha = 0.005, windowLength = 100, newestCount = 30 } = config;
  if (
    !(alpha > 0 && alpha < 1) ||
    !(Number.isInteger(windowLength) && windowLength <= windowLengthMax) ||
    !(Number.isInteger(newestCount) && newestCount >= 2 && 2 * newestCount <= windowLength)
  ) {
    throw new Defect(
      "detector.config_invalid",
      `alpha ${alpha} must be in (0, 1), the window ${windowLength} at most ${windowLengthMax}, ${newestCount} newest 2 to half of it`,
    );
  }
  const distanceLimit = smallestDistance(alpha, newestCount);
  const newest = new Float64Array(newestCount);
  const drawn = new Float64Array(newestCount);
  const olderCount = windowLength - newestCount;
  const order = new Uint16Array(olderCount);

  function at(memory: KswinMemory, index: number): number {
    return memory.values[(memory.oldest + index) % windowLength] as number;
  }

  return createDriftDetector<KswinMemory>(
    {
      kind: "kswin",
      memory: {
        values: new Float64Array(windowLength),
        count: 0,
        oldest: 0,
        seed: random.nextUint32(),
        drawCount: 0,
      },
      ...anyNumber,
      isSound: ({ values, count, oldest, seed, drawCount }) =>
        [count, oldest, seed, drawCount].every(isCount) &&
        count <= windowLength &&
        oldest < windowLength &&
        (count === windowLength || oldest === 0) &&
        seed < 2 ** 32 &&
        values.every(Number.isFinite),
      step(memory, value) {
        if (memory.count < windowLength) {
          memory.values[memory.count++] = value;
        } else {
          memory.values[memory.oldest] = value;
          memory.oldest = (memory.oldest + 1) % windowLength;
        }
        if (memory.count < windowLength) return "normal";
        for (let index = 0; index < olderCount; index++) order[index] = index;
        for (let index = 0; index < newestCount; index++) {
          const left = olderCount - index;
          const pick = index + (counterDraw(memory.seed, memory.drawCount++) % left);
          const place = order[pick] as number;
          order[pick] = order[index] as number;
          drawn[index] = at(memory, place);
          newest[index] = at(memory, olderCount + index);
        }
        drawn.sort();
        newest.sort();
        if (ksDistance(drawn, newest) < distanceLimit) return "normal";
        for (let index = 0; index < newestCount; index++) {
          drawn[index] = at(memory, olderCount + index);
        }
        memory.values.set(drawn);
        memory.count = newestCount;
        memory.oldest = 0;
        return "drift";
      },
    },
    state,
  );
}

/** The least distance between two samples of `count` that is drift: all distances are multiples of `1 / count`. */
function smallestDistance(alpha: number, count: number): number {
  for (let steps = 1; steps <= count; steps++) {
    const distance = steps / count;
    if (distance > distanceMin && ksExactTail(distance, count, count) <= alpha) {
      return distance - 0.5 / count;
    }
  }
  return Number.POSITIVE_INFINITY;
}
