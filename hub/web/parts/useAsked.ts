// One document of the hub for a view: asked when it opens, and again when something that the question reads has changed.
import { type ReadonlySignal, useSignal, useSignalEffect } from "@preact/signals";

/** What came of asking. */
export interface Asked<T> {
  /** The latest answer; stays while a newer one is waited for. */
  readonly answer: ReadonlySignal<T | null>;
  /** The hub's words when it did not answer; empty otherwise. */
  readonly error: ReadonlySignal<string>;
}

/**
 * Asks the hub.
 *
 * @param ask every signal that it reads before its first `await` makes it ask again; `null` for nothing to ask
 */
export function useAsked<T>(ask: () => Promise<T> | null): Asked<T> {
  const answer = useSignal<T | null>(null);
  const error = useSignal("");
  useSignalEffect(() => {
    const asked = ask();
    if (asked === null) return;
    let isStale = false;
    const wait = async (): Promise<void> => {
      try {
        const found = await asked;
        if (isStale) return;
        answer.value = found;
        error.value = "";
      } catch (reason) {
        if (!isStale) error.value = reason instanceof Error ? reason.message : String(reason);
      }
    };
    void wait();
    return () => {
      isStale = true;
    };
  });
  return { answer, error };
}
