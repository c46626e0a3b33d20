// The machine of a user who teaches: feedback, trigger, training, guard, contribution, and what a new shared version does to all of it. It must
// not train, score or build anything.
import type { Digest } from "@attune/protocol";
import type { Learning } from "../../package/learning.ts";
import { backoffMs } from "../backoff.ts";
import { deriveFineTunePlan } from "../learn/fineTunePlan.ts";
import {
  type GuardEvent,
  type GuardVerdict,
  type ScoredAnswer,
  stepGuard,
} from "../learn/localGuard.ts";
import {
  TRAIN_ATTEMPTS_MAX,
  TRAIN_PAUSE_MS,
  TRAIN_PAUSE_MS_MAX,
  TRAIN_SLICE_DEADLINE_MS,
  VERDICTS_MAX,
} from "../limits.ts";
import { enqueue } from "../outbox/enqueue.ts";
import type { OutboxEntry } from "../outbox/outboxState.ts";
import type { DeviceState } from "../state.ts";
import { keep, noteRefusal, type Transition, tell } from "../transition.ts";
import { decideTrigger } from "../trigger/trigger.ts";
import { stepTrigger } from "../trigger/triggerState.ts";
import { planMove } from "./move.ts";
import type { PersonalLayer, TrainingJobState, UserState } from "./userState.ts";
import { addToCounts, changeUser } from "./users.ts";

/** What a feedback has shown, before anything was learned from it. */
export interface ScoredFeedback {
  /** The answer that was given was right. */
  readonly wasCorrect: boolean;
  /** What would answer now; the same for the shared parameters and for a challenger. */
  readonly serving: ScoredAnswer;
  readonly shared: ScoredAnswer;
  readonly challenger: ScoredAnswer | null;
  /** What a training could use now. */
  readonly samples: UserState["samples"];
}

/** Late truth about an answer. Every pair counts before it is learned. */
export function feedbackScored(transition: Transition, user: string, scored: ScoredFeedback): void {
  const before = transition.state.users[user];
  if (before === undefined) return;
  const { learning, nowMs } = transition.context;
  changeUser(transition, user, {
    feedbackCount: before.feedbackCount + 1,
    samples: scored.samples,
    counts: addToCounts(before.counts, { feedback: 1, correct: scored.wasCorrect ? 1 : 0 }),
    trigger: stepTrigger(learning.trigger, before.trigger, {
      type: "feedbackGiven",
      correct: scored.wasCorrect,
      atMs: nowMs,
    }),
  });
  // Until the user follows the new shared version, what was compared is not what answers.
  if (before.epoch !== transition.state.kept.slots.epoch) return;
  const { serving, shared, challenger } = scored;
  judge(transition, user, { type: "feedbackScored", serving, shared, challenger });
}

/** Asks the guard, and does what it says. */
function judge(transition: Transition, user: string, event: GuardEvent): void {
  const before = transition.state.users[user];
  if (before === undefined) return;
  const { state: guard, verdicts } = stepGuard(
    transition.context.learning.guard,
    before.guard,
    event,
  );
  changeUser(transition, user, { guard });
  for (const verdict of verdicts) obey(transition, user, verdict);
}

function obey(transition: Transition, user: string, verdict: GuardVerdict): void {
  const before = transition.state.users[user];
  if (before === undefined || verdict.verdict === "keep-testing") return;
  const { nowMs } = transition.context;
  const verdicts = [...before.verdicts, { ...verdict, atMs: nowMs }].slice(-VERDICTS_MAX);
  const notice = (layer: PersonalLayer | null) => ({
    user,
    modelVersion: transition.state.kept.slots.active.version,
    jobIndex: layer?.jobIndex ?? 0,
    evidence: verdict,
  });
  switch (verdict.verdict) {
    case "adopt":
      changeUser(transition, user, {
        verdicts,
        layer: before.challenger,
        challenger: null,
        counts: addToCounts(before.counts, { adopted: 1 }),
      });
      tell(transition, "adopted", notice(before.challenger));
      if (before.challenger !== null) wantContribution(transition, user, before.challenger);
      return;
    case "drop":
      changeUser(transition, user, {
        verdicts,
        challenger: null,
        counts: addToCounts(before.counts, { dropped: 1 }),
      });
      tell(transition, "dropped", notice(before.challenger));
      return;
    case "revert":
      changeUser(transition, user, {
        verdicts,
        layer: null,
        contribution: null,
        counts: addToCounts(before.counts, { reverted: 1 }),
      });
      tell(transition, "reverted", { scope: "personal", ...notice(before.layer) });
      return;
    case "confirm":
      changeUser(transition, user, { verdicts });
  }
}

