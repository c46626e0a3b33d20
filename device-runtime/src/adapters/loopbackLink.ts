// A broker in memory, for tests and simulations: the same rules as MQTT where a device can see them. It must not use time.
import { Fault } from "@attune/protocol";
import type { Link, LinkConnection, LinkHandlers, LinkOptions } from "../ports/link.ts";

/** What a party that is not a device does on a {@link LoopbackBroker}. */
export interface LoopbackParty {
  /** Topics with `+` and `#` as in MQTT. What is retained is delivered before this returns. */
  subscribe(filter: string, listener: (topic: string, payload: Uint8Array) => void): void;
  publish(topic: string, payload: Uint8Array, isRetained?: boolean): void;
}

/** A broker in memory. */
export interface LoopbackBroker {
  /** For devices. */
  readonly link: Link;
  /** For the hub, with no questions asked. */
  readonly hub: LoopbackParty;
  /** Client ids that are connected. */
  clients(): readonly string[];
  /** Breaks connections as a network does: their last wills are published. All of them without `clientId`. */
  cut(reason: string, clientId?: string): void;
  /** While false nobody can connect, and whoever is connected is cut. */
  setReachable(isReachable: boolean): void;
}

/** Who may do what. */
export interface LoopbackRules {
  /** Whether someone may connect; everybody may when it is left out. */
  readonly authenticate?: (
    options: Pick<LinkOptions, "clientId" | "userName" | "password">,
  ) => boolean;
  readonly mayPublish?: (userName: string, topic: string, clientId: string) => boolean;
  readonly maySubscribe?: (userName: string, filter: string, clientId: string) => boolean;
}

interface Client {
  readonly options: LinkOptions;
  readonly handlers: LinkHandlers;
  isOpen: boolean;
}

/** Who listens to what. Nearly all filters are plain topics, and a thousand devices have four each: those are found at once. */
function createAudience<T>(): {
  add(filter: string, listener: T): void;
  remove(filter: string, listener: T): void;
  removeAll(listener: T): void;
  /** Everybody whose filter covers the topic, each once, in the order of subscription. */
  of(topic: string): readonly T[];
} {
  const plain = new Map<string, Set<T>>();
  const wild = new Map<string, Set<T>>();
  const shelfOf = (filter: string): Map<string, Set<T>> => (isWild(filter) ? wild : plain);
  const remove = (shelf: Map<string, Set<T>>, filter: string, listener: T): void => {
    const listeners = shelf.get(filter);
    listeners?.delete(listener);
    if (listeners?.size === 0) shelf.delete(filter);
  };
  return {
    add(filter, listener) {
      const shelf = shelfOf(filter);
      const listeners = shelf.get(filter) ?? new Set();
      shelf.set(filter, listeners.add(listener));
    },
    remove: (filter, listener) => remove(shelfOf(filter), filter, listener),
    removeAll(listener) {
      for (const shelf of [plain, wild]) {
        for (const filter of shelf.keys()) remove(shelf, filter, listener);
      }
    },
    of(topic) {
      const found = new Set(plain.get(topic));
      for (const [filter, listeners] of wild) {
        if (!filterCovers(filter, topic)) continue;
        for (const listener of listeners) found.add(listener);
      }
      return [...found];
    },
  };
}

