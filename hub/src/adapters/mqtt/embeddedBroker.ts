// An MQTT broker inside the hub's process, over TCP and WebSocket, where a device reaches only its own topics.
// Sole owner of aedes and ws. It must not read a payload.

import type { EventEmitter } from "node:events";
import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createServer, type Server, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { createServer as createTlsServer } from "node:tls";
import {
  type DeviceId,
  Fault,
  type FleetId,
  mayPublish,
  maySubscribe,
  type Principal,
  topics,
} from "@attune/protocol";
import { Aedes, type Client } from "aedes";
import { createWebSocketStream, WebSocketServer } from "ws";
import {
  MQTT_CLIENT_ID_LENGTH_MAX,
  MQTT_CLIENTS_MAX,
  MQTT_DRAIN_MS_MAX,
  MQTT_PACKET_BYTES_MAX,
} from "../../limits.ts";
import type { Broker, BrokerAddresses, BrokerHandlers } from "../../ports/broker.ts";
import { createPacketSizeGuard } from "./packetSizeGuard.ts";

/** Where an embedded broker listens; a port of 0 is any free one, null is none. */
export interface EmbeddedBrokerOptions {
  readonly fleet: FleetId;
  readonly host: string;
  readonly tcpPort: number | null;
  readonly webSocketPort: number | null;
  /** Certificate chain and key, PEM; plain text when left out. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** How long a client may read nothing while something waits for it; default {@link MQTT_DRAIN_MS_MAX}. */
  readonly drainMs?: number | undefined;
}

/** MQTT 3.1.1, table 3.1: bad user name or password. */
const BAD_CREDENTIALS = 4;

/**
 * Creates the broker; it listens from `start` on.
 *
 * - Sessions are always clean: nothing is queued for a device that is away, because everything that it must know is retained or
 *   sent again, and a queue in memory would have no bound.
 * - A forbidden publish is dropped and acknowledged like any other, or a client would send it again for ever; its principal is
 *   told to the hub. A forbidden subscription is answered with 128.
 */
