import { createConnection, type Socket } from "node:net";
import { type DeviceId, type FleetId, topics } from "@attune/protocol";
import { connectAsync, type MqttClient } from "mqtt";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MQTT_PACKET_BYTES_MAX } from "../../limits.ts";
import { brokerContract, createHeard, nextMessage } from "./broker.contract.ts";
import { createEmbeddedBroker } from "./embeddedBroker.ts";

const fleet = "home" as FleetId;
const a = "a" as DeviceId;
const b = "b" as DeviceId;

const create = () =>
  createEmbeddedBroker({ fleet, host: "127.0.0.1", tcpPort: 0, webSocketPort: 0 });

brokerContract(fleet, () => Promise.resolve({ broker: create(), close: () => Promise.resolve() }));

describe("as the only broker of a fleet", () => {
  const broker = { current: create() };
  let heard: ReturnType<typeof createHeard>;
  let urls: { mqttUrl: string | null; webSocketUrl: string | null };
  const clients: MqttClient[] = [];
  const connect = async (device: string, more: object = {}): Promise<MqttClient> => {
    const client = await connectAsync(urls.mqttUrl ?? "", {
      clientId: device,
      username: device,
      password: "secret",
      reconnectPeriod: 0,
      ...more,
    });
    clients.push(client);
    return client;
  };

  beforeEach(async () => {
    broker.current = create();
    heard = createHeard(fleet);
    urls = await broker.current.start(heard.handlers);
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.end(true);
    await broker.current.close();
  });

  it("[HB4] a wrong credential is refused, and so is another's client id", async () => {
    await expect(connect("a", { password: "wrong" })).rejects.toMatchObject({ code: 4 });
    await expect(connect("a", { clientId: "b" })).rejects.toMatchObject({ code: 4 });
    await expect(connect("stranger")).rejects.toMatchObject({ code: 4 });
  });

  it("[HB5] a publish to another device's topic reaches nobody and is told to the hub; the client stays connected", async () => {
    const client = await connect("a");
    await client.publishAsync(topics.up(fleet, b, "report"), "mine", { qos: 1 });
    await client.publishAsync(topics.decision(fleet, "l" as never, "c" as never), "evil", {
      qos: 1,
      retain: true,
    });
    await client.publishAsync("$SYS/x", "evil", { qos: 1 });
    await client.publishAsync(topics.up(fleet, a, "report"), "own", { qos: 1 });
    await heard.until(() => heard.messages.length > 0);
    expect(heard.messages.map(({ text }) => text)).toEqual(["own"]);
    expect(heard.forbidden).toEqual([
      { who: { kind: "device", device: a }, act: "publish", topic: topics.up(fleet, b, "report") },
      {
        who: { kind: "device", device: a },
        act: "publish",
        topic: topics.decision(fleet, "l" as never, "c" as never),
      },
      { who: { kind: "device", device: a }, act: "publish", topic: "$SYS/x" },
    ]);
    expect(client.connected).toBe(true);
  });

  it("[HB5] nobody can overwrite what is retained", async () => {
    const topic = topics.trustRoot(fleet);
    await broker.current.publish(topic, new TextEncoder().encode("root"), true);
    const client = await connect("a");
    await client.publishAsync(topic, "evil", { qos: 1, retain: true });
    const other = await connect("b");
    const first = nextMessage(other);
    await other.subscribeAsync(topic, { qos: 1 });
    expect((await first).text).toBe("root");
  });

  it("[HB5] a last will goes where its client may publish, or nowhere", async () => {
    const topic = topics.up(fleet, b, "report");
    const evil = await connect("a", {
      will: { topic, payload: Buffer.from("evil"), qos: 1, retain: true },
    });
    evil.stream.destroy();
    await heard.until(() => heard.forbidden.length === 1);
    const honest = await connect("b", {
      will: { topic, payload: Buffer.from("gone"), qos: 1, retain: false },
    });
    honest.stream.destroy();
    await heard.until(() => heard.messages.length === 1);
    expect(heard.messages).toEqual([{ topic, text: "gone" }]);
  });

  it("[HB6] a device subscribes to its own topics, decisions, blobs and the trust root; wildcards and others' topics get 128", async () => {
    const client = await connect("a");
    for (const filter of [
      "#",
      "+/+/+/#",
      `attune/v1/${fleet}/d/+/down/receipt`,
      topics.down(fleet, b, "receipt"),
      topics.up(fleet, b, "report"),
    ]) {
      await expect(client.subscribeAsync(filter, { qos: 1 })).rejects.toThrow();
    }
    expect(heard.forbidden.filter(({ act }) => act === "subscribe")).toHaveLength(5);
    const granted = await client.subscribeAsync(topics.down(fleet, a, "receipt"), { qos: 1 });
    expect(granted[0]?.qos).toBe(1);
  });

  it("[HB7] presence is told: birth, and death without a word", async () => {
    const client = await connect("a");
    client.stream.destroy();
    await heard.until(() => heard.presence.length === 2);
    expect(heard.presence).toEqual([
      { device: a, isConnected: true },
      { device: a, isConnected: false },
    ]);
  });

  it("[HB7] a device that connects again before its old connection has died is connected", async () => {
    await connect("a");
    await connect("a");
    const births = (): number => heard.presence.filter(({ isConnected }) => isConnected).length;
    await heard.until(() => births() === 2);
    expect(heard.presence.at(-1)).toEqual({ device: a, isConnected: true });
  });

  it("[HB8] a packet that promises more than the limit ends the connection before it is sent", async () => {
    const { port } = new URL(urls.mqttUrl ?? "");
    const socket = createConnection(Number(port), "127.0.0.1");
    const length = MQTT_PACKET_BYTES_MAX + 1;
    const header = Buffer.from([
      0x10,
      (length & 0x7f) | 0x80,
      ((length >> 7) & 0x7f) | 0x80,
      length >> 14,
    ]);
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.on("error", () => undefined);
    socket.write(header);
    await closed;
    const client = await connect("a");
    expect(client.connected).toBe(true);
  });

  it("[HB9] nothing is queued for a device that is away, also when it asks for a session", async () => {
    const topic = topics.down(fleet, a, "receipt");
    const client = await connect("a", { clean: false });
    await client.subscribeAsync(topic, { qos: 1 });
    await client.endAsync();
    await broker.current.publish(topic, new TextEncoder().encode("missed"), false);
    const again = await connect("a", { clean: false });
    const first = nextMessage(again);
    await again.subscribeAsync(topic, { qos: 1 });
    await broker.current.publish(topic, new TextEncoder().encode("now"), false);
    expect((await first).text).toBe("now");
  });

  it("[HB9] a retired device's connection is ended", async () => {
    const client = await connect("a");
    const closed = new Promise((resolve) => client.once("close", () => resolve(true)));
    broker.current.disconnect(a);
    expect(await closed).toBe(true);
  });

  it("[HB1] it serves the same over WebSocket", async () => {
    const client = await connectAsync(urls.webSocketUrl ?? "", {
      clientId: "a",
      username: "a",
      password: "secret",
      reconnectPeriod: 0,
    });
    clients.push(client);
    await client.publishAsync(topics.up(fleet, a, "report"), "ws", { qos: 1 });
    await heard.until(() => heard.messages.length === 1);
    expect(heard.messages[0]?.text).toBe("ws");
  });
});

it("[HB96] a client that stops reading is hung up on; what others are to get does not wait for it", async () => {
  const broker = createEmbeddedBroker({
    fleet,
    host: "127.0.0.1",
    tcpPort: 0,
    webSocketPort: null,
    drainMs: 100,
  });
  const { mqttUrl } = await broker.start(createHeard(fleet).handlers);
  const stuck = await connectAsync(mqttUrl ?? "", {
    clientId: "a",
    username: "a",
    password: "secret",
    reconnectPeriod: 0,
  });
  const topic = topics.down(fleet, a, "receipt");
  await stuck.subscribeAsync(topic, { qos: 1 });
  const closed = new Promise<string>((resolve) => stuck.once("close", () => resolve("hung up")));
  (stuck.stream as Socket).pause();
  // More than the buffers of both sides hold.
  const sent = Array.from({ length: 200 }, () =>
    broker.publish(topic, new Uint8Array(96 * 1024), false),
  );
  expect(await Promise.all(sent)).toHaveLength(200);
  (stuck.stream as Socket).resume();
  expect(await closed).toBe("hung up");
  await broker.close();
});
