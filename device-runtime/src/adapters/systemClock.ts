// The machine's own clock and timers. It must not be used in core or in a test.
import type { Clock } from "../ports/clock.ts";

/** The longest delay that `setTimeout` keeps; above it, it fires at once. */
const platformDelayMaxMs = 2_147_483_647;

/** Creates the clock of the machine. Its timers keep a Node process running until they have fired or are cancelled. */
export function createSystemClock(): Clock {
  return {
    nowMs: () => Date.now(),
    setTimer(delayMs, callback) {
      let handle: ReturnType<typeof setTimeout>;
      const wait = (restMs: number): void => {
        handle =
          restMs > platformDelayMaxMs
            ? setTimeout(() => wait(restMs - platformDelayMaxMs), platformDelayMaxMs)
            : setTimeout(callback, Math.max(0, restMs));
      };
      wait(delayMs);
      return { cancel: () => clearTimeout(handle) };
    },
  };
}
