// One thing at a time, fairly: whoever asks often does not keep the others waiting. It must not know what is done.

/** Carries out tasks one after the other, taking turns between owners. */
export interface FairQueue {
  /**
   * Adds a task; it runs when it is its owner's turn. Tasks of one owner keep their order.
   *
   * @returns what the task returns; rejects as it does
   */
  run<T>(owner: string, task: () => Promise<T>): Promise<T>;
}

/**
 * Creates a queue that goes round its owners: with two of them, one with ten tasks and one with one, the one task is at most
 * second.
 */
export function createFairQueue(): FairQueue {
  // A Map keeps the order in which owners came; one that has had its turn goes to the end.
  const waiting = new Map<string, (() => void)[]>();
  let current: string | null = null;

  /** Lets the next one begin. */
  function pass(): void {
    if (current !== null) {
      const rest = waiting.get(current) ?? [];
      waiting.delete(current);
      if (rest.length > 0) waiting.set(current, rest);
      current = null;
    }
    const next = waiting.entries().next();
    if (next.done) return;
    const [owner, turns] = next.value;
    current = owner;
    turns.shift()?.();
  }

  return {
    async run(owner, task) {
      await new Promise<void>((begin) => {
        const turns = waiting.get(owner) ?? [];
        turns.push(begin);
        waiting.set(owner, turns);
        if (current === null) pass();
      });
      try {
        return await task();
      } finally {
        pass();
      }
    },
  };
}
