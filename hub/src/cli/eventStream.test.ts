import { describe, expect, it } from "vitest";
import { watchEvents } from "./eventStream.ts";
import { CommandError, exitCodes } from "./exitCodes.ts";
import type { HubClient } from "./hubClient.ts";
import type { ServerEvent } from "./parseEvents.ts";

async function* chunksOf(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield new TextEncoder().encode(text);
}

const collect = async (events: AsyncIterable<ServerEvent>): Promise<ServerEvent[]> => {
  const all: ServerEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
};

type Answer = readonly string[] | CommandError;

/** A hub whose stream answers are given one after the other. */
const hubOf = (answers: readonly Answer[]): { client: HubClient; asked: (string | null)[] } => {
  const asked: (string | null)[] = [];
  const rest = [...answers];
  const client: Pick<HubClient, "stream"> = {
    stream: async (_, lastEventId) => {
      asked.push(lastEventId);
      const answer = rest.shift();
      if (answer === undefined) throw new CommandError(exitCodes.refused, "test.over", "over", "");
      if (answer instanceof CommandError) throw answer;
      return chunksOf(...answer);
    },
  };
  return { client: client as HubClient, asked };
};
const away = new CommandError(exitCodes.unreachable, "hub.unreachable", "away", "");
const unauthorized = new CommandError(exitCodes.unauthorized, "operator.unauthorized", "no", "");

describe("watchEvents", () => {
  it("comes back with the last event's id, waits longer each time, and starts anew once back", async () => {
    const { client, asked } = hubOf([
      ["id: 3\ndata: a\n\n"],
      away,
      away,
      ["id: 4\ndata: b\n\n"],
      away,
    ]);
    const waits: number[] = [];
    const events: string[] = [];
    const watching = async (): Promise<void> => {
      for await (const { data } of watchEvents(
        client,
        new AbortController().signal,
        (waitMs) => waits.push(waitMs),
        async () => {},
      )) {
        events.push(data);
      }
    };
    await expect(watching()).rejects.toThrow("over");
    expect(events).toEqual(["a", "b"]);
    expect(asked).toEqual([null, "3", "3", "3", "4", "4"]);
    expect(waits).toEqual([250, 500, 1000, 250, 500]);
  });

  it.each([
    ["a hub that was never there", away],
    ["a token that is not accepted", unauthorized],
  ])("gives up at once on %s", async (_, error) => {
    const { client } = hubOf([error]);
    await expect(
      collect(
        watchEvents(
          client,
          new AbortController().signal,
          () => {},
          async () => {},
        ),
      ),
    ).rejects.toBe(error);
  });

  it("ends quietly when it is asked to", async () => {
    const controller = new AbortController();
    const { client } = hubOf([["data: a\n\n"], ["data: b\n\n"]]);
    const seen: string[] = [];
    for await (const { data } of watchEvents(
      client,
      controller.signal,
      () => {},
      async () => {},
    )) {
      seen.push(data);
      controller.abort();
    }
    expect(seen).toEqual(["a"]);
  });
});
