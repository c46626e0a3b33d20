// The director at work: listens to the audit and the clock, imports when the story says so, and returns when it is over.
import type { Clock } from "@attune/device-runtime";
import { LINE } from "./activityPackage.ts";
import type { FoundedHub } from "./foundHub.ts";
import { openingStory, type Story, stepStory } from "./story.ts";

/** What the director needs. */
export interface DirectOptions {
  readonly founded: Pick<FoundedHub, "hub" | "api">;
  readonly clock: Clock;
  readonly startedAtMs: number;
  /** The release that leaves people out; may still be in the making. */
  readonly lopsided: Promise<Uint8Array>;
  readonly signal: AbortSignal;
  readonly onImport: () => void;
}

/** How often the clock is looked at, in real milliseconds. */
const TICK_EVERY_MS = 100;

/** Directs a story to its end. @throws what the signal is aborted with, or what the import fails with */
export function direct(options: DirectOptions): Promise<Story> {
  const { founded, clock, startedAtMs, signal } = options;
  const { hub, api } = founded;
  let story = openingStory;
  return new Promise((resolve, reject) => {
    const end = (finish: () => void): void => {
      clearInterval(ticks);
      off();
      signal.removeEventListener("abort", stopped);
      finish();
    };
    const stopped = (): void => {
      end(() => {
        reject(signal.reason);
      });
    };
    const take = (event: Parameters<typeof stepStory>[1]): void => {
      const step = stepStory(story, event);
      story = step.story;
      for (const act of step.acts) {
        if (act === "end") {
          end(() => {
            resolve(story);
          });
        } else {
          options.onImport();
          importRelease().catch((error: unknown) => {
            end(() => {
              reject(error);
            });
          });
        }
      }
    };
    const importRelease = async (): Promise<void> => {
      const note = "trained on twice as many people";
      const query = `line=${LINE}&note=${encodeURIComponent(note)}`;
      await api.send("POST", `/api/models?${query}`, await options.lopsided);
    };
    const off = hub.onAudit((row) => {
      take({ type: "audited", row, atMs: row.atMs - startedAtMs });
    });
    const ticks = setInterval(() => {
      take({ type: "timePassed", atMs: clock.nowMs() - startedAtMs });
    }, TICK_EVERY_MS);
    signal.addEventListener("abort", stopped, { once: true });
    if (signal.aborted) stopped();
  });
}
