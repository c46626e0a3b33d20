// How long to wait before the next attempt. It must not know what is attempted.

/**
 * Exponential pause with equal jitter: between half and the whole of `firstMs · 2^attempt`, at most `longestMs`. So that a
 * thousand devices that lost the same hub do not all come back in the same second.
 *
 * - Pure; `jitter` is uniform in [0, 1).
 *
 * @param attempt failures so far, from 0
 * @example
 * backoffMs(2, 1000, 60_000, 0.5); // => 3000
 */
export function backoffMs(
  attempt: number,
  firstMs: number,
  longestMs: number,
  jitter: number,
): number {
  const whole = Math.min(longestMs, firstMs * 2 ** Math.min(attempt, 30));
  return Math.round(whole / 2 + (whole / 2) * jitter);
}
