// Time as a caller hands it in. It must not know how time passes.

/** A timer that was set. */
export interface Timer {
  /** The callback will not run any more. Harmless when it has run, or twice. */
  cancel(): void;
}

/** The time of one device, hub or simulated world. */
export interface Clock {
  /**
   * Milliseconds since the epoch, a whole number or not.
   *
   * May jump in either direction when someone sets the machine's clock, so it says *when* a thing happened; what must happen
   * later is a {@link setTimer}.
   */
  nowMs(): number;

  /**
   * Runs `callback` once, `delayMs` from now or as soon after as possible, never before this call has returned.
   *
   * @param delayMs 0 or more; less counts as 0. Any length, also beyond the 24.8 days of the platform's timers.
   * @param callback must not throw: there is nobody to catch it.
   */
  setTimer(delayMs: number, callback: () => void): Timer;
}
