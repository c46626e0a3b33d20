// One row for each test person: how right every contestant was, with intervals that respect that neighbouring windows are alike.
import type { Random } from "@attune/device-runtime";
import type { HaptWindow } from "../data/loadHarHapt.ts";
import { personAccuracy } from "../hapt/accuracy.ts";
import { blocksOf, type PairedInterval, pairedInterval } from "../hapt/pairedInterval.ts";
import type { MemberContribution, MemberVerdict } from "./fleetMember.ts";

/** A contestant that learns on the device. */
export interface LearnerScore {
  /** Each window by what was active when it arrived, in `[0, 1]`. */
  readonly onArrival: number;
  /** Every window by the model after all feedback. */
  readonly afterwards: number;
  /** `afterwards` against the shared model. */
  readonly interval: PairedInterval;
}

/** One person. */
export interface PersonRow {
  readonly subject: number;
  /** Whether the device was an OS process of its own. */
  readonly isProcess: boolean;
  /** Windows that are scored, and the stretches of one activity that they lie in. */
  readonly windows: number;
  readonly stretches: number;
  /** The linear classifier of the data's README, shared. */
  readonly floor: number;
  readonly shared: number;
  readonly naive: LearnerScore;
  readonly guarded: LearnerScore;
  /** The version that the fleet serves at the end, without anybody's own parameters. */
  readonly fleet: { readonly afterwards: number; readonly interval: PairedInterval };
  readonly never: LearnerScore;
  /** Share that was called unlike everything known: of changes of posture, and of the six activities. */
  readonly outliers: { readonly transitions: number; readonly activities: number };
  readonly trainings: number;
  readonly adopted: number;
  readonly dropped: number;
  readonly reverted: number;
  /** Trainings that the naive and the never-adopting device made. */
  readonly naiveTrainings: number;
  readonly neverTrainings: number;
  readonly neverDropped: number;
  /** Whether the person's own parameters answer at the end. */
  readonly isPersonal: boolean;
  readonly verdicts: readonly MemberVerdict[];
  readonly contributions: readonly MemberContribution[];
  readonly withheld: readonly string[];
}

/** Answers to the scored windows of one person, as labels' places. */
export interface ScoredAnswers {
  readonly onArrival: readonly number[];
  readonly afterwards: readonly number[];
}

/** Scores contestants on the scored windows of one person. */
export interface PersonScorer {
  readonly windows: number;
  readonly stretches: number;
  accuracy(answers: readonly number[]): number;
  against(answers: readonly number[], champion: readonly number[]): PairedInterval;
  learner(answers: ScoredAnswers, champion: readonly number[]): LearnerScore;
}

/** Creates it. @param random the person's own */
export function createPersonScorer(
  scored: readonly HaptWindow[],
  random: () => Random,
): PersonScorer {
  const truths = scored.map(({ label }) => label as number);
  const blocks = blocksOf(scored);
  const correct = (answers: readonly number[]): boolean[] =>
    answers.map((answer, index) => answer === truths[index]);
  const accuracy = (answers: readonly number[]): number => personAccuracy(answers, truths).accuracy;
  const against: PersonScorer["against"] = (answers, champion) =>
    pairedInterval(correct(answers), correct(champion), blocks, random());
  return {
    windows: scored.length,
    stretches: (blocks.at(-1) as number) + 1,
    accuracy,
    against,
    learner: ({ onArrival, afterwards }, champion) => ({
      onArrival: accuracy(onArrival),
      afterwards: accuracy(afterwards),
      interval: against(afterwards, champion),
    }),
  };
}
