// A hub's events for as long as somebody watches. Holds no meaning of an event.
import { CommandError, exitCodes } from "./exitCodes.ts";
import type { HubClient } from "./hubClient.ts";
import { parseEvents, type ServerEvent } from "./parseEvents.ts";

/** Waits between attempts to come back: doubling, with an end. */
const BACK_OFF_MS = [250, 500, 1000, 2000, 4000, 8000] as const;

/**
 * A hub's events until `signal` ends it. Comes back by itself, from the last event on, when the hub goes away in between; a hub
 * that was never reached is an error at once.
 */
export async function* watchEvents(
  client: HubClient,
  signal: AbortSignal,
  onAway: (waitMs: number) => void,
  wait: (ms: number, signal: AbortSignal) => Promise<void>,
): AsyncGenerator<ServerEvent> {
  let lastEventId: string | null = null;
  let attempt = 0;
  let hasConnected = false;
  while (!signal.aborted) {
    try {
      const chunks = await client.stream("/api/events", lastEventId, signal);
      hasConnected = true;
      attempt = 0;
      for await (const event of parseEvents(chunks)) {
        lastEventId = event.id ?? lastEventId;
        yield event;
      }
    } catch (error) {
      if (signal.aborted) return;
      const isAway = !(error instanceof CommandError) || error.exitCode === exitCodes.unreachable;
      if (!hasConnected || !isAway) throw error;
    }
    if (signal.aborted) return;
    const waitMs = BACK_OFF_MS[Math.min(attempt, BACK_OFF_MS.length - 1)] ?? 8000;
    attempt += 1;
    onAway(waitMs);
    await wait(waitMs, signal);
  }
}
