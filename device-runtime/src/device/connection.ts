// The connection that stands now, and who listens to what on it. It must not decide when to connect.
import { type BlobRef, Fault, type FleetId, topics } from "@attune/protocol";
import type { Clock } from "../ports/clock.ts";
import type { Link, LinkConnection, LinkOptions } from "../ports/link.ts";
import type { Work } from "./effectRunner.ts";

/** How long a retained blob may take to arrive once its topic is subscribed to, before it counts as not published. */
const RETAINED_WAIT_MS = 5_000;

/** How long the broker may take to confirm a subscription. Without it a connection stands on which nothing would ever arrive. */
const SUBSCRIBE_DEADLINE_MS = 30_000;

/** The connection of a device. */
export interface Connection {
  /**
   * Makes a connection; it stands until `options.signal` is aborted or the other side ends it.
   *
   * @param closed called once if it was made and is gone
   */
  open(options: LinkOptions, closed: (reason: string) => void): Promise<void>;
  /** @throws Fault `link.closed` when there is none */
  publish(topic: string, payload: Uint8Array): Promise<void>;
  /**
   * Listens until `signal` is aborted.
   *
   * @throws Fault `link.subscribe_refused`, also when the broker does not answer; `link.closed`
   */
  listen(
    topic: string,
    listener: (payload: Uint8Array) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /**
   * What is retained on a blob's topic; null when nothing comes in time, or there is no connection.
   */
  readRetained(fleet: FleetId, ref: BlobRef, work: Work): Promise<Uint8Array | null>;
}

/** Creates the place of a device's connection. */
export function createConnection(link: Link | null, clock: Clock): Connection {
  let current: LinkConnection | null = null;
  const listeners = new Map<string, Set<(payload: Uint8Array) => void>>();

  function standing(): LinkConnection {
    if (current !== null) return current;
    throw new Fault("there is no connection to the hub", {
      code: "link.closed",
      hint: "the device connects by itself",
      isRetryable: true,
    });
  }

  async function listen(
    topic: string,
    listener: (payload: Uint8Array) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const connection = standing();
    const others = listeners.get(topic) ?? new Set();
    listeners.set(topic, others.add(listener));
    signal.addEventListener("abort", () => {
      others.delete(listener);
      if (others.size > 0) return;
      if (listeners.get(topic) === others) listeners.delete(topic);
      // A connection that is gone has forgotten the topic by itself.
      if (current === connection) connection.unsubscribe([topic]).catch(() => undefined);
    });
    let confirmed = (): void => undefined;
    const late = new Promise<never>((_, reject) => {
      const timer = clock.setTimer(SUBSCRIBE_DEADLINE_MS, () => {
        reject(
          new Fault(
            `the broker did not confirm a subscription within ${SUBSCRIBE_DEADLINE_MS} ms`,
            {
              code: "link.subscribe_refused",
              hint: "the device connects again by itself; check that the broker is not overloaded",
              isRetryable: true,
            },
          ),
        );
      });
      confirmed = () => timer.cancel();
    });
    await Promise.race([connection.subscribe([topic]).finally(confirmed), late]);
  }

  return {
    async open(options, closed) {
      if (link === null) throw new Fault("there is no hub", { code: "link.closed", hint: "" });
      const made: { connection: LinkConnection | null; isOver: boolean } = {
        connection: null,
        isOver: false,
      };
      made.connection = await link.connect(options, {
        message(topic, payload) {
          for (const listener of listeners.get(topic) ?? []) listener(payload);
        },
        closed(reason) {
          made.isOver = true;
          if (current === made.connection) current = null;
          closed(reason);
        },
      });
      if (!made.isOver) current = made.connection;
    },
    publish: async (topic, payload) => standing().publish(topic, payload),
    listen,
    async readRetained(fleet, ref, work) {
      if (current === null || work.signal.aborted) return null;
      const controller = new AbortController();
      const ended = AbortSignal.any([work.signal, controller.signal]);
      try {
        let retained: Uint8Array | null = null;
        let arrived: (payload: Uint8Array | null) => void = (payload) => {
          retained = payload;
        };
        await listen(topics.blob(fleet, ref.digest), (payload) => arrived(payload), ended);
        if (retained !== null) return retained;
        const payload = new Promise<Uint8Array | null>((resolve) => {
          const goOn = work.pause();
          arrived = (bytes) => {
            goOn();
            resolve(bytes);
          };
        });
        const timer = clock.setTimer(RETAINED_WAIT_MS, () => {
          arrived(null);
        });
        ended.addEventListener("abort", () => {
          timer.cancel();
          arrived(null);
        });
        return await payload;
      } catch (error) {
        if (error instanceof Fault) return null;
        throw error;
      } finally {
        controller.abort();
      }
    },
  };
}
