// The port for MQTT. Implementations: `adapters/mqtt/embeddedBroker` (aedes in this process), `adapters/mqtt/externalBroker`.
import type { DeviceId, Fault, Principal } from "@attune/protocol";

/** What a client shows when it connects. */
export interface MqttCredentials {
  readonly clientId: string;
  readonly userName: string;
  readonly password: string;
}

/** What a broker tells its hub. None of these may throw. */
export interface BrokerHandlers {
  /** A message that its sender was allowed to publish. The hub may keep `payload`. */
  readonly onMessage: (topic: string, payload: Uint8Array) => void;
  /** Who a client is, or null to turn it away. Embedded only: another broker has its own list. */
  readonly authenticate: (credentials: MqttCredentials) => Principal | null;
  /** A client tried what its principal may not. */
  readonly onForbidden: (principal: Principal, act: "publish" | "subscribe", topic: string) => void;
  /** A device came or went, as far as the broker itself can tell. */
  readonly onPresence: (device: DeviceId, isConnected: boolean) => void;
  /** The connection to a broker elsewhere came or went. */
  readonly onConnection: (isConnected: boolean) => void;
  readonly onFault: (fault: Fault) => void;
}

/** Where clients reach a broker. */
export interface BrokerAddresses {
  readonly mqttUrl: string | null;
  readonly webSocketUrl: string | null;
}

/**
 * MQTT as a hub sees it.
 *
 * - `publish` resolves when the broker has the message (QoS 1), which is not a delivery. It rejects with a Fault
 *   `broker.unavailable` when it cannot be had.
 * - What is retained may be gone after a restart of the broker: the hub publishes it again whenever `onConnection(true)` comes.
 */
export interface Broker {
  /** True when the broker itself refuses foreign topics and tells presence. */
  readonly isGuarding: boolean;
  start(handlers: BrokerHandlers): Promise<BrokerAddresses>;
  publish(topic: string, payload: Uint8Array, isRetained: boolean): Promise<void>;
  /** Ends the connection of a device, where that is possible. */
  disconnect(device: DeviceId): void;
  close(): Promise<void>;
}
