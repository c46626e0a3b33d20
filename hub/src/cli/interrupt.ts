// Ctrl-C for commands that go on until they are stopped. It must not end the process by itself.
import { setTimeout as delay } from "node:timers/promises";

/**
 * Runs something until it ends or the process is asked to stop (SIGINT, SIGTERM); being asked is an ordinary end.
 *
 * @param run is given a signal that aborts when the process should stop
 */
export async function untilInterrupted(run: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  const stop = (): void => {
    controller.abort();
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  try {
    await run(controller.signal);
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
}

/** Waits, or less when it is interrupted. */
export async function waitUnlessInterrupted(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