export function createEmbeddedBroker(options: EmbeddedBrokerOptions): Broker {
  const { fleet, host, tls } = options;
  const principals = new WeakMap<Client, Principal>();
  const devices = new Map<DeviceId, Client>();
  let aedes: Aedes | undefined;
  let tcp: Server | undefined;
  let http: HttpServer | undefined;
  let webSockets: WebSocketServer | undefined;
  const sockets = new Set<Socket>();

  /** Whose messages are dropped: a topic that nobody can subscribe to. */
  const droppedTopic = `attune/v1/${fleet}/dropped`;

  const createAedes = async (handlers: BrokerHandlers): Promise<Aedes> => {
    const broker = await Aedes.createBroker({
      // The device's outbox sends again what is not receipted: half a minute of keep-alive is not worth a setting.
      connectTimeout: 10_000,
      // A client that stops reading would hold up every publish that it is to get, and with it the whole fleet's decisions.
      drainTimeout: options.drainMs ?? MQTT_DRAIN_MS_MAX,
      maxClientsIdLength: MQTT_CLIENT_ID_LENGTH_MAX,
      maxTopicLevels: 16,
      maxInflightInbound: 64,
      preConnect(_client, packet, done) {
        const isFull = (aedes?.connectedClients ?? 0) >= MQTT_CLIENTS_MAX;
        packet.clean = true;
        done(null, !isFull && packet.clientId.length <= MQTT_CLIENT_ID_LENGTH_MAX);
      },
      authenticate(client, userName, password, done) {
        const principal = handlers.authenticate({
          clientId: client.id,
          userName: userName ?? "",
          password: password?.toString("utf8") ?? "",
        });
        if (principal === null) {
          const error = Object.assign(new Error("bad user name or password"), {
            returnCode: BAD_CREDENTIALS,
          });
          return done(error, null);
        }
        principals.set(client, principal);
        done(null, true);
      },
      authorizePublish(client, packet, done) {
        const principal = client === null ? undefined : principals.get(client);
        if (principal === undefined || !mayPublish(fleet, principal, packet.topic)) {
          if (principal !== undefined) handlers.onForbidden(principal, "publish", packet.topic);
          packet.topic = droppedTopic;
          packet.payload = Buffer.alloc(0);
        }
        // Only the hub keeps anything: a retained message of a device would be replayed to the hub for ever.
        packet.retain = false;
        done(null);
      },
      authorizeSubscribe(client, subscription, done) {
        const principal = principals.get(client);
        const may = principal !== undefined && maySubscribe(fleet, principal, subscription.topic);
        if (!may && principal !== undefined) {
          handlers.onForbidden(principal, "subscribe", subscription.topic);
        }
        done(null, may ? subscription : null);
      },
    });
    // Before its CONNACK, so that whoever is told of a connection can end it.
    broker.on("client", (client) => {
      const principal = principals.get(client);
      if (principal?.kind !== "device") return;
      devices.set(principal.device, client);
      handlers.onPresence(principal.device, true);
    });
    broker.on("clientDisconnect", (client) => {
      const principal = principals.get(client);
      if (principal?.kind !== "device" || devices.get(principal.device) !== client) return;
      devices.delete(principal.device);
      handlers.onPresence(principal.device, false);
    });
    // Its type does not say so, but it is an emitter like any other: unheard, an error would end the process.
    (broker as EventEmitter).on("error", (cause: Error) => handlers.onFault(unavailable(cause)));
    for (const filter of [topics.allUp(fleet), topics.allEnrolUp(fleet)]) {
      await new Promise<void>((resolve) => {
        broker.subscribe(
          filter,
          (packet, delivered) => {
            handlers.onMessage(packet.topic, new Uint8Array(packet.payload as Buffer));
            delivered();
          },
          resolve,
        );
      });
    }
    return broker;
  };

  const accept = (stream: Duplex): void => {
    const guard = createPacketSizeGuard(MQTT_PACKET_BYTES_MAX);
    const guarded = Duplex.from({ readable: guard, writable: stream });
    // A client that hangs up or talks too much ends its own connection and nothing else.
    guard.on("error", () => stream.destroy());
    stream.on("error", () => guarded.destroy());
    stream.on("close", () => guarded.destroy());
    guarded.on("close", () => stream.destroy());
    stream.pipe(guard);
    aedes?.handle(guarded);
  };

  return {
    isGuarding: true,
    async start(handlers): Promise<BrokerAddresses> {
      aedes = await createAedes(handlers);
      let mqttUrl: string | null = null;
      let webSocketUrl: string | null = null;
      if (options.tcpPort !== null) {
        const connected = (socket: Socket): void => {
          sockets.add(socket);
          socket.on("close", () => sockets.delete(socket));
          accept(socket);
        };
        tcp =
          tls === undefined
            ? createServer({ noDelay: true }, connected)
            : createTlsServer({ ...tls, noDelay: true, handshakeTimeout: 10_000 }, connected);
        tcp.maxConnections = MQTT_CLIENTS_MAX;
        mqttUrl = `${tls === undefined ? "mqtt" : "mqtts"}://${host}:${await listen(tcp, options.tcpPort, host)}`;
      }
      if (options.webSocketPort !== null) {
        const upgradeOnly = (_request: IncomingMessage, response: ServerResponse): void => {
          response.writeHead(426).end();
        };
        http =
          tls === undefined ? createHttpServer(upgradeOnly) : createHttpsServer(tls, upgradeOnly);
        http.on("connection", (socket) => {
          sockets.add(socket);
          socket.on("close", () => sockets.delete(socket));
        });
        webSockets = new WebSocketServer({
          server: http,
          maxPayload: 4 * MQTT_PACKET_BYTES_MAX,
          perMessageDeflate: false,
          handleProtocols: (offered) => (offered.has("mqtt") ? "mqtt" : false),
        });
        webSockets.on("connection", (socket) => accept(createWebSocketStream(socket)));
        http.maxConnections = MQTT_CLIENTS_MAX;
        webSocketUrl = `${tls === undefined ? "ws" : "wss"}://${host}:${await listen(http, options.webSocketPort, host)}`;
      }
      handlers.onConnection(true);
      return { mqttUrl, webSocketUrl };
    },
    publish(topic, payload, isRetained) {
      const broker = aedes;
      if (broker === undefined || broker.closed) return Promise.reject(unavailable());
      return new Promise((resolve, reject) => {
        broker.publish(
          {
            cmd: "publish",
            topic,
            payload: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength),
            qos: 1,
            retain: isRetained,
            dup: false,
          },
          (error) => (error ? reject(unavailable(error)) : resolve()),
        );
      });
    },
    disconnect: (device) => devices.get(device)?.close(),
    async close() {
      const closing = aedes;
      if (closing !== undefined) {
        await new Promise<void>((resolve) => closing.close(() => resolve()));
      }
      webSockets?.close();
      for (const socket of sockets) socket.destroy();
      await Promise.all([tcp, http].map((server) => closeServer(server)));
    },
  };
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => {
      reject(
        new Fault(`cannot listen on ${host}:${port}`, {
          code: "broker.address_unavailable",
          hint: "another program has this port: stop it, or choose another port (0 for any free one)",
          cause: error,
        }),
      );
    });
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

function closeServer(server: Server | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (server === undefined || !server.listening) resolve();
    else server.close(() => resolve());
  });
}

function unavailable(cause?: unknown): Fault {
  return new Fault("the embedded broker is closed", {
    code: "broker.unavailable",
    hint: "start the hub again",
    cause,
    isRetryable: true,
  });
}