/** What was adopted is offered to the fleet, if the user agreed to that before it was adopted. */
function wantContribution(transition: Transition, user: string, layer: PersonalLayer): void {
  if (!transition.state.kept.consent.contribute) {
    changeUser(transition, user, {
      contribution: null,
      contributionNote: `training ${layer.jobIndex} stays here: contributing is switched off`,
    });
    return;
  }
  changeUser(transition, user, {
    contribution: {
      layer,
      attempt: 0,
      isRunning: false,
      untilMs: transition.context.nowMs,
    },
    contributionNote: `training ${layer.jobIndex} is to be contributed`,
  });
}

/** A delta is in a file, signed: from now on it is the outbox's. */
export function contributionBuilt(
  transition: Transition,
  user: string,
  built: {
    readonly layer: Digest;
    readonly sequence: number;
    readonly entry: OutboxEntry;
    readonly facts: Omit<
      Extract<Transition["notices"][number], { name: "contributed" }>["event"],
      "user" | "jobIndex" | "digest" | "bytes"
    >;
  },
): void {
  const before = transition.state.users[user];
  const wanted = before?.contribution ?? null;
  const { outbox, consent } = transition.state.kept;
  if (before === undefined || wanted?.layer.digest !== built.layer || !consent.contribute) return;
  if (built.sequence !== outbox.nextContributionSequence) {
    contributionFailed(transition, user, built.layer, "another one came between");
    return;
  }
  keep(transition, { outbox: { ...outbox, nextContributionSequence: built.sequence + 1 } });
  enqueue(transition, built.entry);
  const { jobIndex } = wanted.layer;
  changeUser(transition, user, {
    contribution: null,
    contributionNote: `training ${jobIndex} is in the outbox`,
    counts: addToCounts(before.counts, { contributions: 1 }),
  });
  const { digest, bytes } = built.entry;
  tell(transition, "contributed", { user, jobIndex, digest, bytes, ...built.facts });
}

/** A delta must not be sent: it did not pass its own check, or is too large. */
export function contributionWithheld(
  transition: Transition,
  user: string,
  layer: Digest,
  reason: string,
): void {
  const wanted = transition.state.users[user]?.contribution ?? null;
  if (wanted?.layer.digest !== layer) return;
  const { jobIndex } = wanted.layer;
  changeUser(transition, user, {
    contribution: null,
    contributionNote: `training ${jobIndex} is not contributed: ${reason}`,
  });
  tell(transition, "withheld", { user, jobIndex, reason });
}

/** Building a delta failed for reasons that may pass. */
export function contributionFailed(
  transition: Transition,
  user: string,
  layer: Digest,
  reason: string,
): void {
  const wanted = transition.state.users[user]?.contribution ?? null;
  if (wanted?.layer.digest !== layer || !wanted.isRunning) return;
  const { nowMs, jitter } = transition.context;
  changeUser(transition, user, {
    contribution: {
      ...wanted,
      attempt: wanted.attempt + 1,
      isRunning: false,
      untilMs: nowMs + backoffMs(wanted.attempt, TRAIN_PAUSE_MS, TRAIN_PAUSE_MS_MAX, jitter),
    },
    contributionNote: `training ${wanted.layer.jobIndex} is to be contributed; the last attempt failed: ${reason}`,
  });
}

/** A slice is done; `stepsKept` of its steps are in a checkpoint on disk. */
export function sliceTrained(
  transition: Transition,
  user: string,
  jobIndex: number,
  stepsKept: number,
): void {
  const job = transition.state.users[user]?.job ?? null;
  if (job?.jobIndex !== jobIndex || !job.isRunning) return;
  changeUser(transition, user, {
    job: {
      ...job,
      stepsKept,
      attempt: 0,
      untilMs: transition.context.nowMs + TRAIN_SLICE_DEADLINE_MS,
    },
  });
}

