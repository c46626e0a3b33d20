import { describe, expect, it } from "vitest";
import { parseEvents, type ServerEvent } from "./parseEvents.ts";

async function* chunksOf(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield new TextEncoder().encode(text);
}

const collect = async (events: AsyncIterable<ServerEvent>): Promise<ServerEvent[]> => {
  const all: ServerEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
};

const stream =
  'event: state\ndata: {"a":\ndata: 1}\n\n: keep-alive\n\nid: 7\nevent: audit\ndata: ü\n\ndata: plain\n\n';
const expected = [
  { event: "state", data: '{"a":\n1}', id: null },
  { event: "audit", data: "ü", id: "7" },
  { event: "message", data: "plain", id: "7" },
];

describe("parseEvents", () => {
  it("reads events, joins their data, skips comments", async () => {
    expect(await collect(parseEvents(chunksOf(stream)))).toEqual(expected);
  });

  it("reads the same wherever the network cuts, inside a letter too", async () => {
    const bytes = new TextEncoder().encode(stream);
    for (let at = 1; at < bytes.length; at += 1) {
      async function* cut(): AsyncGenerator<Uint8Array> {
        yield bytes.subarray(0, at);
        yield bytes.subarray(at);
      }
      expect(await collect(parseEvents(cut()))).toEqual(expected);
    }
  });

  it("reads all three line endings", async () => {
    for (const end of ["\n", "\r\n", "\r"]) {
      const text = `${stream}data: last\n\n:\n`.replaceAll("\n", end);
      expect((await collect(parseEvents(chunksOf(text)))).slice(0, 3)).toEqual(expected);
    }
  });

  it("does not give out an event that was cut off", async () => {
    expect(await collect(parseEvents(chunksOf("data: half")))).toEqual([]);
  });
});
