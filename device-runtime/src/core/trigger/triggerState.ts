// What the trigger remembers: alarms, feedback, steps spent. A part of its own: every device notes alarms, also one that has not learned yet.
import type { TriggerEvent, TriggerPolicy, TriggerState } from "./trigger.ts";

/** More alarms than any rule counts. */
export const ALARMS_MAX = 32;

const dayMs = 86_400_000;

/** A trigger that has seen nothing. */
export function createTriggerState(nowMs: number): TriggerState {
  return {
    alarms: [],
    feedbackCount: 0,
    newFeedbackCount: 0,
    trainedAtMs: null,
    scheduleFromMs: nowMs,
    day: dayOf(nowMs),
    stepsSpent: 0,
  };
}

/** Takes one event; pure. */
export function stepTrigger(
  policy: TriggerPolicy,
  state: TriggerState,
  event: TriggerEvent,
): TriggerState {
  switch (event.type) {
    case "alarmRaised": {
      const longestMs = policy.rules.reduce(
        (longest, rule) => (rule.kind === "alarm" ? Math.max(longest, rule.withinMs) : longest),
        0,
      );
      const alarms = [...state.alarms, { kind: event.alarm.kind, atMs: event.atMs }]
        .filter(({ atMs }) => event.atMs - atMs <= longestMs)
        .slice(-ALARMS_MAX);
      return { ...state, alarms };
    }
    case "feedbackGiven":
      return {
        ...state,
        feedbackCount: state.feedbackCount + 1,
        newFeedbackCount: state.newFeedbackCount + 1,
      };
    case "trainingEnded":
      return {
        ...state,
        alarms: [],
        newFeedbackCount: 0,
        trainedAtMs: event.atMs,
        scheduleFromMs: event.atMs,
        day: Math.max(state.day, dayOf(event.atMs)),
        stepsSpent: spentOn(state, event.atMs) + event.steps,
      };
  }
}

/** The day of a time. */
export function dayOf(ms: number): number {
  return Math.floor(ms / dayMs);
}

/** Steps spent on the day of `nowMs`. A clock that was set back opens no second budget. */
export function spentOn(state: TriggerState, nowMs: number): number {
  return dayOf(nowMs) > state.day ? 0 : state.stepsSpent;
}
