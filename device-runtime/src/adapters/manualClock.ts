// A clock that stands still until it is told to move, for tests and simulations. It must not look at the machine's time.
import { Defect } from "@attune/protocol";
import type { Clock, Timer } from "../ports/clock.ts";

/** A {@link Clock} whose owner moves it. */
export interface ManualClock extends Clock {
  /** Moves the clock by `ms`, running every timer that comes due on the way, each at its own time. */
  advance(ms: number): void;
  /** Like {@link advance}, to a point in time that is not in the past. */
  advanceTo(ms: number): void;
  /** Moves to the next timer and runs it; false when there is none. For a loop that lets promises settle in between. */
  runNext(): boolean;
  /** When the next timer is due, or null. */
  nextDueMs(): number | null;
  /** How many timers wait. */
  timerCount(): number;
}

interface Entry {
  readonly dueMs: number;
  /** Ties run in the order in which they were set. */
  readonly order: number;
  /** Null once cancelled: the entry stays in the heap until it comes up or a sweep takes it. */
  callback: (() => void) | null;
}

/** Below this many entries a sweep is not worth its cost. */
const sweepEntriesMin = 64;

/**
 * Creates a clock at `startMs` that only its owner moves.
 *
 * - Timers run in order of their due time, ties in the order in which they were set; a timer set by a callback runs within the
 *   same `advance` when it is due by then.
 * - Setting, cancelling and running cost O(log n).
 *
 * @example
 * const clock = createManualClock();
 * const seen: number[] = [];
 * clock.setTimer(20, () => seen.push(clock.nowMs()));
 * clock.setTimer(10, () => seen.push(clock.nowMs()));
 * clock.advance(30);
 * seen; // => [10, 20]
 */
export function createManualClock(startMs = 0): ManualClock {
  let now = startMs;
  let setCount = 0;
  let waitingCount = 0;
  let heap: Entry[] = [];

  const isBefore = (a: Entry, b: Entry): boolean =>
    a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);

  function siftUp(from: number): void {
    const entry = heap[from] as Entry;
    let place = from;
    while (place > 0) {
      const parentPlace = (place - 1) >> 1;
      const parent = heap[parentPlace] as Entry;
      if (!isBefore(entry, parent)) break;
      heap[place] = parent;
      place = parentPlace;
    }
    heap[place] = entry;
  }

  function siftDown(from: number): void {
    const entry = heap[from] as Entry;
    let place = from;
    for (;;) {
      let childPlace = 2 * place + 1;
      if (childPlace >= heap.length) break;
      const right = heap[childPlace + 1];
      if (right !== undefined && isBefore(right, heap[childPlace] as Entry)) childPlace++;
      const child = heap[childPlace] as Entry;
      if (!isBefore(child, entry)) break;
      heap[place] = child;
      place = childPlace;
    }
    heap[place] = entry;
  }

  function takeFirst(): void {
    const last = heap.pop() as Entry;
    if (heap.length > 0) {
      heap[0] = last;
      siftDown(0);
    }
  }

  function first(): Entry | undefined {
    while (heap.length > 0 && heap[0]?.callback === null) takeFirst();
    return heap[0];
  }

  // A world that sets and cancels for ever must not grow: at most half of a large heap is dead.
  function sweep(): void {
    if (heap.length < sweepEntriesMin || heap.length < 2 * waitingCount) return;
    heap = heap.filter((entry) => entry.callback !== null);
    for (let place = (heap.length >> 1) - 1; place >= 0; place--) siftDown(place);
  }

  function run(entry: Entry): void {
    takeFirst();
    waitingCount--;
    now = Math.max(now, entry.dueMs);
    const callback = entry.callback as () => void;
    entry.callback = null;
    callback();
  }

  function advanceTo(targetMs: number): void {
    if (!(targetMs >= now)) {
      throw new Defect(
        "clock.moved_back",
        `the clock is at ${now} ms and cannot go to ${targetMs}`,
      );
    }
    for (let next = first(); next !== undefined && next.dueMs <= targetMs; next = first()) {
      run(next);
    }
    now = Math.max(now, targetMs);
  }

  return {
    nowMs: () => now,
    setTimer(delayMs, callback): Timer {
      const entry: Entry = { dueMs: now + Math.max(0, delayMs), order: setCount++, callback };
      waitingCount++;
      heap.push(entry);
      siftUp(heap.length - 1);
      return {
        cancel() {
          if (entry.callback === null) return;
          entry.callback = null;
          waitingCount--;
          sweep();
        },
      };
    },
    advance: (ms) => advanceTo(now + ms),
    advanceTo,
    runNext() {
      const next = first();
      if (next === undefined) return false;
      run(next);
      return true;
    },
    nextDueMs: () => first()?.dueMs ?? null,
    timerCount: () => waitingCount,
  };
}
