// A part of the runtime that loads when it is first needed: once, and again after it could not be had. It must not know what the part does.
import type { Clock, Timer } from "../ports/clock.ts";
import type { Lane } from "./lane.ts";

/** How long to wait before a part that could not be had is asked for again. */
const AGAIN_MS = 30_000;

/** A part that loads later. */
export interface LaterPart<T> {
  /** Null until it is here. */
  readonly here: T | null;
  /** Asks for it; whoever asks need not wait. What fails is told, and tried again by itself. */
  want(): void;
  /** Waits for it. @throws what loading throws; asking again loads again */
  need(): Promise<T>;
  /** Nothing is tried again. */
  stop(): void;
}

/**
 * Creates the place of a part.
 *
 * @param parts.now the part where it is here from the start, else null
 * @param parts.arrived called once, when it is here
 * @param parts.failed called when asking by `want` failed for the first time, and for the first time after another reason
 */
export function createLaterPart<T>(parts: {
  readonly clock: Clock;
  readonly lane: Lane;
  readonly now: T | null;
  readonly load: () => Promise<T>;
  readonly arrived: () => void;
  readonly failed: (error: unknown) => void;
}): LaterPart<T> {
  let here = parts.now;
  let loading: Promise<T> | null = null;
  let timer: Timer | null = null;
  let told = "";
  let isStopped = false;

  async function load(): Promise<T> {
    try {
      here = await parts.load();
    } finally {
      loading = null;
    }
    parts.arrived();
    return here;
  }

  function need(): Promise<T> {
    if (here !== null) return Promise.resolve(here);
    loading ??= load();
    return loading;
  }

  async function ask(): Promise<void> {
    const end = parts.lane.begin();
    try {
      await need();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== told) parts.failed(error);
      told = reason;
      if (isStopped) return;
      timer = parts.clock.setTimer(AGAIN_MS, () => {
        timer = null;
        want();
      });
    } finally {
      end();
    }
  }

  function want(): void {
    if (here === null && loading === null && timer === null && !isStopped) void ask();
  }

  return {
    get here() {
      return here;
    },
    want,
    need,
    stop() {
      isStopped = true;
      timer?.cancel();
    },
  };
}
