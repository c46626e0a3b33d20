// An MQTT broker elsewhere: Mosquitto, EMQX, HiveMQ, AWS IoT Core. Needs MQTT 3.1.1 and no more. Sole owner of mqtt.
// Who may use which topic is that broker's business; the hub's intake checks every sender's signature all the same.
import { Fault, type FleetId, topics } from "@attune/protocol";
import mqtt, { type MqttClient } from "mqtt";
import type { Broker, BrokerAddresses, BrokerHandlers } from "../../ports/broker.ts";

/** Where the broker is, and who the hub is there. */
export interface ExternalBrokerOptions {
  readonly fleet: FleetId;
  readonly url: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

/** How long the first connection may take before the hub says that it cannot start. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Messages that wait for their PUBACK; beyond, the hub keeps what it has to say and says it at the next connection. */
const PUBLISHING_MAX = 4096;

/** Creates the connection to a broker; it is made at `start` and made again whenever it breaks. */
export function createExternalBroker(options: ExternalBrokerOptions): Broker {
  const { fleet, url } = options;
  const shownUrl = withoutCredentials(url);
  /** How to give up each message that waits: the library forgets callbacks when a connection breaks. */
  const publishing = new Set<(fault: Fault) => void>();
  let client: MqttClient | undefined;

  const breakOff = (): void => {
    for (const giveUp of publishing) giveUp(unavailable(shownUrl));
    publishing.clear();
  };

  return {
    isGuarding: false,
    async start(handlers: BrokerHandlers): Promise<BrokerAddresses> {
      const connecting = mqtt.connect(url, {
        protocolVersion: 4,
        clean: true,
        reconnectPeriod: 1000,
        connectTimeout: CONNECT_TIMEOUT_MS,
        ...(options.username === undefined ? {} : { username: options.username }),
        ...(options.password === undefined ? {} : { password: options.password }),
      });
      client = connecting;
      const filters = [topics.allUp(fleet), topics.allEnrolUp(fleet)];
      connecting.on("message", (topic, payload) => {
        handlers.onMessage(topic, new Uint8Array(payload));
      });
      connecting.on("close", () => {
        breakOff();
        handlers.onConnection(false);
      });
      const isReady = new Promise<void>((resolve, reject) => {
        let hasConnected = false;
        connecting.on("error", (error) => {
          if (hasConnected) handlers.onFault(unavailable(shownUrl, error));
          else reject(unavailable(shownUrl, error));
        });
        connecting.on("connect", () => {
          hasConnected = true;
          connecting.subscribe(filters, { qos: 1 }, (error) => {
            if (error) return reject(unavailable(shownUrl, error));
            handlers.onConnection(true);
            resolve();
          });
        });
      });
      try {
        await isReady;
      } catch (error) {
        await connecting.endAsync(true);
        throw error;
      }
      const isWebSocket = url.startsWith("ws");
      return {
        mqttUrl: isWebSocket ? null : shownUrl,
        webSocketUrl: isWebSocket ? shownUrl : null,
      };
    },
    publish(topic, payload, isRetained) {
      const connected = client;
      if (connected?.connected !== true || publishing.size >= PUBLISHING_MAX) {
        return Promise.reject(unavailable(shownUrl));
      }
      return new Promise((resolve, reject) => {
        publishing.add(reject);
        connected.publish(
          topic,
          Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength),
          { qos: 1, retain: isRetained },
          (error) => {
            publishing.delete(reject);
            if (error) reject(unavailable(shownUrl, error));
            else resolve();
          },
        );
      });
    },
    disconnect() {
      // Another broker's connections are not ours to end; a retired device's messages are refused at intake.
    },
    async close() {
      const closing = client;
      client = undefined;
      breakOff();
      await closing?.endAsync(true);
    },
  };
}

/** For messages and documents, which many people read. */
function withoutCredentials(url: string): string {
  return url.replace(/^([a-z]+:\/\/)[^@/]*@/i, "$1");
}

function unavailable(url: string, cause?: unknown): Fault {
  return new Fault(`the broker at ${url} cannot be reached`, {
    code: "broker.unavailable",
    hint: "look at its address, and at the user name and password of the hub",
    cause,
    isRetryable: true,
  });
}
