// The machine's own clock and timers. It must not be used in core or in a test.
import type { Clock } from "../../ports/clock.ts";

/** The longest delay that `setTimeout` keeps; above it, it fires at once. */
const PLATFORM_DELAY_MAX_MS = 2_147_483_647;

/** Creates the clock of the machine. */
export function createSystemClock(): Clock {
  return {
    nowMs: () => Date.now(),
    setTimer(delayMs, callback) {
      let handle: ReturnType<typeof setTimeout>;
      const wait = (restMs: number): void => {
        handle =
          restMs > PLATFORM_DELAY_MAX_MS
            ? setTimeout(() => wait(restMs - PLATFORM_DELAY_MAX_MS), PLATFORM_DELAY_MAX_MS)
            : setTimeout(callback, Math.max(0, restMs));
      };
      wait(delayMs);
      return { cancel: () => clearTimeout(handle) };
    },
  };
}
