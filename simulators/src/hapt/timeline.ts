// What happens with each window of a test person, in time order. It must not know any model.
import type { HaptPerson, HaptWindow } from "../data/loadHarHapt.ts";
import { activities } from "../people/activity.ts";

/**
 * What a window is for.
 *
 * - `feedback`: the person says afterwards what it was.
 * - `scored`: its answer counts, nobody says what it was.
 * - `straddling`: the first window of the second half, which shares samples with the last one of the first half; its answer counts for
 *   nothing.
 * - `transition`: a change of posture, which is none of the six activities; streamed as input of an unknown kind.
 */
export type WindowRole = "feedback" | "scored" | "straddling" | "transition";

/** One window and what it is for. */
export interface TimelineWindow {
  readonly window: HaptWindow;
  readonly role: WindowRole;
}

/**
 * The windows of a person in time order: of each activity the first half (rounded down) is for feedback and the second is scored.
 *
 * The halves are taken for each activity apart, because a person does one after the other: half of the whole time would leave
 * activities without any feedback. An activity that a person never does has no windows, and one window alone is scored.
 */
export function createTimeline(person: HaptPerson): readonly TimelineWindow[] {
  const roles = new Map<HaptWindow, WindowRole>();
  activities.forEach((_, label) => {
    const windows = person.windows.filter((window) => window.label === label);
    const half = Math.floor(windows.length / 2);
    const lastFedBack = windows[half - 1];
    windows.forEach((window, index) => {
      const overlaps = lastFedBack !== undefined && window.startMs < lastFedBack.endMs;
      roles.set(window, index < half ? "feedback" : overlaps ? "straddling" : "scored");
    });
  });
  return person.windows.map((window) => ({ window, role: roles.get(window) ?? "transition" }));
}

/** The windows of one role, in time order. */
export function windowsOf(
  timeline: readonly TimelineWindow[],
  role: WindowRole,
): readonly HaptWindow[] {
  return timeline.filter((entry) => entry.role === role).map((entry) => entry.window);
}
