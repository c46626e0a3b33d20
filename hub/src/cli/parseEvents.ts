// Server-sent events out of bytes; runs in Node and in browsers. Holds no meaning of an event, and no connection.

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
      throw new Error(`an event of more than ${EVENT_LENGTH_MAX} characters: is this a hub?`);
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
