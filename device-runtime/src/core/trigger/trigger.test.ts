import fc from "fast-check";
import { expect, it } from "vitest";
import type { MonitorAlarm, MonitorKind } from "../monitor/userMonitors.ts";
import {
  decideTrigger,
  defaultTriggerPolicy,
  type TriggerEvent,
  type TriggerPolicy,
  type TriggerState,
} from "./trigger.ts";
import { ALARMS_MAX, createTriggerState, stepTrigger } from "./triggerState.ts";

const minuteMs = 60_000;
const dayMs = 1440 * minuteMs;
const startMs = 20_000 * dayMs;

const policy: TriggerPolicy = {
  rules: [
    { kind: "alarm", alarm: "errorRate", countMin: 2, withinMs: 60 * minuteMs, action: "train" },
    { kind: "newFeedback", countMin: 50 },
    {
      kind: "alarm",
      alarm: "outlierShare",
      countMin: 1,
      withinMs: 60 * minuteMs,
      action: "ask-feedback",
    },
  ],
  feedbackMin: 24,
  coolDownMs: 10 * minuteMs,
  budget: { stepsPerDayMax: 1000 },
};

const alarm = (kind: MonitorKind, atMs: number): TriggerEvent => {
  const raised: MonitorAlarm = { kind, evidence: 500, limit: 500, rate: 0.5, referenceRate: 0.1 };
  return { type: "alarmRaised", alarm: raised, atMs };
};
const feedback = (count: number, atMs = startMs): TriggerEvent[] =>
  Array.from({ length: count }, () => ({ type: "feedbackGiven", correct: true, atMs }));
const ended = (steps: number, atMs: number): TriggerEvent => ({
  type: "trainingEnded",
  steps,
  atMs,
});

const after = (events: readonly TriggerEvent[], rules: TriggerPolicy = policy): TriggerState =>
  events.reduce((state, event) => stepTrigger(rules, state, event), createTriggerState(startMs));

it("[LC60] a new user waits, and every reason says how much of what", () => {
  expect(decideTrigger(policy, createTriggerState(startMs), startMs)).toEqual({
    action: "none",
    because: "",
    waiting: [
      "waiting: 0 of 2 alarms of the error rate",
      "waiting: 0 of 50 new labelled windows",
      "waiting: 0 of 1 alarms of the share of outliers",
      "waiting: 0 of 24 labelled windows",
    ],
    stepsLeft: 1000,
    nextCheckMs: null,
  });
});

it("[LC60] an error alarm that persists trains, once there are labelled windows", () => {
  const alarms = [alarm("errorRate", startMs), alarm("errorRate", startMs + minuteMs)];
  const early = decideTrigger(policy, after([...feedback(12), ...alarms]), startMs + minuteMs);
  expect(early).toMatchObject({
    action: "none",
    because: "2 of 2 alarms of the error rate",
    waiting: ["waiting: 12 of 24 labelled windows"],
  });
  const ready = decideTrigger(policy, after([...feedback(24), ...alarms]), startMs + minuteMs);
  expect(ready).toMatchObject({
    action: "train",
    because: "2 of 2 alarms of the error rate",
    waiting: [],
  });
});

it("[LC61] alarms that are far apart are noise: persistence forgets", () => {
  const state = after([
    ...feedback(30),
    alarm("errorRate", startMs),
    alarm("errorRate", startMs + 61 * minuteMs),
  ]);
  expect(decideTrigger(policy, state, startMs + 61 * minuteMs).action).toBe("none");
  const close = after([
    ...feedback(30),
    alarm("errorRate", startMs),
    alarm("errorRate", startMs + 59 * minuteMs),
  ]);
  expect(decideTrigger(policy, close, startMs + 59 * minuteMs).action).toBe("train");
  expect(decideTrigger(policy, close, startMs + 62 * minuteMs).action).toBe("none");
});

it("[LC61] a label-free alarm alone asks for feedback, unless the policy says that it trains", () => {
  const events = [...feedback(30), alarm("outlierShare", startMs)];
  expect(decideTrigger(policy, after(events), startMs)).toMatchObject({
    action: "ask-feedback",
    because: "1 of 1 alarms of the share of outliers",
  });
  const trains: TriggerPolicy = {
    ...policy,
    rules: policy.rules.map((rule) =>
      rule.kind === "alarm" ? { ...rule, action: "train" } : rule,
    ),
  };
  expect(decideTrigger(trains, after(events, trains), startMs).action).toBe("train");
});

