// Server-sent events out of bytes, and a hub's events for as long as somebody watches. Holds no meaning of an event.
import { CommandError, exitCodes } from "./exitCodes.ts";
import type { HubClient } from "./hubClient.ts";

/** One event. */
export interface ServerEvent {
  readonly event: string;
  readonly data: string;
  readonly id: string | null;
}

/** Characters of one event; a state document of 500 devices has about 400,000. */
const EVENT_LENGTH_MAX = 16_000_000;

/**
 * Parses an event stream.
 *
 * @see WHATWG HTML, section 9.2.6; `retry` is not used, because the caller decides when to come back
 */
export async function* parseEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder();
  let rest = "";
  let event = "message";
  let data: string[] = [];
  let id: string | null = null;
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    if (rest.length > EVENT_LENGTH_MAX) {
      throw new CommandError(
        exitCodes.failed,
        "hub.event_too_large",
        `the hub sends an event of more than ${EVENT_LENGTH_MAX} characters`,
        "is this a hub?",
      );
    }
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (data.length > 0) yield { event, data: data.join("\n"), id };
        event = "message";
        data = [];
        continue;
      }
      const colon = line.indexOf(":");
      if (colon === 0) continue;
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "event") event = value;
      else if (field === "data") data.push(value);
      else if (field === "id") id = value;
    }
  }
}

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
