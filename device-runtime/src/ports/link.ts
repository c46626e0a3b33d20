// The connection to a hub, as a port. It must not know what travels on it, nor when to connect again.

/** Who connects, and what the broker says for it when the connection breaks. */
export interface LinkOptions {
  readonly clientId: string;
  readonly userName: string;
  /** Secret: never logged, never part of an error's message. */
  readonly password: string;
  readonly will: { readonly topic: string; readonly payload: Uint8Array } | null;
  /** Aborting it closes the connection, or gives up making it. */
  readonly signal: AbortSignal;
}

/** What a connection calls. Neither may throw. */
export interface LinkHandlers {
  /** A message has arrived. `payload` is the handler's to keep. */
  message(topic: string, payload: Uint8Array): void;
  /** The connection is gone, by whatever side; called once, and nothing after it. */
  closed(reason: string): void;
}

/** A connection that stands. */
export interface LinkConnection {
  /**
   * Resolves once the broker has confirmed all topics. What is retained on them arrives at any time after the call.
   *
   * @throws Fault `link.closed`, `link.subscribe_refused`
   */
  subscribe(topics: readonly string[]): Promise<void>;
  /** @throws Fault `link.closed` */
  unsubscribe(topics: readonly string[]): Promise<void>;
  /**
   * At least once; resolves when the broker has confirmed (PUBACK), which is not a delivery. Nothing is kept: what a broken
   * connection has not confirmed is the caller's to send again.
   *
   * @param payload must not change until the promise is settled
   * @throws Fault `link.closed`, `link.publish_failed`
   */
  publish(topic: string, payload: Uint8Array): Promise<void>;
}

/** Makes connections. */
export interface Link {
  /**
   * Makes one connection, without trying again. Its messages are new ones and retained ones: nothing is queued for an absent
   * device.
   *
   * @throws Fault `link.connect_failed`, `link.refused` (wrong user name, password or client id)
   */
  connect(options: LinkOptions, handlers: LinkHandlers): Promise<LinkConnection>;
}