/** A job has done all its steps; its parameters are in a file. */
export function jobFinished(
  transition: Transition,
  user: string,
  finished: {
    readonly jobIndex: number;
    readonly digest: Digest;
    readonly lossBefore: number;
    readonly lossAfter: number;
  },
): void {
  const before = transition.state.users[user];
  const job = before?.job ?? null;
  if (before === undefined || job?.jobIndex !== finished.jobIndex) return;
  const { lossBefore, lossAfter, jobIndex } = finished;
  endJob(transition, user, job, { steps: job.plan.stepCount, lossBefore, lossAfter, failure: "" });
  changeUser(transition, user, {
    challenger: {
      digest: finished.digest,
      base: job.base,
      jobIndex,
      examples: job.examples,
      steps: job.plan.stepCount,
      feedbackFrom: job.feedbackFrom,
    },
  });
  tell(transition, "trained", {
    user,
    jobIndex,
    steps: job.plan.stepCount,
    examples: job.examples,
    lossBefore,
    lossAfter,
  });
  judge(transition, user, { type: "challengerTrained" });
}

/** A job could not go on. It is tried again from its checkpoint, unless that would not help. */
export function jobFailed(
  transition: Transition,
  user: string,
  jobIndex: number,
  reason: string,
  isFinal: boolean,
): void {
  const job = transition.state.users[user]?.job ?? null;
  if (job?.jobIndex !== jobIndex || !job.isRunning) return;
  if (isFinal || job.attempt + 1 >= TRAIN_ATTEMPTS_MAX) {
    abandon(transition, user, job, reason);
    return;
  }
  const { nowMs, jitter } = transition.context;
  changeUser(transition, user, {
    job: {
      ...job,
      isRunning: false,
      attempt: job.attempt + 1,
      waiting: reason,
      untilMs: nowMs + backoffMs(job.attempt, TRAIN_PAUSE_MS, TRAIN_PAUSE_MS_MAX, jitter),
    },
  });
}

function abandon(
  transition: Transition,
  user: string,
  job: TrainingJobState,
  reason: string,
): void {
  endJob(transition, user, job, {
    steps: job.stepsKept,
    lossBefore: 0,
    lossAfter: 0,
    failure: reason,
  });
  tell(transition, "abandoned", { user, jobIndex: job.jobIndex, reason });
}

/** Steps that were made count against the budget, whatever came of them. */
function endJob(
  transition: Transition,
  user: string,
  job: TrainingJobState,
  end: {
    readonly steps: number;
    readonly lossBefore: number;
    readonly lossAfter: number;
    readonly failure: string;
  },
): void {
  const before = transition.state.users[user];
  if (before === undefined) return;
  const { learning, nowMs } = transition.context;
  changeUser(transition, user, {
    job: null,
    counts: addToCounts(before.counts, { trainings: 1, trainingSteps: end.steps }),
    trigger: stepTrigger(learning.trigger, before.trigger, {
      type: "trainingEnded",
      steps: end.steps,
      atMs: nowMs,
    }),
    lastTraining: {
      jobIndex: job.jobIndex,
      because: job.because,
      atMs: nowMs,
      examples: job.examples,
      ...end,
    },
  });
}

/** Parameters that must not answer: they gave NaN, or their file is damaged. */
export function layerFailed(
  transition: Transition,
  user: string,
  digest: Digest,
  reason: string,
): void {
  const before = transition.state.users[user];
  if (before === undefined) return;
  const isLayer = before.layer?.digest === digest;
  const isChallenger = before.challenger?.digest === digest;
  changeUser(transition, user, {
    layer: isLayer ? null : before.layer,
    challenger: isLayer || isChallenger ? null : before.challenger,
    parked: before.parked.filter(({ layer }) => layer.digest !== digest),
    ...(before.contribution?.layer.digest === digest
      ? { contribution: null, contributionNote: `not contributed: ${reason}` }
      : {}),
  });
  if (!isLayer && !isChallenger) return;
  // Nothing that was compared stands any more; what is left answers.
  judge(transition, user, {
    type: "sharedReplaced",
    serving: !isLayer && before.guard.serving === "personal" ? "personal" : "shared",
  });
  noteRefusal(transition, "version", { code: "model.output_not_finite", message: reason });
}

