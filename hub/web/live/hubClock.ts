// What time it is at the hub, between two of its documents. A demo's hub runs faster than the wall; the page goes with it. Pure.

/** What was seen of the hub's clock. */
export interface HubClock {
  readonly firstHubMs: number;
  readonly firstWallMs: number;
  readonly lastHubMs: number;
  readonly lastWallMs: number;
}

/** Before this much time was seen, the hub is taken to run as the wall does. */
const TRUST_AFTER_MS = 3000;

/** Takes a document's time into account; a clock that jumps back starts again. */
export function seeClock(clock: HubClock | null, hubMs: number, wallMs: number): HubClock {
  return clock === null || hubMs < clock.lastHubMs
    ? { firstHubMs: hubMs, firstWallMs: wallMs, lastHubMs: hubMs, lastWallMs: wallMs }
    : { ...clock, lastHubMs: hubMs, lastWallMs: wallMs };
}

/** How fast the hub's clock runs, 1 for a real one. */
export function clockRate({ firstHubMs, firstWallMs, lastHubMs, lastWallMs }: HubClock): number {
  const wall = lastWallMs - firstWallMs;
  return wall < TRUST_AFTER_MS ? 1 : (lastHubMs - firstHubMs) / wall;
}

/** The hub's time now. */
export function hubNow(clock: HubClock, wallMs: number): number {
  return clock.lastHubMs + Math.max(0, wallMs - clock.lastWallMs) * clockRate(clock);
}