const isWild = (filter: string): boolean => /[+#]/.test(filter);

/**
 * Whether an MQTT topic filter covers a topic.
 *
 * @example
 * filterCovers("a/+/c", "a/b/c"); // => true
 */
export function filterCovers(filter: string, topic: string): boolean {
  const filterParts = filter.split("/");
  const topicParts = topic.split("/");
  for (let index = 0; index < filterParts.length; index += 1) {
    if (filterParts[index] === "#") return true;
    if (index >= topicParts.length) return false;
    if (filterParts[index] !== "+" && filterParts[index] !== topicParts[index]) return false;
  }
  return filterParts.length === topicParts.length;
}

/**
 * Creates a broker in memory. Deliveries are synchronous and in order, so a run with it is deterministic.
 *
 * @example
 * const broker = createLoopbackBroker();
 * broker.hub.publish("a/b", Uint8Array.of(1), true);
 * broker.clients(); // => []
 */
export function createLoopbackBroker(rules: LoopbackRules = {}): LoopbackBroker {
  const retained = new Map<string, Uint8Array>();
  const clients = new Map<string, Client>();
  const devices = createAudience<Client>();
  const others = createAudience<(topic: string, payload: Uint8Array) => void>();
  let isReachable = true;

  function publish(topic: string, payload: Uint8Array, isRetained: boolean): void {
    if (isRetained) {
      if (payload.length === 0) retained.delete(topic);
      else retained.set(topic, payload.slice());
    }
    for (const listener of others.of(topic)) listener(topic, payload.slice());
    // One who was told may have closed the connection of another.
    for (const client of devices.of(topic)) {
      if (client.isOpen) client.handlers.message(topic, payload.slice());
    }
  }

  /** What is retained under a filter, in the order in which it was published. */
  function retainedUnder(filter: string): readonly (readonly [string, Uint8Array])[] {
    if (isWild(filter)) return [...retained].filter(([topic]) => filterCovers(filter, topic));
    const payload = retained.get(filter);
    return payload === undefined ? [] : [[filter, payload]];
  }

  function end(client: Client, reason: string, isBroken: boolean): void {
    if (!client.isOpen) return;
    client.isOpen = false;
    if (clients.get(client.options.clientId) === client) clients.delete(client.options.clientId);
    devices.removeAll(client);
    client.handlers.closed(reason);
    const { will } = client.options;
    if (isBroken && will !== null) publish(will.topic, will.payload, false);
  }

  function closedFault(): Fault {
    return new Fault("the connection is closed", {
      code: "link.closed",
      hint: "the device connects again by itself",
      isRetryable: true,
    });
  }

  function connectionOf(client: Client): LinkConnection {
    const { userName, clientId } = client.options;
    return {
      async subscribe(topics) {
        await Promise.resolve();
        if (!client.isOpen) throw closedFault();
        for (const filter of topics) {
          if (rules.maySubscribe?.(userName, filter, clientId) === false) {
            throw new Fault(`the broker refuses the subscription to ${filter}`, {
              code: "link.subscribe_refused",
              hint: "check the broker's access rules",
              isRetryable: true,
            });
          }
        }
        for (const filter of topics) {
          devices.add(filter, client);
          for (const [topic, payload] of retainedUnder(filter)) {
            if (client.isOpen) client.handlers.message(topic, payload.slice());
          }
        }
      },
      async unsubscribe(topics) {
        await Promise.resolve();
        if (!client.isOpen) throw closedFault();
        for (const filter of topics) devices.remove(filter, client);
      },
      async publish(topic, payload) {
        await Promise.resolve();
        if (!client.isOpen) throw closedFault();
        if (rules.mayPublish?.(userName, topic, clientId) === false) {
          end(client, `may not publish to ${topic}`, true);
          throw closedFault();
        }
        publish(topic, payload, false);
      },
    };
  }

  return {
    link: {
      async connect(options, handlers) {
        await Promise.resolve();
        if (options.signal.aborted || !isReachable) {
          throw new Fault("the broker cannot be reached", {
            code: "link.connect_failed",
            hint: "the device tries again by itself",
            isRetryable: true,
          });
        }
        if (rules.authenticate?.(options) === false) {
          throw new Fault("the broker refuses the user name or password", {
            code: "link.refused",
            hint: "ask the hub's operator whether this device is still enrolled",
            isRetryable: true,
          });
        }
        const before = clients.get(options.clientId);
        if (before !== undefined) end(before, "another connection has the same client id", true);
        const client: Client = { options, handlers, isOpen: true };
        clients.set(options.clientId, client);
        options.signal.addEventListener("abort", () => {
          end(client, "closed", false);
        });
        return connectionOf(client);
      },
    },
    hub: {
      subscribe(filter, listener) {
        others.add(filter, listener);
        for (const [topic, payload] of retainedUnder(filter)) listener(topic, payload.slice());
      },
      publish: (topic, payload, isRetained = false) => {
        publish(topic, payload, isRetained);
      },
    },
    clients: () => [...clients.keys()],
    cut(reason, clientId) {
      for (const client of Array.from(clients.values())) {
        if (clientId === undefined || client.options.clientId === clientId) {
          end(client, reason, true);
        }
      }
    },
    setReachable(reachable) {
      isReachable = reachable;
      if (!reachable) {
        for (const client of Array.from(clients.values())) end(client, "the network is gone", true);
      }
    },
  };
}