/** A user's difference was put on the new base, or could not be. */
export function layerRebased(
  transition: Transition,
  user: string,
  epoch: number,
  rebased: PersonalLayer | null,
  reason: string,
): void {
  const before = transition.state.users[user];
  const { slots } = transition.state.kept;
  if (before === undefined || before.epoch === epoch || slots.epoch !== epoch) return;
  const isGood = slots.bake === null;
  if (rebased === null) {
    // A difference that does not fit here waits for its base; what was parked for this one comes back before anything is trained anew.
    follow(transition, user, {
      ...planMove(before, slots.active.version, "refit", isGood),
      reason,
    });
    return;
  }
  const { parked } = planMove(before, slots.active.version, "keep", isGood);
  follow(transition, user, { layer: rebased, parked, fate: "keep", reason });
}

/** Lets a user follow the newest shared version. */
function follow(
  transition: Transition,
  user: string,
  move: {
    readonly layer: PersonalLayer | null;
    readonly parked: UserState["parked"];
    readonly fate: ReturnType<typeof planMove>["fate"];
    readonly reason: string;
  },
): void {
  const before = transition.state.users[user];
  if (before === undefined) return;
  const { slots } = transition.state.kept;
  const active = slots.active.version;
  const isSameBase = before.layer?.base === active && move.layer === before.layer;
  if (before.job !== null && before.job.base !== active) {
    abandon(transition, user, before.job, "the shared version was replaced");
  }
  const { contribution } = before;
  changeUser(transition, user, {
    epoch: slots.epoch,
    layer: move.layer,
    parked: move.parked,
    challenger: before.challenger?.base === active ? before.challenger : null,
    ...(contribution !== null && contribution.layer.base !== active
      ? {
          contribution: null,
          contributionNote: `training ${contribution.layer.jobIndex} is not contributed: the shared version under it was replaced`,
        }
      : {}),
  });
  if (!isSameBase) {
    judge(transition, user, {
      type: "sharedReplaced",
      serving: move.layer === null ? "shared" : "personal",
    });
  }
  if (move.fate !== "none") {
    tell(transition, "personal", {
      user,
      fate: move.fate,
      modelVersion: active,
      reason: move.reason,
    });
  }
  if (move.fate === "refit") startJob(transition, user, "the shared version was replaced: refit");
}

/** Moves a user on as time, budget and the slots ask for. */
export function settleUser(transition: Transition, user: string): void {
  const { nowMs } = transition.context;
  followSlots(transition, user);
  const state = transition.state.users[user];
  if (state === undefined) return;
  if (state.job !== null) {
    if (nowMs >= state.job.untilMs) {
      if (state.job.isRunning) {
        jobFailed(transition, user, state.job.jobIndex, "a slice took too long", false);
      } else {
        changeUser(transition, user, {
          job: { ...state.job, isRunning: true, untilMs: nowMs + TRAIN_SLICE_DEADLINE_MS },
        });
      }
    }
  } else if (state.epoch === transition.state.kept.slots.epoch) {
    const decision = decideTrigger(transition.context.learning.trigger, state.trigger, nowMs);
    const isAsking = decision.action === "ask-feedback";
    if (isAsking !== state.isAsking) {
      changeUser(transition, user, { isAsking });
      if (isAsking) tell(transition, "feedbackWanted", { user, because: decision.because });
    }
    if (decision.action === "train") startJob(transition, user, decision.because);
  }
  settleContribution(transition, user);
}

function followSlots(transition: Transition, user: string): void {
  const state = transition.state.users[user];
  if (state === undefined) return;
  const { slots } = transition.state.kept;
  const isGood = slots.bake === null;
  if (state.epoch !== slots.epoch) {
    const move = planMove(state, slots.active.version, slots.fate, isGood);
    // Keeping a difference takes arithmetic: an effect does it, and comes back.
    if (move.fate === "keep") return;
    follow(transition, user, { ...move, reason: "the shared version was replaced" });
  } else if (isGood && state.parked.some(({ isDoomed }) => isDoomed)) {
    changeUser(transition, user, { parked: state.parked.filter(({ isDoomed }) => !isDoomed) });
  }
}

