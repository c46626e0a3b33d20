// What every broker adapter must do, whoever is behind it. The suite of each adapter calls it.
import type { Fault, FleetId, Principal } from "@attune/protocol";
import { type DeviceId, topics } from "@attune/protocol";
import { connectAsync, type MqttClient } from "mqtt";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Broker, BrokerHandlers } from "../../ports/broker.ts";

/** A broker under test. */
export interface BrokerUnderTest {
  readonly broker: Broker;
  readonly close: () => Promise<void>;
}

/** What a hub heard. */
export interface Heard {
  readonly messages: { readonly topic: string; readonly text: string }[];
  readonly forbidden: { readonly who: Principal; readonly act: string; readonly topic: string }[];
  readonly presence: { readonly device: DeviceId; readonly isConnected: boolean }[];
  readonly connections: boolean[];
  readonly faults: Fault[];
  /** Resolves when `isTrue` holds, looked at whenever something was heard. */
  until(isTrue: () => boolean): Promise<void>;
}

/** Handlers that write down what they hear; devices `a` and `b` have the password `secret`. */
export function createHeard(fleet: FleetId): Heard & { readonly handlers: BrokerHandlers } {
  const waiting = new Set<() => void>();
  const tell = (): void => {
    for (const look of waiting) look();
  };
  const heard: Heard & { handlers: BrokerHandlers } = {
    messages: [],
    forbidden: [],
    presence: [],
    connections: [],
    faults: [],
    until: (isTrue) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!isTrue()) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    handlers: {
      onMessage(topic, payload) {
        heard.messages.push({ topic, text: new TextDecoder().decode(payload) });
        tell();
      },
      authenticate: ({ clientId, userName, password }) => {
        if (clientId !== userName || password !== "secret" || !/^[ab]$/.test(userName)) return null;
        return { kind: "device", device: userName as DeviceId };
      },
      onForbidden(who, act, topic) {
        heard.forbidden.push({ who, act, topic });
        tell();
      },
      onPresence(device, isConnected) {
        heard.presence.push({ device, isConnected });
        tell();
      },
      onConnection(isConnected) {
        heard.connections.push(isConnected);
        tell();
      },
      onFault(fault) {
        heard.faults.push(fault);
        tell();
      },
    },
  };
  expect(fleet).not.toBe("");
  return heard;
}

/** The next message of a client. */
export function nextMessage(
  client: MqttClient,
): Promise<{ topic: string; text: string; isRetained: boolean }> {
  return new Promise((resolve) => {
    client.once("message", (topic, payload, packet) => {
      resolve({ topic, text: payload.toString("utf8"), isRetained: packet.retain });
    });
  });
}

/** Runs the suite. @param create a broker that has not been started */
export function brokerContract(fleet: FleetId, create: () => Promise<BrokerUnderTest>): void {
  let made: BrokerUnderTest;
  let heard: ReturnType<typeof createHeard>;
  let url: string;
  const clients: MqttClient[] = [];
  const connect = async (device: string): Promise<MqttClient> => {
    const client = await connectAsync(url, {
      clientId: device,
      username: device,
      password: "secret",
      reconnectPeriod: 0,
    });
    clients.push(client);
    return client;
  };

  beforeEach(async () => {
    made = await create();
    heard = createHeard(fleet);
    url = (await made.broker.start(heard.handlers)).mqttUrl ?? "";
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.end(true);
    await made.broker.close();
    await made.close();
  });

  const a = "a" as DeviceId;

  it("[HB1] a device's message reaches the hub with its topic and exact bytes", async () => {
    const client = await connect("a");
    await client.publishAsync(topics.up(fleet, a, "report"), Buffer.from("hello"), { qos: 1 });
    await heard.until(() => heard.messages.length === 1);
    expect(heard.messages).toEqual([{ topic: topics.up(fleet, a, "report"), text: "hello" }]);
  });

  it("[HB1] enrolments reach the hub as well", async () => {
    const client = await connect("a");
    await client.publishAsync(topics.up(fleet, a, "contribution"), "one", { qos: 1 });
    await heard.until(() => heard.messages.length === 1);
    expect(heard.connections).toEqual([true]);
  });

  it("[HB2] a retained message is told to whoever comes later, the newest only, and can be taken back", async () => {
    const topic = topics.trustRoot(fleet);
    await made.broker.publish(topic, new TextEncoder().encode("old"), true);
    await made.broker.publish(topic, new TextEncoder().encode("new"), true);
    const client = await connect("a");
    const first = nextMessage(client);
    await client.subscribeAsync(topic, { qos: 1 });
    expect(await first).toEqual({ topic, text: "new", isRetained: true });
    await made.broker.publish(topic, new Uint8Array(), true);
    const late = await connect("b");
    const own = nextMessage(late);
    await late.subscribeAsync(topic, { qos: 1 });
    await made.broker.publish(topic, new TextEncoder().encode("live"), false);
    expect(await own).toMatchObject({ text: "live", isRetained: false });
  });

  it("[HB2] a message to one device is heard by that device", async () => {
    const client = await connect("a");
    const topic = topics.down(fleet, a, "receipt");
    await client.subscribeAsync(topic, { qos: 1 });
    const heardByDevice = nextMessage(client);
    await made.broker.publish(topic, new TextEncoder().encode("yours"), false);
    expect(await heardByDevice).toEqual({ topic, text: "yours", isRetained: false });
  });

  it("[HB3] after close a publish is a Fault, not a promise that hangs", async () => {
    await made.broker.close();
    await expect(made.broker.publish("x", new Uint8Array(), false)).rejects.toMatchObject({
      code: "broker.unavailable",
    });
  });
}
