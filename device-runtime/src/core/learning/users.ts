// The users of a device as far as answers go: who there is, what was counted, which alarms were raised. What follows from that is the part's that
// learns, which may not be here yet. It must not decide to train.
import type { ReportCounts } from "@attune/protocol";
import { createGuardState } from "../learn/guardState.ts";
import type { FeatureAlarm } from "../monitor/features/featureMonitor.ts";
import type { MonitorAlarm } from "../monitor/userMonitors.ts";
import { withdraw } from "../outbox/withdraw.ts";
import { addCounts, type DeviceState, noCounts } from "../state.ts";
import { keep, type Transition, tell } from "../transition.ts";
import type { AlarmCause } from "../trigger/trigger.ts";
import { createTriggerState, stepTrigger } from "../trigger/triggerState.ts";
import type { Violation } from "../validation/businessRules.ts";
import type { DataFinding } from "../validation/dataValidator.ts";
import type { UserState } from "./userState.ts";

/** A user who is new to this device. */
function firstUserState(epoch: number, nowMs: number): UserState {
  return {
    counts: noCounts,
    epoch,
    guard: createGuardState(),
    trigger: createTriggerState(nowMs),
    layer: null,
    challenger: null,
    parked: [],
    job: null,
    nextJobIndex: 1,
    contribution: null,
    contributionNote: "nothing was learned yet",
    verdicts: [],
    lastTraining: null,
    samples: { sampleCount: 0, classCount: 0 },
    isAsking: false,
    feedbackCount: 0,
  };
}

/** Replaces parts of a user's state. */
export function changeUser(transition: Transition, user: string, parts: Partial<UserState>): void {
  const before = transition.state.users[user];
  if (before === undefined) return;
  transition.state = {
    ...transition.state,
    users: { ...transition.state.users, [user]: { ...before, ...parts } },
  };
}

/** Counts with some more of them. */
export function addToCounts(counts: ReportCounts, more: Partial<ReportCounts>): ReportCounts {
  const sum: Record<string, number> = { ...counts };
  for (const [name, count] of Object.entries(more)) sum[name] = (sum[name] ?? 0) + count;
  return sum as unknown as ReportCounts;
}

/** A user appears on this device. */
export function userOpened(transition: Transition, user: string): void {
  if (transition.state.users[user] !== undefined) return;
  transition.state = {
    ...transition.state,
    users: {
      ...transition.state.users,
      [user]: firstUserState(transition.state.kept.slots.epoch, transition.context.nowMs),
    },
  };
}

/** Answers were given; they are counted where they are given and noted here now and then. */
export function answersCounted(
  transition: Transition,
  user: string,
  counts: Pick<ReportCounts, "predictions" | "outliers">,
): void {
  const before = transition.state.users[user];
  if (before === undefined) return;
  changeUser(transition, user, { counts: { ...before.counts, ...counts } });
}

/** A monitor has raised its alarm. */
export function alarmRaised(
  transition: Transition,
  user: string,
  alarms: readonly MonitorAlarm[],
): void {
  for (const alarm of alarms) {
    if (!heedAlarm(transition, user, alarm)) return;
    tell(transition, "alarm", { user, ...alarm });
  }
}

/** Features have changed: that alone says nothing about answers, so labels are asked for and nothing is trained. */
export function featuresDrifted(transition: Transition, user: string, alarm: FeatureAlarm): void {
  if (!heedAlarm(transition, user, { kind: "features" })) return;
  tell(transition, "drifted", { user, ...alarm });
}

/** Counts an alarm and lets the trigger hear it; false where the user is gone. */
function heedAlarm(
  transition: Transition,
  user: string,
  alarm: { readonly kind: AlarmCause },
): boolean {
  const before = transition.state.users[user];
  if (before === undefined) return false;
  changeUser(transition, user, {
    counts: addToCounts(before.counts, { alarms: 1 }),
    trigger: stepTrigger(transition.context.learning.trigger, before.trigger, {
      type: "alarmRaised",
      alarm,
      atMs: transition.context.nowMs,
    }),
  });
  return true;
}

/** Data was not sound: a person may look at the sensor, nothing else follows. */
export function dataQuarantined(transition: Transition, user: string, finding: DataFinding): void {
  tell(transition, "quarantined", { user, ...finding });
}

/** Answers broke business rules: an alarm that no statistic has to confirm. */
export function rulesBroken(
  transition: Transition,
  user: string,
  violations: readonly Violation[],
): void {
  for (const violation of violations) {
    if (!heedAlarm(transition, user, { kind: "businessRule" })) return;
    tell(transition, "ruleBroken", { user, ...violation });
  }
}

/** Everything of a user goes. The numbers stay in the device's own counts; the files are wiped by an effect. */
export function userErased(transition: Transition, user: string): void {
  const before = transition.state.users[user];
  const { kept } = transition.state;
  const users = { ...transition.state.users };
  delete users[user];
  transition.state = { ...transition.state, users };
  keep(transition, {
    erasing: [...kept.erasing.filter((one) => one !== user), user],
    ...(before === undefined ? {} : { erasedCounts: addCounts(kept.erasedCounts, before.counts) }),
  });
  withdraw(transition, (entry) => entry.user === user);
}

/** Whether there is anything for the part that learns: a user gave feedback, raised an alarm, or has to follow another shared version. */
export function wantsLearning({ users, kept }: DeviceState): boolean {
  return Object.values(users).some(
    ({ feedbackCount, trigger, epoch }) =>
      feedbackCount > 0 || trigger.alarms.length > 0 || epoch !== kept.slots.epoch,
  );
}
