// MQTT 3.1.1 at QoS 1, over TCP or WebSocket. Sole owner of mqtt.js. It makes one connection when asked and never by itself: the
// library reconnects without jitter and can lose publish callbacks, so pauses and what is unsent are the core's.
import { Fault } from "@attune/protocol";
import type { IClientOptions, MqttClient } from "mqtt";
import type { Link, LinkConnection } from "../ports/link.ts";

/** How a {@link createMqttLink} behaves. */
export interface MqttLinkOptions {
  /** Seconds between pings; a silent connection counts as broken after 1.5 times that. */
  readonly keepAliveSeconds?: number;
}

const wrongCredentials = new Set([2, 4, 5]);

const closedFault = (cause?: unknown): Fault =>
  new Fault("the connection to the broker is closed", {
    code: "link.closed",
    hint: "the device connects again by itself",
    isRetryable: true,
    ...(cause === undefined ? {} : { cause }),
  });

/**
 * Creates a link to the MQTT broker at an address.
 *
 * - Clean session: a device is told what is retained, and sends again what it has no receipt for. So a broker needs to remember
 *   nothing about it.
 *
 * @param url `mqtt://`, `mqtts://`, `ws://` or `wss://`
 * @example
 * createMqttLink("mqtt://hub.local");
 */
export function createMqttLink(url: string, options: MqttLinkOptions = {}): Link {
  return {
    async connect({ clientId, userName, password, will, signal }, handlers) {
      const { connect } = await import("mqtt");
      if (signal.aborted) throw closedFault();
      const settings: IClientOptions = {
        protocolVersion: 4,
        clean: true,
        reconnectPeriod: 0,
        // The caller's deadline ends a connection that is never made, by aborting.
        connectTimeout: 0x7fffffff,
        keepalive: options.keepAliveSeconds ?? 30,
        clientId,
        username: userName,
        password,
        ...(will === null
          ? {}
          : { will: { topic: will.topic, payload: will.payload as never, qos: 1, retain: false } }),
      };
      const client = connect(url, settings);
      /** Whoever waits for the broker; the library forgets them when a connection breaks. */
      const waiting = new Set<(error: Fault) => void>();
      let isOpen = true;

      const end = (reason: string, cause?: unknown): void => {
        if (!isOpen) return;
        isOpen = false;
        client.end(true);
        for (const reject of waiting) reject(closedFault(cause));
        waiting.clear();
        handlers.closed(reason);
      };
      let lastError: Error | undefined;
      client.on("error", (error) => {
        lastError = error;
        end(error.message, error);
      });
      client.on("close", () => {
        end(lastError?.message ?? "the broker closed the connection", lastError);
      });
      client.on("message", (topic, payload) => {
        if (isOpen) handlers.message(topic, new Uint8Array(payload));
      });

      /** Calls back into a promise that also ends when the connection does. */
      const waitFor = (
        code: string,
        start: (done: (error?: Error | null) => void) => void,
      ): Promise<void> =>
        new Promise((resolve, reject) => {
          if (!isOpen) {
            reject(closedFault());
            return;
          }
          waiting.add(reject);
          start((error) => {
            if (!waiting.delete(reject)) return;
            if (!error) resolve();
            else {
              reject(
                new Fault(`the broker did not do what was asked (${error.message})`, {
                  code,
                  hint: "check the broker's log and its access rules for this device",
                  cause: error,
                  isRetryable: true,
                }),
              );
            }
          });
        });

      await connected(client, signal, () => {
        isOpen = false;
        for (const reject of waiting) reject(closedFault());
        waiting.clear();
        leave(client);
        handlers.closed("closed");
      });
      const connection: LinkConnection = {
        subscribe: (topics) =>
          waitFor("link.subscribe_refused", (done) => {
            client.subscribe([...topics], { qos: 1 }, (error, grants) => {
              const refused = grants?.find(({ qos }) => (qos as number) === 128);
              done(error ?? (refused === undefined ? null : new Error(`no ${refused.topic}`)));
            });
          }),
        unsubscribe: (topics) =>
          waitFor("link.unsubscribe_failed", (done) => {
            client.unsubscribe([...topics], (error) => {
              done(error);
            });
          }),
        publish: (topic, payload) =>
          waitFor("link.publish_failed", (done) => {
            client.publish(topic, payload as Buffer, { qos: 1 }, (error) => {
              done(error);
            });
          }),
      };
      return connection;
    },
  };
}

/** A broker that was told that this is the end has so long to close the connection. */
const LEAVE_MS = 5_000;

/**
 * Ends gracefully, so that the broker keeps the last will to itself; but does not wait, as the library would, for confirmations that a
 * stuck broker never sends: each connection given up for a new one would stay for ever.
 */
function leave(client: MqttClient): void {
  for (const messageId of Object.keys(client.outgoing)) {
    client.removeOutgoingMessage(Number(messageId));
  }
  const timer: { unref?(): void } | number = setTimeout(() => client.stream.destroy(), LEAVE_MS);
  // Nobody's process stays for it.
  if (typeof timer === "object") timer.unref?.();
  client.once("close", () => clearTimeout(timer as number));
  client.end(!client.connected);
}

/** Waits for CONNACK; from then on aborting ends the connection gracefully. */
function connected(client: MqttClient, signal: AbortSignal, end: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error & { code?: unknown }): void => {
      signal.removeEventListener("abort", aborted);
      const isRefused = typeof error.code === "number" && wrongCredentials.has(error.code);
      reject(
        new Fault(`no connection to the broker (${error.message})`, {
          code: isRefused ? "link.refused" : "link.connect_failed",
          hint: isRefused
            ? "ask the hub's operator whether this device is still enrolled"
            : "the device tries again by itself; check the hub's address",
          cause: error,
          isRetryable: true,
        }),
      );
    };
    const broken = (): void => {
      fail(new Error("closed before it was made"));
    };
    const aborted = (): void => {
      end();
      reject(closedFault());
    };
    signal.addEventListener("abort", aborted, { once: true });
    client.once("error", fail);
    client.once("close", broken);
    client.once("connect", () => {
      client.removeListener("error", fail);
      client.removeListener("close", broken);
      resolve();
    });
  });
}