function startJob(transition: Transition, user: string, because: string): void {
  const state = transition.state.users[user];
  if (state === undefined || state.job !== null) return;
  const { learning, nowMs } = transition.context;
  const { stepsLeft } = decideTrigger(learning.trigger, state.trigger, nowMs);
  const jobIndex = state.nextJobIndex;
  const derived = deriveFineTunePlan(learning.fineTune, { ...state.samples, stepsLeft, jobIndex });
  if (derived.kind === "wait") return;
  const from = state.challenger ?? (state.guard.serving === "personal" ? state.layer : null);
  changeUser(transition, user, {
    nextJobIndex: jobIndex + 1,
    job: {
      jobIndex,
      base: transition.state.kept.slots.active.version,
      plan: derived.plan,
      because,
      from: from?.digest ?? null,
      examples: state.samples.sampleCount,
      feedbackFrom: state.feedbackCount,
      startedAtMs: nowMs,
      stepsKept: 0,
      attempt: 0,
      isRunning: true,
      untilMs: nowMs + TRAIN_SLICE_DEADLINE_MS,
      waiting: "",
    },
  });
  tell(transition, "training", { user, jobIndex, because, steps: derived.plan.stepCount });
}

function settleContribution(transition: Transition, user: string): void {
  const state = transition.state.users[user];
  const wanted = state?.contribution ?? null;
  if (wanted === null) return;
  const { consent, enrolment, outbox } = transition.state.kept;
  const { jobIndex } = wanted.layer;
  if (outbox.entries.some(({ layer }) => layer === wanted.layer.digest)) {
    changeUser(transition, user, {
      contribution: null,
      contributionNote: `training ${jobIndex} is in the outbox`,
    });
  } else if (!consent.contribute) {
    changeUser(transition, user, {
      contribution: null,
      contributionNote: `training ${jobIndex} stays here: contributing was switched off`,
    });
  } else if (enrolment.phase !== "enrolled") {
    const contributionNote = `training ${jobIndex} is to be contributed; waiting: the device is not enrolled`;
    if (state?.contributionNote !== contributionNote) {
      changeUser(transition, user, { contributionNote });
    }
  } else if (!wanted.isRunning && transition.context.nowMs >= wanted.untilMs) {
    changeUser(transition, user, {
      contribution: {
        ...wanted,
        isRunning: true,
        untilMs: transition.context.nowMs + TRAIN_SLICE_DEADLINE_MS,
      },
    });
  } else if (wanted.isRunning && transition.context.nowMs >= wanted.untilMs) {
    contributionFailed(transition, user, wanted.layer.digest, "it took too long");
  }
}

/** When a user needs to be looked at again. */
export function userDeadlineMs(transition: Transition, user: string): number | null {
  const state = transition.state.users[user];
  if (state === undefined) return null;
  const deadlines: (number | null)[] = [
    state.job?.untilMs ?? null,
    state.contribution !== null && transition.state.kept.enrolment.phase === "enrolled"
      ? state.contribution.untilMs
      : null,
    state.job === null
      ? decideTrigger(transition.context.learning.trigger, state.trigger, transition.context.nowMs)
          .nextCheckMs
      : null,
  ];
  return deadlines.reduce<number | null>(
    (earliest, one) => (one === null ? earliest : Math.min(earliest ?? one, one)),
    null,
  );
}

/** Whether a user's difference has to be put on the new shared version. */
export function rebaseWanted(state: DeviceState, user: string): PersonalLayer | null {
  const one = state.users[user];
  const { slots } = state.kept;
  if (one === undefined || one.epoch === slots.epoch) return null;
  const move = planMove(one, slots.active.version, slots.fate, slots.bake === null);
  return move.fate === "keep" ? one.layer : null;
}

/** Whether a training would start now, and what is missing. */
export interface TrainingOutlook {
  readonly action: "train" | "ask-feedback" | "none";
  readonly because: string;
  /** What is waited for, each with how much of it there is. */
  readonly waiting: readonly string[];
  readonly stepsLeft: number;
}

/** Tells a person why a user's training does or does not start. */
export function trainingOutlook(
  state: UserState,
  learning: Learning,
  nowMs: number,
): TrainingOutlook {
  const { action, because, waiting, stepsLeft } = decideTrigger(
    learning.trigger,
    state.trigger,
    nowMs,
  );
  const derived = deriveFineTunePlan(learning.fineTune, {
    ...state.samples,
    stepsLeft,
    jobIndex: state.nextJobIndex,
  });
  return {
    action,
    because,
    waiting: derived.kind === "wait" ? [...waiting, derived.reason] : waiting,
    stepsLeft,
  };
}
