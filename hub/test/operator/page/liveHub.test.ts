import { describe, expect, it } from "vitest";
import type { AuditRow } from "../../../src/core/audit/auditChain.ts";
import type { HubState } from "../../../src/state.ts";
import { createLiveHub, type LiveHub } from "../../../web/live/liveHub.ts";
import { auditRows, fleetDevices, fleetState } from "../fleetState.ts";

/** One stream of events that a test writes. */
interface Stream {
  readonly lastEventId: string | null;
  send(event: string, data: unknown): void;
  end(): void;
}

interface World {
  readonly hub: LiveHub;
  readonly streams: Stream[];
  readonly asked: string[];
  readonly waits: { readonly ms: number; readonly end: () => void }[];
  answers: (path: string) => Response | null;
  /** Resolves when everything that can go on has gone on. */
  settle(): Promise<void>;
  stop(): void;
}

const json = (body: unknown, status = 200): Response =>
  new Response(JSON.stringify(body), { status });

function createWorld(answers: World["answers"] = () => null): World {
  const streams: Stream[] = [];
  const asked: string[] = [];
  const waits: { ms: number; end: () => void }[] = [];
  const controller = new AbortController();
  const world: World = {
    hub: createLiveHub({
      nowMs: () => 1000,
      jitter: () => 0.5,
      wait: (ms, signal) =>
        new Promise((resolve) => {
          waits.push({ ms, end: resolve });
          signal.addEventListener("abort", () => resolve());
        }),
      fetch: async (path, init) => {
        asked.push(path);
        const own = world.answers(path);
        if (own !== null) return own;
        if (path !== "/api/events") return json({ items: [], nextCursor: null });
        const headers = new Headers(init?.headers);
        return new Response(
          new ReadableStream({
            start: (body) => {
              const encoder = new TextEncoder();
              init?.signal?.addEventListener("abort", () => body.error(new Error("aborted")));
              streams.push({
                lastEventId: headers.get("last-event-id"),
                send: (event, data) =>
                  body.enqueue(
                    encoder.encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`),
                  ),
                end: () => body.close(),
              });
            },
          }),
        );
      },
    }),
    streams,
    asked,
    waits,
    answers,
    settle: async () => {
      for (let turn = 0; turn < 20; turn += 1) {
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
      }
    },
    stop: () => controller.abort(),
  };
  void world.hub.run(controller.signal);
  return world;
}

const stateOf = (fields: Partial<HubState> = {}): HubState => ({
  ...fleetState({ deviceCount: 3, scene: "canary" }),
  ...fields,
});
/** The wait after a connection has ended; those of a connection that lives watch for silence. */
const pauses = (world: World): number[] =>
  world.waits.map(({ ms }) => ms).filter((ms) => ms !== 40_000);

describe("createLiveHub", () => {
  it("is live with the first document, and keeps the story newest first", async () => {
    const world = createWorld();
    await world.settle();
    expect(world.hub.link.value.kind).toBe("connecting");
    world.streams[0]?.send("state", stateOf());
    await world.settle();
    expect(world.hub.link.value.kind).toBe("live");
    expect(world.hub.audit.value.map(({ sequence }) => sequence)).toEqual(
      auditRows.map(({ sequence }) => sequence).reverse(),
    );
    const next = { ...auditRows[0], sequence: 22 } as AuditRow;
    world.streams[0]?.send("audit", next);
    world.streams[0]?.send("audit", next);
    await world.settle();
    expect(world.hub.audit.value.slice(0, 2).map(({ sequence }) => sequence)).toEqual([22, 21]);
    world.stop();
  });

  it("says that it is away, waits longer each time, and goes on from the last row", async () => {
    const world = createWorld();
    await world.settle();
    world.streams[0]?.send("state", stateOf());
    await world.settle();
    world.streams[0]?.end();
    await world.settle();
    expect(world.hub.link.value).toMatchObject({ kind: "away", sinceMs: 1000 });
    expect(world.hub.state.value).not.toBeNull();
    world.answers = (path) => (path === "/api/events" ? json({}, 502) : null);
    for (let attempt = 0; attempt < 6; attempt += 1) {
      world.waits.at(-1)?.end();
      await world.settle();
    }
    expect(pauses(world)).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
    world.answers = () => null;
    world.waits.at(-1)?.end();
    await world.settle();
    expect(world.streams[1]?.lastEventId).toBe("21");
    world.streams[1]?.send("state", stateOf());
    await world.settle();
    expect(world.hub.link.value.kind).toBe("live");
    world.streams[1]?.end();
    await world.settle();
    expect(pauses(world).at(-1)).toBe(500);
    world.stop();
  });

  it("takes a connection for dead that has been silent for too long", async () => {
    const world = createWorld();
    await world.settle();
    world.streams[0]?.send("state", stateOf());
    await world.settle();
    world.waits.findLast(({ ms }) => ms === 40_000)?.end();
    await world.settle();
    expect(world.hub.link.value.kind).toBe("away");
    world.stop();
  });

  it("hurries when a person asks it to", async () => {
    const world = createWorld();
    await world.settle();
    world.streams[0]?.end();
    await world.settle();
    expect(world.streams).toHaveLength(1);
    world.hub.hurry();
    await world.settle();
    expect(world.streams).toHaveLength(2);
    world.stop();
  });

  it("asks for a token when the hub does, and goes on with it", async () => {
    const world = createWorld((path) =>
      path === "/api/events" ? json({ detail: "this needs a token" }, 401) : null,
    );
    await world.settle();
    expect(world.hub.link.value).toEqual({ kind: "locked", why: "this needs a token" });
    const before = world.asked.length;
    await world.settle();
    expect(world.asked).toHaveLength(before);
    world.answers = (path) => (path === "/api/session" ? json({ detail: "no" }, 401) : null);
    await expect(world.hub.unlock("wrong")).rejects.toThrow("no");
    expect(world.hub.link.value.kind).toBe("locked");
    world.answers = (path) =>
      path === "/api/session" ? new Response(null, { status: 204 }) : null;
    await world.hub.unlock("right");
    await world.settle();
    world.streams[0]?.send("state", stateOf());
    await world.settle();
    expect(world.hub.link.value.kind).toBe("live");
    world.stop();
  });

  it("fetches the devices that the document leaves out, once in a while", async () => {
    const world = createWorld();
    const options = { deviceCount: 1100, scene: "canary" } as const;
    const all = fleetDevices(options);
    world.answers = (path) => {
      if (!path.startsWith("/api/devices")) return null;
      const from = Number(new URL(path, "http://x").searchParams.get("cursor") ?? 0);
      return json({
        items: all.slice(from, from + 500),
        nextCursor: from + 500 < all.length ? String(from + 500) : null,
      });
    };
    await world.settle();
    world.streams[0]?.send("state", fleetState(options));
    await world.settle();
    world.streams[0]?.send("state", fleetState(options));
    await world.settle();
    expect(new Set(world.hub.devices.value.map(({ device }) => device)).size).toBe(1100);
    expect(world.hub.devices.value).toHaveLength(1100);
    expect(world.asked.filter((path) => path.startsWith("/api/devices"))).toHaveLength(3);
    world.stop();
  });

  it("forgets the story of another database behind the same address", async () => {
    const world = createWorld();
    await world.settle();
    world.streams[0]?.send("state", stateOf());
    await world.settle();
    world.streams[0]?.send("state", fleetState({ deviceCount: 0, scene: "empty" }));
    await world.settle();
    // The same first row: nothing speaks against one history that was only shown shorter.
    expect(world.hub.audit.value).toHaveLength(21);
    const [first] = auditRows;
    if (first === undefined) throw new Error("the fixture has rows");
    const other = { ...first, hash: "0".repeat(64) as AuditRow["hash"] };
    world.streams[0]?.send(
      "state",
      stateOf({ audit: { length: 1, head: other.hash, latest: [other] } }),
    );
    await world.settle();
    expect(world.hub.audit.value).toEqual([other]);
    world.stop();
  });
});
