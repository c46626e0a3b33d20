// One clock for hub and devices: virtual time that runs so many times as fast as real time, and waits for this process when it cannot
// keep up. It must not know what waits.
import type { Clock } from "@attune/device-runtime";
import { createManualClock } from "@attune/device-runtime/testing";

/** How a clock is paced. */
export interface PacedClockOptions {
  /** Real time. */
  readonly base: Clock;
  /** Virtual seconds in a real one. */
  readonly speed: number;
  /** While it is true, virtual time stands still. */
  readonly isBehind: () => boolean;
}

/** A {@link Clock} that runs by itself until it is stopped. */
export interface PacedClock extends Clock {
  stop(): void;
}

/** From one tick to the next, real: at a speed of 120 timers are at most one virtual second late. */
const TICK_MS = 8;

/**
 * What a tick moves at most, real. A device gives a broker 30 virtual seconds, a quarter of a real one at a speed of 120: a process
 * that was kept from running for so long would find every connection overdue, though nothing is wrong with it.
 */
const STEP_MS_MAX = 16;

/**
 * Creates a clock that starts at the base's time.
 *
 * A scaled clock would be enough for a machine that is always fast enough. This one is honest about a slow one: the story takes
 * longer, and is the same story.
 */
export function createPacedClock({ base, speed, isBehind }: PacedClockOptions): PacedClock {
  const virtual = createManualClock(base.nowMs());
  let lastMs = base.nowMs();
  const tick = (): void => {
    timer = base.setTimer(TICK_MS, tick);
    const elapsedMs = base.nowMs() - lastMs;
    lastMs += elapsedMs;
    if (!isBehind()) virtual.advance(Math.min(elapsedMs, STEP_MS_MAX) * speed);
  };
  let timer = base.setTimer(TICK_MS, tick);
  return {
    nowMs: virtual.nowMs,
    setTimer: virtual.setTimer,
    stop() {
      timer.cancel();
    },
  };
}
