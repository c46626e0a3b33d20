// A user's state as it was read from disk, in the time that it is now. It must not touch anything that is not a time.
import { CONTRIBUTION_AGAIN_MS, TRAIN_PAUSE_MS_MAX, TRAIN_SLICE_DEADLINE_MS } from "../limits.ts";
import type { UserState } from "./userState.ts";

const DAY_MS = 86_400_000;

/**
 * No pause lasts longer than it could if it began now: a machine whose clock was years ahead when this was written, as one without a
 * battery may be, must not wait for years. The day of a spent budget is at most tomorrow, so that setting the clock back opens no second
 * budget today.
 */
export function restoredUser(state: UserState, nowMs: number): UserState {
  const { job, contribution, trigger } = state;
  const { trainedAtMs, scheduleFromMs, day } = trigger;
  return {
    ...state,
    job:
      job === null
        ? null
        : {
            ...job,
            untilMs: Math.min(
              job.untilMs,
              nowMs + Math.max(TRAIN_SLICE_DEADLINE_MS, TRAIN_PAUSE_MS_MAX),
            ),
          },
    contribution:
      contribution === null
        ? null
        : {
            ...contribution,
            untilMs: Math.min(
              contribution.untilMs,
              nowMs + Math.max(TRAIN_SLICE_DEADLINE_MS, TRAIN_PAUSE_MS_MAX, CONTRIBUTION_AGAIN_MS),
            ),
          },
    trigger: {
      ...trigger,
      trainedAtMs: trainedAtMs === null ? null : Math.min(trainedAtMs, nowMs),
      scheduleFromMs: Math.min(scheduleFromMs, nowMs),
      day: Math.min(day, Math.floor(nowMs / DAY_MS) + 1),
    },
  };
}
