// A clock that runs faster or slower than another one, so that a demonstration shows hours in seconds.
import { Defect } from "@attune/protocol";
import type { Clock } from "../ports/clock.ts";

/**
 * Creates a clock that starts at `base.nowMs()` and from then on runs `factor` times as fast as `base`.
 *
 * @param factor above 0 and finite; 60 makes a minute of a second.
 * @throws {@link Defect} `clock.factor_invalid`.
 */
export function createScaledClock(base: Clock, factor: number): Clock {
  if (!(factor > 0 && factor < Number.POSITIVE_INFINITY)) {
    throw new Defect("clock.factor_invalid", `factor is ${factor}, it must be above 0 and finite`);
  }
  const startMs = base.nowMs();
  return {
    nowMs: () => startMs + (base.nowMs() - startMs) * factor,
    setTimer: (delayMs, callback) => base.setTimer(delayMs / factor, callback),
  };
}
