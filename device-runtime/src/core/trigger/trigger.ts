// When a user's model is trained, and why not yet. It must not train, and must not know how alarms come about.
import type { TrainBudget } from "../learn/fineTunePlan.ts";
import type { MonitorKind } from "../monitor/userMonitors.ts";
import { dayOf, spentOn } from "./triggerState.ts";

/** What raises alarms: what is watched by statistics, and business rules, which need none. */
export type AlarmCause = MonitorKind | "features" | "businessRule";

/** A reason to act. */
export type TriggerRule =
  /** An alarm, raised so often within so long: persistence tells drift from noise. */
  | {
      readonly kind: "alarm";
      readonly alarm: AlarmCause;
      readonly countMin: number;
      readonly withinMs: number;
      /** An alarm that nobody's feedback supports asks for feedback; it is not by itself a reason to train. */
      readonly action: "train" | "ask-feedback";
    }
  /** So many labelled windows since the last training. */
  | { readonly kind: "newFeedback"; readonly countMin: number }
  /** So long since the last training or the first sight of the user, if there was any feedback since. */
  | { readonly kind: "schedule"; readonly everyMs: number };

/** The policy that weighs the reasons; plain data of a model package. */
export interface TriggerPolicy {
  /** Asked in this order; the first one that holds is the reason. */
  readonly rules: readonly TriggerRule[];
  /** Labelled windows in all before any training. */
  readonly feedbackMin: number;
  /** From the end of one training to the start of the next. */
  readonly coolDownMs: number;
  readonly budget: TrainBudget;
}

/** All that the trigger remembers of one user; plain data. */
export interface TriggerState {
  /** Alarms since the last training, oldest first, at most {@link ALARMS_MAX}. */
  readonly alarms: readonly { readonly kind: AlarmCause; readonly atMs: number }[];
  /** Labelled windows in all, and since the last training. */
  readonly feedbackCount: number;
  readonly newFeedbackCount: number;
  /** When the last training ended, or null. */
  readonly trainedAtMs: number | null;
  /** What the schedule counts from. */
  readonly scheduleFromMs: number;
  /** The day of `stepsSpent`, in days since the epoch. */
  readonly day: number;
  readonly stepsSpent: number;
}

/** What happens to the trigger. */
export type TriggerEvent =
  | {
      readonly type: "alarmRaised";
      readonly alarm: { readonly kind: AlarmCause };
      readonly atMs: number;
    }
  | { readonly type: "feedbackGiven"; readonly correct: boolean; readonly atMs: number }
  /** `steps` were made, whatever came of them. */
  | { readonly type: "trainingEnded"; readonly steps: number; readonly atMs: number };

/** What to do now, and why. */
export interface TriggerDecision {
  readonly action: "train" | "ask-feedback" | "none";
  /** The rule that holds, in words; empty when none does. */
  readonly because: string;
  /** What is missing, in words; empty when it says train. */
  readonly waiting: readonly string[];
  readonly stepsLeft: number;
  /** When time alone may change the answer, or null. */
  readonly nextCheckMs: number | null;
}

const dayMs = 86_400_000;

/** An error alarm trains at once; a broken business rule and label-free alarms ask for feedback; without any alarm every 8 labelled windows are used. */
export const defaultTriggerPolicy: TriggerPolicy = {
  rules: [
    { kind: "alarm", alarm: "errorRate", countMin: 1, withinMs: dayMs, action: "train" },
    { kind: "newFeedback", countMin: 8 },
    { kind: "alarm", alarm: "businessRule", countMin: 1, withinMs: dayMs, action: "ask-feedback" },
    { kind: "alarm", alarm: "outlierShare", countMin: 2, withinMs: dayMs, action: "ask-feedback" },
    { kind: "alarm", alarm: "uncertainty", countMin: 2, withinMs: dayMs, action: "ask-feedback" },
    { kind: "alarm", alarm: "features", countMin: 2, withinMs: dayMs, action: "ask-feedback" },
    { kind: "schedule", everyMs: 7 * dayMs },
  ],
  feedbackMin: 16,
  coolDownMs: 60_000,
  budget: { stepsPerDayMax: 4000 },
};

