// One thing at a time, in order: so that what an act has read is still true when it is committed.

/** Runs asynchronous acts one after the other. */
export interface SerialQueue {
  /** Runs `act` after everything that was queued before; a failure does not stop what follows. */
  run<T>(act: () => Promise<T>): Promise<T>;
  /** How many acts wait or run. */
  readonly length: number;
  /** Resolves when everything that was queued so far has ended. */
  drained(): Promise<void>;
}

/** Creates an empty queue. Its owner bounds it by looking at `length`. */
export function createSerialQueue(): SerialQueue {
  let tail: Promise<unknown> = Promise.resolve();
  let length = 0;
  return {
    run<T>(act: () => Promise<T>): Promise<T> {
      length += 1;
      const result = tail.then(act);
      tail = result.then(
        () => void (length -= 1),
        () => void (length -= 1),
      );
      return result;
    },
    get length() {
      return length;
    },
    async drained() {
      await tail;
    },
  };
}