it("[LC62] after a training everything counts anew, and the cool-down holds until it ends", () => {
  const trainedMs = startMs + minuteMs;
  const state = after([
    ...feedback(50),
    alarm("errorRate", startMs),
    ended(100, trainedMs),
    ...feedback(50),
  ]);
  expect(decideTrigger(policy, state, trainedMs + 9.5 * minuteMs)).toMatchObject({
    action: "none",
    because: "50 of 50 new labelled windows",
    waiting: ["waiting: cool-down, 30 s left"],
    nextCheckMs: trainedMs + 10 * minuteMs,
  });
  expect(decideTrigger(policy, state, trainedMs + 10 * minuteMs)).toMatchObject({
    action: "train",
    stepsLeft: 900,
  });
  expect(
    decideTrigger(policy, after([...feedback(50), ended(1, startMs)]), startMs + dayMs).action,
  ).toBe("none");
});

it("[LC62] the day's steps are a budget; the next day has a new one, and a clock set back does not", () => {
  const spent = after([ended(600, startMs), ended(400, startMs), ...feedback(60)]);
  const later = startMs + 30 * minuteMs;
  expect(decideTrigger(policy, spent, later)).toMatchObject({
    action: "none",
    stepsLeft: 0,
    waiting: ["waiting: 1000 of 1000 steps spent today"],
    nextCheckMs: startMs + dayMs,
  });
  expect(decideTrigger(policy, spent, startMs - dayMs).stepsLeft).toBe(0);
  expect(decideTrigger(policy, spent, startMs + dayMs)).toMatchObject({
    action: "train",
    stepsLeft: 1000,
  });
});

it("[LC60] a schedule trains when its time has come and there is something new", () => {
  const scheduled: TriggerPolicy = { ...policy, rules: [{ kind: "schedule", everyMs: 7 * dayMs }] };
  const empty = after(feedback(0), scheduled);
  expect(decideTrigger(scheduled, empty, startMs).nextCheckMs).toBe(startMs + 7 * dayMs);
  expect(decideTrigger(scheduled, empty, startMs + 8 * dayMs).action).toBe("none");
  const some = after(feedback(24), scheduled);
  expect(decideTrigger(scheduled, some, startMs + 7 * dayMs - 1).action).toBe("none");
  expect(decideTrigger(scheduled, some, startMs + 7 * dayMs)).toMatchObject({
    action: "train",
    because: "168.0 of 168.0 hours on schedule, 24 new labelled windows",
  });
});

it("[LC63] memory is bounded, and time alone changes an answer only at the time that was named", () => {
  const event = fc.oneof(
    fc.record({
      kind: fc.constantFrom<MonitorKind>("errorRate", "outlierShare", "uncertainty"),
      afterMs: fc.nat(dayMs),
    }),
    fc.record({ steps: fc.nat(600), afterMs: fc.nat(dayMs) }),
    fc.record({ afterMs: fc.nat(10 * minuteMs) }),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 120 }), fc.nat(3 * dayMs), (events, waitMs) => {
      let nowMs = startMs;
      let state = createTriggerState(startMs);
      for (const one of events) {
        nowMs += one.afterMs;
        const happened: TriggerEvent =
          "kind" in one
            ? alarm(one.kind, nowMs)
            : "steps" in one
              ? ended(one.steps, nowMs)
              : { type: "feedbackGiven", correct: false, atMs: nowMs };
        state = stepTrigger(defaultTriggerPolicy, state, happened);
        expect(state.alarms.length).toBeLessThanOrEqual(ALARMS_MAX);
      }
      const now = decideTrigger(defaultTriggerPolicy, state, nowMs);
      const laterMs = nowMs + waitMs;
      const later = decideTrigger(defaultTriggerPolicy, state, laterMs);
      // Waiting may silence an alarm, but it starts no training before the time that was named.
      const mayStart =
        now.action === "train" || (now.nextCheckMs !== null && laterMs >= now.nextCheckMs);
      expect(later.action === "train" && !mayStart).toBe(false);
    }),
  );
});