/**
 * Says whether to train now, and what is missing if not.
 *
 * - Pure; the same state at a later time may say something else, not before `nextCheckMs`.
 *
 * A rule that holds is a wish; feedback, cool-down and budget decide whether it may be granted.
 */
export function decideTrigger(
  policy: TriggerPolicy,
  state: TriggerState,
  nowMs: number,
): TriggerDecision {
  const spent = spentOn(state, nowMs);
  const stepsLeft = Math.max(0, policy.budget.stepsPerDayMax - spent);
  const coolUntilMs = state.trainedAtMs === null ? nowMs : state.trainedAtMs + policy.coolDownMs;

  const missing: string[] = [];
  let train: string | null = null;
  let ask: string | null = null;
  for (const rule of policy.rules) {
    const { holds, text } = weigh(rule, state, nowMs);
    if (!holds) missing.push(`waiting: ${text}`);
    else if (rule.kind === "alarm" && rule.action === "ask-feedback") ask ??= text;
    else train ??= text;
  }

  const obstacles: string[] = [];
  if (state.feedbackCount < policy.feedbackMin) {
    obstacles.push(`waiting: ${state.feedbackCount} of ${policy.feedbackMin} labelled windows`);
  }
  if (nowMs < coolUntilMs) {
    obstacles.push(`waiting: cool-down, ${Math.ceil((coolUntilMs - nowMs) / 1000)} s left`);
  }
  if (stepsLeft === 0) {
    obstacles.push(`waiting: ${spent} of ${policy.budget.stepsPerDayMax} steps spent today`);
  }

  const times = policy.rules.map((rule) =>
    rule.kind === "schedule" ? state.scheduleFromMs + rule.everyMs : 0,
  );
  times.push(coolUntilMs, spent > 0 ? (dayOf(nowMs) + 1) * dayMs : 0);
  const later = times.filter((time) => time > nowMs);
  const nextCheckMs = later.length === 0 ? null : Math.min(...later);

  if (train !== null && obstacles.length === 0) {
    return { action: "train", because: train, waiting: [], stepsLeft, nextCheckMs };
  }
  const because = train ?? ask ?? "";
  const waiting = train === null ? [...missing, ...obstacles] : obstacles;
  return {
    action: ask === null ? "none" : "ask-feedback",
    because,
    waiting,
    stepsLeft,
    nextCheckMs,
  };
}

function weigh(
  rule: TriggerRule,
  state: TriggerState,
  nowMs: number,
): { readonly holds: boolean; readonly text: string } {
  switch (rule.kind) {
    case "alarm": {
      const count = state.alarms.filter(
        ({ kind, atMs }) => kind === rule.alarm && nowMs - atMs <= rule.withinMs,
      ).length;
      return {
        holds: count >= rule.countMin,
        text: `${count} of ${rule.countMin} alarms of ${alarmNames[rule.alarm]}`,
      };
    }
    case "newFeedback":
      return {
        holds: state.newFeedbackCount >= rule.countMin,
        text: `${state.newFeedbackCount} of ${rule.countMin} new labelled windows`,
      };
    case "schedule": {
      const sinceMs = nowMs - state.scheduleFromMs;
      return {
        holds: sinceMs >= rule.everyMs && state.newFeedbackCount > 0,
        text: `${hours(sinceMs)} of ${hours(rule.everyMs)} hours on schedule, ${state.newFeedbackCount} new labelled windows`,
      };
    }
  }
}

const alarmNames: Readonly<Record<AlarmCause, string>> = {
  errorRate: "the error rate",
  outlierShare: "the share of outliers",
  uncertainty: "doubt",
  features: "the input's features",
  businessRule: "business rules",
};

function hours(ms: number): string {
  return (ms / 3_600_000).toFixed(1);
}
