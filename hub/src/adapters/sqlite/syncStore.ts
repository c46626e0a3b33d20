// The store's port without promises: what a database does in its own thread. Types only.
import type { Store } from "../../ports/store.ts";

/** A {@link Store} whose methods return at once: what they promise is durable when they return. */
export type SyncStore = {
  readonly [Method in keyof Store]: (
    ...args: Parameters<Store[Method]>
  ) => Awaited<ReturnType<Store[Method]>>;
};
