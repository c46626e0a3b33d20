// What every Link does. A suite hands in a broker to connect to and a way to act as the hub on it.
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Link, LinkConnection, LinkHandlers } from "../ports/link.ts";

/** A broker as the suite needs it. */
export interface LinkBench {
  readonly link: Link;
  /** Resolves once the broker has the message. */
  publish(topic: string, payload: Uint8Array, isRetained: boolean): Promise<void>;
  /** Everything published on a topic from now on. */
  watch(topic: string): Promise<{ readonly payloads: readonly Uint8Array[] }>;
  /** Breaks the connection of a client as a network does. */
  cut(clientId: string): Promise<void>;
  close(): Promise<void>;
}

/** Resolves as soon as `claim` holds, looking again after each turn of the event loop. */
async function until(claim: () => boolean): Promise<void> {
  while (!claim()) await new Promise((resolve) => setImmediate(resolve));
}

/**
 * Runs the suite.
 *
 * @param open a broker that knows user `dev-1` with password `secret-of-dev-1`, who may publish below `up/` and not below `down/`
 */
export function linkContract(name: string, open: () => Promise<LinkBench>): void {
  let bench: LinkBench;
  let controllers: AbortController[];

  beforeEach(async () => {
    bench = await open();
    controllers = [];
  });
  afterEach(async () => {
    for (const controller of controllers) controller.abort();
    await bench.close();
  });

  interface Client {
    readonly connection: LinkConnection;
    readonly messages: { readonly topic: string; readonly payload: Uint8Array }[];
    readonly closed: string[];
    readonly abort: () => void;
  }
  async function connect(clientId = "dev-1", password = "secret-of-dev-1"): Promise<Client> {
    const controller = new AbortController();
    controllers.push(controller);
    const messages: { topic: string; payload: Uint8Array }[] = [];
    const closed: string[] = [];
    const handlers: LinkHandlers = {
      message: (topic, payload) => messages.push({ topic, payload }),
      closed: (reason) => closed.push(reason),
    };
    const connection = await bench.link.connect(
      {
        clientId,
        userName: "dev-1",
        password,
        will: { topic: "up/will", payload: Uint8Array.of(9) },
        signal: controller.signal,
      },
      handlers,
    );
    return { connection, messages, closed, abort: () => controller.abort() };
  }

  it(`[DR20] ${name}: what is published arrives, byte for byte, and the publisher learns of it`, async () => {
    const { connection } = await connect();
    const watched = await bench.watch("up/report");
    const payload = Uint8Array.from({ length: 70_000 }, (_, index) => index % 256);
    await connection.publish("up/report", payload);
    await until(() => watched.payloads.length === 1);
    expect(watched.payloads[0]).toEqual(payload);
  });

  it(`[DR20] ${name}: a subscriber gets what is retained and what comes later, on its topics only`, async () => {
    await bench.publish("down/decision", Uint8Array.of(1), true);
    const { connection, messages } = await connect();
    await connection.subscribe(["down/decision", "down/receipt"]);
    await until(() => messages.length === 1);
    await bench.publish("down/other", Uint8Array.of(7), false);
    await bench.publish("down/receipt", Uint8Array.of(2), false);
    await until(() => messages.length === 2);
    expect(messages).toEqual([
      { topic: "down/decision", payload: Uint8Array.of(1) },
      { topic: "down/receipt", payload: Uint8Array.of(2) },
    ]);
    await connection.unsubscribe(["down/receipt"]);
    await bench.publish("down/receipt", Uint8Array.of(3), false);
    await bench.publish("down/decision", Uint8Array.of(4), false);
    await until(() => messages.length === 3);
    expect(messages[2]).toEqual({ topic: "down/decision", payload: Uint8Array.of(4) });
  });

  it(`[DR20] ${name}: a wrong password is link.refused`, async () => {
    await expect(connect("dev-1", "wrong")).rejects.toMatchObject({
      code: "link.refused",
      isRetryable: true,
    });
  });

  it(`[DR20] ${name}: a broken connection says so once, its last will is published, and nothing waits for ever`, async () => {
    const will = await bench.watch("up/will");
    const { connection, closed } = await connect();
    await bench.cut("dev-1");
    await until(() => closed.length > 0);
    await expect(connection.publish("up/report", Uint8Array.of(1))).rejects.toMatchObject({
      code: "link.closed",
    });
    await until(() => will.payloads.length === 1);
    expect(will.payloads[0]).toEqual(Uint8Array.of(9));
    expect(closed).toHaveLength(1);
  });

  it(`[DR20] ${name}: an aborted connection ends gracefully, without its last will`, async () => {
    const will = await bench.watch("up/will");
    const { abort, closed } = await connect();
    abort();
    await until(() => closed.length === 1);
    const next = await connect();
    await next.connection.publish("up/will", Uint8Array.of(5));
    await until(() => will.payloads.length === 1);
    expect(will.payloads).toEqual([Uint8Array.of(5)]);
  });

  it(`[DR20] ${name}: a second connection of the same client ends the first`, async () => {
    const first = await connect();
    const second = await connect();
    await until(() => first.closed.length === 1);
    await second.connection.publish("up/report", Uint8Array.of(1));
    expect(second.closed).toEqual([]);
  });

  it(`[DR20] ${name}: a publish that the broker forbids is a fault, not a silence`, async () => {
    const { connection } = await connect();
    await expect(connection.publish("down/decision", Uint8Array.of(1))).rejects.toMatchObject({
      isRetryable: true,
    });
  });
}
