// Time as a caller hands it in; the same shape as the device runtime's port, so that one clock serves both sides.

/** A timer that was set. */
export interface Timer {
  /** The callback will not run any more. Harmless when it has run, or twice. */
  cancel(): void;
}

/** The time of one hub. */
export interface Clock {
  /** Milliseconds since the epoch; may jump when someone sets the machine's clock. */
  nowMs(): number;
  /** Runs `callback` once, `delayMs` from now or as soon after as possible, never before this call has returned. */
  setTimer(delayMs: number, callback: () => void): Timer;
}
