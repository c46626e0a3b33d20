// Everything that touches a device's state happens in one line, one thing after the other. It must not know what.

/** Carries out tasks in the order in which they were added. */
export interface Lane {
  /** Adds a task; a failure is the caller's, the next task runs all the same. */
  run<T>(task: () => Promise<T>): Promise<T>;
  /** Resolves when nothing waits or runs, and no background work that was announced is under way. */
  whenIdle(): Promise<void>;
  /** Announces work outside the line that `whenIdle` should wait for; the result ends it, harmless twice. */
  begin(): () => void;
}

/** Creates a lane. */
export function createLane(): Lane {
  let tail: Promise<unknown> = Promise.resolve();
  let busyCount = 0;
  let waiting: (() => void)[] = [];

  function begin(): () => void {
    busyCount += 1;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      busyCount -= 1;
      if (busyCount > 0) return;
      const resolved = waiting;
      waiting = [];
      for (const resolve of resolved) resolve();
    };
  }

  const isBusy = (): boolean => busyCount > 0;

  return {
    begin,
    run(task) {
      const end = begin();
      const result = tail.then(task);
      tail = result.then(end, end);
      return result;
    },
    async whenIdle() {
      // Whoever is told that nothing runs may have started something before this one hears of it.
      while (isBusy()) await new Promise<void>((resolve) => waiting.push(resolve));
    },
  };
}
