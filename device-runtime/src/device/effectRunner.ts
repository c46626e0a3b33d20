// Keeps going what should be going on: starts what is new, stops what is not named any more. It must not know what an effect does.
import type { Effect } from "../core/effects.ts";
import type { Lane } from "./lane.ts";

/** What an effect at work is given. */
export interface Work {
  /** Aborted when the effect should not go on. */
  readonly signal: AbortSignal;
  /** From here on only someone else, or a deadline, can do something: that does not count as work, until the result is called. */
  pause(): () => void;
}

const NOT_WANTED = "not wanted any more";

/** Runs effects. */
export interface EffectRunner {
  /** Makes what runs equal to what should. An effect that has ended is not started again under the same id. */
  reconcile(effects: readonly Effect[]): void;
  /** Stops everything, and resolves when nothing runs. */
  stop(): Promise<void>;
}

/**
 * Creates a runner.
 *
 * @param lane hears of work, so that it can tell when a device is idle
 * @param start carries out an effect until it is done or its signal is aborted; must not reject
 */
export function createEffectRunner(
  lane: Lane,
  start: (effect: Effect, work: Work) => Promise<void>,
): EffectRunner {
  const known = new Map<string, AbortController>();
  const running = new Set<Promise<void>>();
  let isStopped = false;

  async function run(effect: Effect, signal: AbortSignal): Promise<void> {
    let end = lane.begin();
    try {
      await start(effect, {
        signal,
        pause() {
          end();
          let isOver = false;
          return () => {
            if (isOver) return;
            isOver = true;
            end = lane.begin();
          };
        },
      });
    } finally {
      end();
    }
  }

  function reconcile(effects: readonly Effect[]): void {
    const wanted = new Set(effects.map(({ id }) => id));
    for (const [id, controller] of known) {
      if (wanted.has(id)) continue;
      known.delete(id);
      // A reason of our own: the platform would make an error with a stack for each.
      controller.abort(NOT_WANTED);
    }
    for (const effect of effects) {
      if (isStopped || known.has(effect.id)) continue;
      const controller = new AbortController();
      known.set(effect.id, controller);
      const one = run(effect, controller.signal).finally(() => running.delete(one));
      running.add(one);
    }
  }

  return {
    reconcile,
    async stop() {
      reconcile([]);
      isStopped = true;
      await Promise.all(running);
    },
  };
}
