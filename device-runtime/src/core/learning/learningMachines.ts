// The machine of users who teach their device: feedback, trigger, training, guard, contribution. It loads with the first feedback or alarm, so
// nothing that answering needs may be reached through here alone. It must not do anything.
import type { Learning } from "../../package/learning.ts";
import type { Effect } from "../effects.ts";
import type { CoreEvent } from "../events.ts";
import { type GuardVerdict, guardReport } from "../learn/localGuard.ts";
import type { DeviceState } from "../state.ts";
import type { Transition } from "../transition.ts";
import {
  contributionBuilt,
  contributionFailed,
  contributionWithheld,
  feedbackScored,
  jobFailed,
  jobFinished,
  layerFailed,
  layerRebased,
  rebaseWanted,
  settleUser,
  sliceTrained,
  type TrainingOutlook,
  trainingOutlook,
  userDeadlineMs,
} from "./learning.ts";
import type { UserState } from "./userState.ts";

/** What happens while a device learns. */
export type LearningEvent = Extract<
  CoreEvent,
  {
    readonly type:
      | "feedbackScored"
      | "sliceTrained"
      | "jobFinished"
      | "jobFailed"
      | "layerRebased"
      | "layerFailed"
      | "contributionBuilt"
      | "contributionWithheld"
      | "contributionFailed";
  }
>;

/** What the router needs of it. */
export interface LearningMachines {
  handle(transition: Transition, event: LearningEvent): void;
  settleUser(transition: Transition, user: string): void;
  deadlineMs(transition: Transition, user: string): number | null;
  effects(state: DeviceState): readonly Effect[];
  /** Whether a training would start now, and what is missing. */
  outlook(state: UserState, learning: Learning, nowMs: number): TrainingOutlook;
  /** What the guard compares now. */
  trials(state: UserState, learning: Learning): readonly GuardVerdict[];
}

export const learningMachines: LearningMachines = {
  handle,
  settleUser,
  deadlineMs: userDeadlineMs,
  effects: userEffects,
  outlook: trainingOutlook,
  trials: ({ guard }, learning) => guardReport(learning.guard, guard),
};

function handle(transition: Transition, event: LearningEvent): void {
  switch (event.type) {
    case "feedbackScored":
      feedbackScored(transition, event.user, event.scored);
      return;
    case "sliceTrained":
      sliceTrained(transition, event.user, event.jobIndex, event.stepsKept);
      return;
    case "jobFinished":
      jobFinished(transition, event.user, event);
      return;
    case "jobFailed":
      jobFailed(transition, event.user, event.jobIndex, event.reason, event.isFinal);
      return;
    case "layerRebased":
      layerRebased(transition, event.user, event.epoch, event.layer, event.reason);
      return;
    case "layerFailed":
      layerFailed(transition, event.user, event.digest, event.reason);
      return;
    case "contributionBuilt":
      contributionBuilt(transition, event.user, event);
      return;
    case "contributionWithheld":
      contributionWithheld(transition, event.user, event.layer, event.reason);
      return;
    case "contributionFailed":
      contributionFailed(transition, event.user, event.layer, event.reason);
  }
}

function userEffects(state: DeviceState): readonly Effect[] {
  const effects: Effect[] = [];
  const { epoch } = state.kept.slots;
  for (const [user, one] of Object.entries(state.users)) {
    const layer = rebaseWanted(state, user);
    if (layer !== null) {
      effects.push({ id: `rebase:${user}:${epoch}`, kind: "rebaseLayer", user, epoch, layer });
    }
    if (one.job?.isRunning === true) {
      const { jobIndex, attempt, startedAtMs } = one.job;
      effects.push({
        id: `train:${user}:${jobIndex}:${startedAtMs}:${attempt}`,
        kind: "train",
        user,
        job: one.job,
      });
    }
    if (one.contribution?.isRunning === true) {
      const { layer: wanted, attempt } = one.contribution;
      effects.push({
        id: `contribute:${user}:${wanted.digest}:${attempt}`,
        kind: "buildContribution",
        user,
        layer: wanted,
      });
    }
  }
  return effects;
}
